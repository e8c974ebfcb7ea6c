import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { asksForDaemon, LATE_FLAGS, LEAN_FLAGS, LEAN_MALLOC } from '../../src/cli/lean.ts';

const ROOT = join(import.meta.dirname, '..', '..');

describe('the size of the daemon', () => {
  it('is kept by settings that the launcher of packages gives, too', () => {
    const launcher = readFileSync(join(ROOT, 'packaging', 'bpfwarden.sh'), 'utf8');
    expect(launcher).to.include(` ${LEAN_FLAGS.join(' ')} `);
    for (const [name, value] of Object.entries(LEAN_MALLOC)) expect(launcher).to.include(`${name}:-${value}`);
  });

  it('costs no second beginning with `npm start`', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: { start: string } };
    const environment = Object.entries(LEAN_MALLOC).map(([name, value]) => `${name}=${value}`);
    expect(scripts.start).to.equal([...environment, 'node', ...LEAN_FLAGS, 'dist/main.js'].join(' '));
  });

  it('is about the daemon alone', () => {
    for (const line of ['', 'run', '--config.file=/etc/c.toml', 'run --config.file c.toml'])
      expect(asksForDaemon(line.split(' ').filter(Boolean)), line).to.equal(true);
    for (const line of ['check', '--config.file=c.toml rules', '--help', '-V', 'run --help'])
      expect(asksForDaemon(line.split(' ')), line).to.equal(false);
  });

  it('is set by beginning once more as the same process', function () {
    if (!('execve' in process)) this.skip();
    const program = `
      import { becomeLean } from '${join(ROOT, 'src/cli/lean.ts')}';
      if (process.env.FIRST === undefined) {
        process.env.FIRST = String(process.pid);
        becomeLean();
      }
      becomeLean();
      console.log(JSON.stringify([process.execArgv, process.env.MALLOC_ARENA_MAX, process.env.MALLOC_MMAP_THRESHOLD_, process.env.FIRST === String(process.pid)]));
    `;
    const { MALLOC_ARENA_MAX: _, MALLOC_MMAP_THRESHOLD_: ___, NODE_OPTIONS: __, ...env } = process.env;
    const loader = ['--import', 'tsx', '--input-type=module'];
    const { stdout, stderr } = spawnSync(process.execPath, [...loader, '--eval', program], {
      cwd: ROOT,
      env,
      encoding: 'utf8',
    });
    expect(stderr).to.equal('');
    const [flags, arenas, threshold, same] = JSON.parse(stdout) as [string[], string, string, boolean];
    expect(flags).to.include.members([...LEAN_FLAGS]);
    expect([arenas, threshold, same]).to.deep.equal([...Object.values(LEAN_MALLOC), true]);
  });

  it('leaves the code that Node comes with as it is: made for other flags it would be compiled anew', () => {
    const compiled = (flags: readonly string[]) => {
      const { stdout, stderr } = spawnSync(process.execPath, [...flags, '--eval', "require('node:http')"], {
        env: { ...process.env, NODE_DEBUG_NATIVE: 'CODE_CACHE' },
        encoding: 'utf8',
      });
      const lines = `${stdout}${stderr}`.split('\n').filter((line) => line.startsWith('Code cache of '));
      return lines.map((line) => line.split(' ').at(-1));
    };
    expect(new Set(compiled(LEAN_FLAGS))).to.deep.equal(new Set(['accepted']));
    expect(compiled([LATE_FLAGS])).to.include('rejected');
  });

  it('is not added to by what the bundle loads: none of it asks for what Node loads when it is asked', () => {
    const program = `
      import { readdirSync } from 'node:fs';
      const bundle = '${join(ROOT, 'dist', 'bundle')}';
      for (const file of readdirSync(bundle).filter((name) => name.startsWith('run-'))) await import(bundle + '/' + file);
      console.log(JSON.stringify(process.moduleLoadList));
    `;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
      encoding: 'utf8',
    });
    expect(stderr).to.equal('');
    const loaded = JSON.parse(stdout) as string[];
    expect(loaded).to.include('NativeModule http');
    expect(loaded.filter((name) => /undici|webcrypto/.test(name))).to.deep.equal([]);
  });
});

describe('a debugger that the environment opened', () => {
  /** Address of the debugger afterwards, and what is left of NODE_OPTIONS. */
  const closed = (options: string, ...flags: string[]): unknown => {
    const program = `
      import { closeDebugger } from '${join(ROOT, 'src/cli/debugger.ts')}';
      import { url } from 'node:inspector';
      closeDebugger();
      console.log(JSON.stringify([url() !== undefined, process.env.NODE_OPTIONS]));
      process.exit();
    `;
    const args = ['--disable-warning=ExperimentalWarning', ...flags, '--input-type=module', '-e', program];
    const env = { ...process.env, NODE_OPTIONS: options };
    return JSON.parse(spawnSync(process.execPath, args, { encoding: 'utf8', env, cwd: ROOT }).stdout);
  };

  it('is closed, and opened by nothing that is started from here', () => {
    expect(closed('--inspect=127.0.0.1:0')).to.deep.equal([false, '']);
    expect(closed('--no-deprecation "--inspect=127.0.0.1:0" --stack-trace-limit=5')).to.deep.equal([
      false,
      '--no-deprecation  --stack-trace-limit=5',
    ]);
  });

  it('stays where the command line asks for it, and nothing changes without one', () => {
    expect(closed('', '--inspect=127.0.0.1:0')).to.deep.equal([true, '']);
    expect(closed('--stack-trace-limit=5')).to.deep.equal([false, '--stack-trace-limit=5']);
  });
});
