/**
 * Says so and ends where this Node.js is too old: what follows would fail at its
 * first use of something newer. The first import of main.ts, so that nothing runs
 * before it.
 */
const LEAST = 22;

if (Number.parseInt(process.versions.node, 10) < LEAST) {
  process.stderr.write(
    `bpfwarden: it needs Node.js ${LEAST} or newer, and this is ${process.versions.node} (${process.execPath}). ` +
      'The packages carry their own; in a checkout `npm start` brings one.\n',
  );
  process.exit(2);
}
