/**
 * Where compiled rules lie: what came with the program, for the rules that came
 * with it, and what an earlier start left in the daemon's cache directory. Both
 * are for exactly these rule files and this program; whatever is amiss, the files
 * are read instead.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { distrust } from '../../config/trust.ts';
import { messageOf, type Problem } from '../../errors.ts';
import type { RuleFile } from '../file/files.ts';
import { type Compiled, decodeRules, encodeRules } from './encoding.ts';

/** Beside the program: what tells it from every other build. Without it nothing is compiled ahead, as in tests. */
const PROGRAM_ID = fileURLToPath(new URL('../../program.id', import.meta.url));
export const SHIPPED = fileURLToPath(new URL('../../rules.compiled', import.meta.url));
/** In the cache directory. */
const CACHED = 'rules.compiled';
const MAX_BYTES = 64 * 1024 * 1024;

/** Names the rule files and the program that a text is for. undefined: this program's build is not known. */
export function compilationKey(files: readonly RuleFile[], paths: readonly string[]): string | undefined {
  if (!existsSync(PROGRAM_ID)) return undefined;
  const hash = createHash('sha256').update(readFileSync(PROGRAM_ID));
  for (const { path, text } of files) {
    const above = paths.findIndex((each) => !relative(each, path).startsWith('..'));
    // Where the directory lies does not matter, the order of the directories and what is called how in them does.
    const name = JSON.stringify([above, relative(paths[above] ?? '/', path), text.length]);
    hash.update(`${name}\n`).update(text);
  }
  return hash.digest('hex');
}

export interface Found {
  readonly rules: Compiled | undefined;
  /** Files that should have had them and are damaged, or open to others. */
  readonly problems: readonly Problem[];
}

export function readCompiled(key: string, places: readonly string[], files: readonly RuleFile[]): Found {
  const problems: Problem[] = [];
  for (const place of places) {
    try {
      if (!existsSync(place)) continue;
      const refused = refusal(place);
      if (refused !== undefined) {
        problems.push(refused);
        continue;
      }
      const bytes = readFileSync(place);
      const end = bytes.indexOf('\n');
      const [itsKey, sum] = bytes.toString('latin1', 0, end).split(' ');
      if (itsKey !== key) continue;
      const body = bytes.subarray(end + 1);
      if (sumOf(body) !== sum) throw new Error('it is not what was written');
      return {
        rules: decodeRules(
          body.toString('latin1'),
          files.map(({ path }) => path),
        ),
        problems,
      };
    } catch (error) {
      problems.push({ file: place, message: `compiled rules cannot be used: ${messageOf(error)}` });
    }
  }
  return { rules: undefined, problems };
}

/** Why a file must not stand in for rules: whoever could write it could switch rules off. */
function refusal(file: string): Problem | undefined {
  const { size, uid } = statSync(file);
  if (size > MAX_BYTES) return { file, message: `larger than ${MAX_BYTES} bytes` };
  const owners = [0, process.geteuid?.(), statSync(PROGRAM_ID, { throwIfNoEntry: false })?.uid];
  if (!owners.includes(uid)) return { file, message: `it belongs to user ${uid}`, remedy: `remove ${file}` };
  return distrust(file);
}

const sumOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Leaves the rules for the next start. False: these cannot be written down. Throws what writing throws. */
export function writeCompiled(key: string, place: string, rules: Compiled, files: readonly RuleFile[]): boolean {
  const body = encodeRules(
    rules,
    files.map(({ path }) => path),
  );
  if (body === undefined) return false;
  const bytes = Buffer.from(body, 'latin1');
  const temporary = `${place}.${process.pid}`;
  writeFileSync(temporary, Buffer.concat([Buffer.from(`${key} ${sumOf(bytes)}\n`), bytes]), { mode: 0o644 });
  renameSync(temporary, place);
  return true;
}

export const cachedIn = (directory: string): string => join(directory, CACHED);
