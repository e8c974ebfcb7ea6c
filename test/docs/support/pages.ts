import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

export const ROOT = join(import.meta.dirname, '..', '..', '..');
const LEFT_OUT = new Set(['node_modules', 'build', 'dist', '.git', '.cache', 'render']);

/** Every Markdown page of the repository. */
export function pages(directory = ROOT): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    if (LEFT_OUT.has(entry.name)) return [];
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return pages(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

export interface Block {
  /** The page, below the repository, and the line of the first command. */
  readonly where: string;
  readonly commands: readonly string[];
  /** What the mark before the block says: why its commands are not run. */
  readonly notRun: string | undefined;
}

/** The shell blocks of a page. In a console block the lines with a prompt are commands, the others are answers. */
export function blocksOf(page: string): Block[] {
  const text = readFileSync(page, 'utf8');
  return [...text.matchAll(/(?:<!-- not run: ([^>]+?) -->\s*)?^ *```(sh|bash|console)\n([\s\S]*?)^ *```/gm)].map(
    ([, notRun, language, block = ''], _index) => {
      const line = text.slice(0, text.indexOf(block)).split('\n').length;
      const lines = block
        .replaceAll(/\\\n\s*/g, ' ')
        .replaceAll(/\|\n\s*/g, '| ')
        .split('\n');
      const commands =
        language === 'console'
          ? lines.filter((entry) => /^(?:[#$]|\w+@?\w*\$) /.test(entry)).map((entry) => entry.replace(/^\S+ /, ''))
          : lines.map((entry) => entry.trim()).filter((entry) => entry !== '' && !entry.startsWith('#'));
      return { where: `${relative(ROOT, page)}:${line}`, commands, notRun };
    },
  );
}
