import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_DIRECTORY } from './settings.ts';

export interface Version {
  readonly version: string;
  /** The commit that was built: noted in released packages, in a checkout git is asked for it, each time. */
  readonly revision: string;
}

export function readVersion(): Version {
  const { version, revision } = JSON.parse(readFileSync(join(PACKAGE_DIRECTORY, 'package.json'), 'utf8')) as {
    version: string;
    revision?: string;
  };
  return {
    version,
    get revision() {
      return revision ?? checkedOut() ?? 'unknown';
    },
  };
}

function checkedOut(): string | undefined {
  if (!existsSync(join(PACKAGE_DIRECTORY, '.git'))) return undefined;
  const { status, stdout } = spawnSync('git', ['-C', PACKAGE_DIRECTORY, 'rev-parse', '--short=12', 'HEAD'], {
    encoding: 'utf8',
  });
  return status === 0 ? stdout.trim() : undefined;
}

/** The text of --version. */
export function versionText({ version, revision }: Version): string {
  return `bpfwarden ${version} (revision ${revision}, node ${process.versions.node}, ${process.platform} ${process.arch})\n`;
}
