/** What every part of a release is told: for which processor, from which revision, at what time. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..', '..');

/** One processor under the names that others give it. */
export const ARCHITECTURES = {
  x64: { debian: 'amd64', rpm: 'x86_64', oci: 'amd64', strip: 'x86_64-linux-gnu-strip', triplet: 'x86_64-linux-gnu' },
  arm64: {
    debian: 'arm64',
    rpm: 'aarch64',
    oci: 'arm64',
    strip: 'aarch64-linux-gnu-strip',
    triplet: 'aarch64-linux-gnu',
  },
} as const;
export type Arch = keyof typeof ARCHITECTURES;

export interface Release {
  readonly version: string;
  /** The commit, with "-dirty" where the checkout differs from it. */
  readonly revision: string;
  /** Every time in the artefacts: SOURCE_DATE_EPOCH, by default the commit's. */
  readonly epoch: number;
  /** Where the artefacts go. */
  readonly output: string;
}

export interface Target extends Release {
  readonly arch: Arch;
  /** Scratch place of this processor. */
  readonly work: string;
  /** The program as it is installed. */
  readonly tree: string;
}

const environment = (epoch: number) => ({ ...process.env, SOURCE_DATE_EPOCH: String(epoch), LC_ALL: 'C', TZ: 'UTC' });

/** Runs a program; its output is shown only when it fails. */
export function run(
  epoch: number,
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): string {
  const result = spawnSync(command, [...args], {
    cwd: options.cwd ?? ROOT,
    env: { ...environment(epoch), ...options.env },
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (result.status === 0) return result.stdout;
  const said = result.error?.message ?? `${result.stdout}${result.stderr}`;
  throw new Error(`${[command, ...args].join(' ')}\n${said}`);
}

export function has(command: string): boolean {
  return (process.env.PATH ?? '').split(':').some((directory) => existsSync(join(directory, command)));
}

export function describeRelease(output: string, named: string | undefined): Release {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  const git = (...args: string[]) => run(0, 'git', args).trim();
  const dirty = git('status', '--porcelain') !== '';
  const epoch = Number(process.env.SOURCE_DATE_EPOCH ?? git('log', '-1', '--format=%ct'));
  return {
    version: named ?? version,
    revision: `${git('rev-parse', '--short=12', 'HEAD')}${dirty ? '-dirty' : ''}`,
    epoch,
    output,
  };
}

export function emptyDirectory(path: string): string {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  return path;
}

export function write(path: string, text: string, mode = 0o644): void {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text, { mode });
}

/** All files below a directory, as sorted relative paths. */
export function filesBelow(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort();
}

/** Gives everything below a directory one time: packers that keep times then write the same bytes. */
export function setTimes(directory: string, epoch: number): void {
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true }))
    if (!entry.isSymbolicLink()) utimesSync(join(entry.parentPath, entry.name), epoch, epoch);
  utimesSync(directory, epoch, epoch);
}
