import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { distrust } from '../../config/trust.ts';
import { messageOf, type Problem } from '../../errors.ts';
import { readWhole } from '../../whole-file.ts';

export interface RuleFile {
  readonly path: string;
  readonly text: string;
}

export interface ReadFiles {
  readonly files: readonly RuleFile[];
  readonly problems: readonly Problem[];
}

const MAX_FILE_BYTES = 16 * 1024 * 1024;
const MAX_FILES = 10_000;
const MAX_LEVELS = 16;

/** Below a directory of rules these hold actors and examples alone; a daemon has no use for them. */
const EXAMPLES = 'examples';

/**
 * Reads the files that are named and all *.yaml, *.yml and *.json below the
 * directories that are named: paths in their order, entries of a directory
 * sorted by name, as bytes compare. *.schema.json is for editors and left out,
 * and so are directories `examples` unless they are asked for.
 */
export function readRuleFiles(
  paths: readonly string[],
  options: {
    readonly examples?: boolean;
    readonly distrusting?: boolean;
    /** Those of the paths that are directories in which nothing need be yet. */
    readonly mayBeEmpty?: readonly string[];
  } = {},
): ReadFiles {
  const { examples = false, distrusting = false, mayBeEmpty = [] } = options;
  const files: RuleFile[] = [];
  const problems: Problem[] = [];

  const visit = (path: string, level: number): void => {
    try {
      const stat = statSync(path);
      if (stat.isDirectory()) {
        if (level > MAX_LEVELS) throw new Error(`directories nested deeper than ${MAX_LEVELS}`);
        for (const name of readdirSync(path).sort()) {
          if (name.startsWith('.') || !(isRuleFile(name) || isDirectory(join(path, name)))) continue;
          if (name === EXAMPLES && !examples) continue;
          visit(join(path, name), level + 1);
        }
        return;
      }
      if (files.length >= MAX_FILES) throw new Error(`more than ${MAX_FILES} rule files`);
      const distrusted = distrusting ? distrust(path) : undefined;
      if (distrusted !== undefined) problems.push(distrusted);
      else files.push({ path, text: readWhole(path, MAX_FILE_BYTES).toString('utf8') });
    } catch (cause) {
      problems.push({ file: path, message: `cannot be read: ${messageOf(cause)}` });
    }
  };

  for (const path of paths) {
    const before = files.length + problems.length;
    visit(path, 0);
    if (files.length + problems.length === before && !mayBeEmpty.includes(path))
      problems.push({ file: path, message: 'there is no rule file in it' });
  }
  return { files, problems };
}

function isRuleFile(name: string): boolean {
  return /\.(?:ya?ml|json)$/.test(name) && !name.endsWith('.schema.json');
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
