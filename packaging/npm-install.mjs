// Run by npm after the package is there: nothing is compiled where the prebuilt
// addon loads; otherwise this says why not, compiles, or says what that needs.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const say = (text) => process.stderr.write(`bpfwarden: ${text}\n`);
const fits = (path) => {
  try {
    createRequire(import.meta.url)(path);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.split('\n')[0] : String(error);
  }
};

const prebuilt = join(root, 'prebuilds', `${process.platform}-${process.arch}`, 'Release', 'bpfwarden.node');
const reason = existsSync(prebuilt)
  ? fits(prebuilt)
  : `the package has none for ${process.platform} ${process.arch}`;
if (reason === undefined) {
  say(`the prebuilt addon fits this host; nothing is compiled`);
  process.exit(0);
}
say(`the prebuilt addon does not fit (${reason}); compiling`);
const gyp = process.env.npm_config_node_gyp;
const steps = [
  ['bash', ['scripts/build-bpf.sh']],
  gyp === undefined ? ['node-gyp', ['rebuild']] : [process.execPath, [gyp, 'rebuild']],
];
for (const [command, args] of steps) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (status === 0) continue;
  say(`${command} ${args.join(' ')} failed${error === undefined ? '' : `: ${error.message}`}`);
  say('it needs clang, g++, make, python3, pkg-config, bpftool, libbpf-dev, libelf-dev and zlib1g-dev (names of Debian)');
  say('the tarball, .deb, .rpm and image of a release need none of them');
  process.exit(1);
}
