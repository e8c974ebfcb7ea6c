/**
 * The program as a few files instead of five hundred, beside the readable ones:
 * dist/bundle. Half of the CPU and 25 MiB of what a start costs is finding,
 * reading and linking modules one by one. loading.ts takes it when it is newer than
 * what it was made of. Files that are started by themselves (workers, the check of
 * the spool) stay where they are.
 *   bundle.ts DIST
 */
import { readFileSync, rmSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { join, relative, resolve, sep } from 'node:path';
import { argv, exit } from 'node:process';
import { build, type Plugin } from 'esbuild';

const [given] = argv.slice(2);
if (given === undefined) {
  console.error('usage: bundle.ts DIST');
  exit(1);
}
const dist = resolve(given);
const out = join(dist, 'bundle');

/** A module goes on finding what lies beside it by the place that it had. */
const keepsPlaces: Plugin = {
  name: 'places',
  setup({ onLoad }) {
    onLoad({ filter: /\.js$/ }, ({ path }) => {
      if (!path.startsWith(dist + sep)) return undefined;
      const text = readFileSync(path, 'utf8');
      if (!text.includes('import.meta.')) return undefined;
      const place = `new URL(${JSON.stringify(`../${relative(dist, path)}`)}, import.meta.url)`;
      const contents = text
        .replaceAll('import.meta.url', `${place}.href`)
        .replaceAll('import.meta.filename', `process.getBuiltinModule('node:url').fileURLToPath(${place})`);
      return { contents, loader: 'js' };
    });
  },
};

/**
 * Node's own modules by `require`, and of each what is used: to who imports one Node gives
 * all of it, for which it loads what else waits until it is asked for, such as its web client.
 */
const requiresNode: Plugin = {
  name: 'node',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^[\w:/]+$/ }, ({ kind, path }) =>
      kind === 'import-statement' && isBuiltin(path) ? { path, namespace: 'node' } : undefined,
    );
    onLoad({ filter: /^/, namespace: 'node' }, ({ path }) => {
      const names = Object.keys(createRequire(import.meta.url)(path)).filter((name) => /^[A-Za-z]\w*$/.test(name));
      const lines = [
        `const all = require(${JSON.stringify(path)});`,
        'const of = (name) => all[name];',
        'export { all as default };',
        // What nobody uses is left out.
        ...names.map((name) => `export const ${name} = /* @__PURE__ */ of('${name}');`),
      ];
      return { contents: lines.join('\n') };
    });
  },
};

rmSync(out, { recursive: true, force: true });
await build({
  entryPoints: [join(dist, 'program.js')],
  outdir: out,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22',
  // It finds its own addon by where it lies.
  external: ['lmdb'],
  plugins: [keepsPlaces, requiresNode],
  // For packages that are CommonJS.
  banner: {
    js: "import { createRequire as requireOf } from 'node:module';\nconst require = requireOf(import.meta.url);",
  },
  // V8 keeps the text of what is loaded, two bytes a character where a comment has one that is
  // not Latin-1: without comments it is 3 MiB instead of 9. Names stay, for traces of the stack.
  minifyWhitespace: true,
  lineLimit: 160,
  legalComments: 'none',
  logLevel: 'warning',
});
