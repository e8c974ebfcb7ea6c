import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scene } from './scenario.ts';

const SCRIPTS = join(import.meta.dirname, 'root');
const PROGRAMS = join(import.meta.dirname, '..', 'build', 'quality', 'programs.tar');
/** So many times longer than a scene should take it may, on a host that does other things, too. */
const PATIENCE = 2;
/** In memory: the layers of an overlay must not lie in the file system that it is made of. */
const MEMORY = '/dev/shm';

export interface Performance {
  readonly scene: Scene;
  /** Exit status of the script; -1 when it was stopped for time, undefined when it was not begun. */
  readonly status: number | undefined;
  /** Why it was not begun, or the end of what it wrote. */
  readonly output: string;
}

/** With it the mark of every scene begins. */
export const MARK_BEGIN = 'quality-scenario-';

/** The mark that every process of a scene has among its ancestors. */
export function markOf(scene: Pick<Scene, 'id'>): string {
  return `${MARK_BEGIN}${scene.id.replaceAll('/', '+')}`;
}

/**
 * Where scenes are performed: a copy of the host's root file system in memory,
 * made for each scene and gone after it, below a user namespace, so that
 * nothing of the host can be changed (quality/root/).
 */
export class Stage {
  readonly #template: string;
  /** Programs that the host or the installed layer have not. */
  readonly #missing = new Map<string, boolean>();

  constructor() {
    if (process.getuid?.() !== 0) throw new Error('namespaces over the root file system need root');
    this.#template = mkdtempSync(join(MEMORY, 'bpfwarden-quality-'));
    for (const name of ['people', 'programs', 'sysctl', 'scripts', 'scenarios']) mkdirSync(join(this.#template, name));
    cpSync(SCRIPTS, join(this.#template, 'scripts'), { recursive: true });
    if (existsSync(PROGRAMS)) {
      run('tar', ['--xattrs', '--xattrs-include=*', '-xf', PROGRAMS, '-C', join(this.#template, 'programs')]);
    }
    // Values that cannot be read are left out.
    spawnSync('cp', ['-r', '/proc/sys/kernel', '/proc/sys/fs', '/proc/sys/vm', join(this.#template, 'sysctl')]);
    mkdirSync(join(this.#template, 'sysctl', 'net'));
    const layer = [join(this.#template, 'people'), join(SCRIPTS, 'people.sh'), join(this.#template, 'programs')];
    run('unshare', ['--mount', 'bash', join(SCRIPTS, 'layer.sh'), ...layer]);
  }

  /** Installs the programs of packages.txt into a layer that later stages lie on. */
  static install(): void {
    const base = mkdtempSync(join(MEMORY, 'bpfwarden-layer-'));
    try {
      cpSync(join(import.meta.dirname, 'packages.txt'), join(base, 'packages'));
      run('unshare', ['--mount', 'bash', join(SCRIPTS, 'layer.sh'), base, join(SCRIPTS, 'programs.sh')]);
      mkdirSync(join(PROGRAMS, '..'), { recursive: true });
      run('tar', ['--xattrs', '--xattrs-include=*', '-cf', PROGRAMS, '-C', join(base, 'upper'), '.']);
      console.log(`${PROGRAMS}: ${(statSync(PROGRAMS).size / 1e6).toFixed(0)} MB`);
    } finally {
      rmSync(base, { recursive: true, force: true });
    }
  }

  /** Performs a scene; ends when its script has ended or its time is over. */
  async perform(scene: Scene): Promise<Performance> {
    const missing = scene.needs.filter((name) => this.#lacks(name));
    if (missing.length > 0) return { scene, status: undefined, output: `not on this host: ${missing.join(', ')}` };
    const name = scene.id.replaceAll('/', '+');
    const directory = join(this.#template, 'scenarios', name);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'task'), scene.script.endsWith('\n') ? scene.script : `${scene.script}\n`);
    writeFileSync(join(directory, 'prepare'), scene.prepare);
    writeFileSync(join(directory, 'as'), scene.user);
    if (scene.terminal) writeFileSync(join(directory, 'terminal'), '');
    const base = mkdtempSync(join(tmpdir(), 'bpfwarden-stage-'));
    const child = spawn(
      'unshare',
      ['--mount', 'bash', join(this.#template, 'scripts', 'mounts.sh'), base, this.#template, name],
      { stdio: ['ignore', 'pipe', 'pipe'], detached: true },
    );
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        if (output.length < 65_536) output += chunk.toString();
      });
    let late = false;
    const timer = setTimeout(
      () => {
        late = true;
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      },
      scene.seconds * PATIENCE * 1000,
    );
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', () => resolve());
    });
    clearTimeout(timer);
    rmSync(base, { recursive: true, force: true });
    const status = /^status (\d+)$/m.exec(output)?.[1];
    return { scene, status: late ? -1 : status === undefined ? undefined : Number(status), output };
  }

  close(): void {
    rmSync(this.#template, { recursive: true, force: true });
  }

  #lacks(program: string): boolean {
    let lacks = this.#missing.get(program);
    if (lacks === undefined) {
      const places = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
      lacks = !(program.startsWith('/') ? [program] : places.map((place) => join(place, program))).some(
        (path) => existsSync(path) || lstatSync(join(this.#template, 'programs', path), { throwIfNoEntry: false }),
      );
      this.#missing.set(program, lacks);
    }
    return lacks;
  }
}

function run(command: string, args: readonly string[]): void {
  const { status, stderr, stdout, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 26 });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: exit ${status}\n${(stderr + stdout).slice(-2000)}`);
}
