/** Finding and reading the files of other rule languages, which are YAML. */
import { readdirSync, realpathSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { messageOf, type Problem } from '../errors.ts';
import { readWhole } from '../whole-file.ts';
import { MAX_YAML_BYTES } from '../yaml.ts';

const MAX_FILES = 20_000;
const MAX_FOLDERS_DEEP = 32;
const EXTENSIONS = new Set(['.yml', '.yaml']);

export interface SourceFile {
  /** As it was named or found. */
  readonly path: string;
  readonly text: string;
}

/**
 * Reads files and, below directories, every .yml and .yaml file, in the order
 * of their names. A file that is reached twice is read once. What cannot be
 * read is a problem and not an end.
 */
export function readYamlFiles(paths: readonly string[]): { files: SourceFile[]; problems: Problem[] } {
  const files: SourceFile[] = [];
  const problems: Problem[] = [];
  const seen = new Set<string>();

  function visit(path: string, depth: number, named: boolean): void {
    try {
      const real = realpathSync(path);
      if (seen.has(real)) return;
      const stats = statSync(real);
      if (stats.isDirectory()) {
        seen.add(real);
        if (depth > MAX_FOLDERS_DEEP) throw new Error(`more than ${MAX_FOLDERS_DEEP} directories inside one another`);
        for (const name of readdirSync(real).sort()) visit(join(path, name), depth + 1, false);
        return;
      }
      if (!named && !EXTENSIONS.has(extname(path))) return;
      seen.add(real);
      if (files.length >= MAX_FILES) {
        if (files.length === MAX_FILES)
          problems.push({ file: path, message: `more than ${MAX_FILES} files; the rest is left out` });
        return;
      }
      files.push({ path, text: readText(real) });
    } catch (error) {
      problems.push({ file: path, message: `cannot be read: ${messageOf(error)}` });
    }
  }
  for (const path of paths) visit(path, 0, true);
  return { files, problems };
}

function readText(path: string): string {
  const bytes = readWhole(path, MAX_YAML_BYTES);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error('not UTF-8');
  }
}
