import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Problem } from '../errors.ts';

/**
 * Why a file must not tell a root daemon what to do: somebody else could
 * change it. Undefined when nobody but its owner and group can.
 */
export function distrust(file: string): Problem | undefined {
  const remedy = (path: string) => `chmod o-w ${path}, or start with --allow-unsafe-files`;
  const stat = statSync(file, { throwIfNoEntry: false });
  // That it is missing is said by whoever reads it.
  if (stat === undefined) return undefined;
  if ((stat.mode & 0o002) !== 0) return { file, message: 'everybody may write it', remedy: remedy(file) };
  const directory = dirname(file);
  const above = statSync(directory);
  // In a sticky directory, such as /tmp, only the owner of a file can replace it.
  if ((above.mode & 0o002) !== 0 && (above.mode & 0o1000) === 0)
    return { file, message: 'everybody may replace it: its directory is open', remedy: remedy(directory) };
  return undefined;
}
