/**
 * The shipped rules in one form: lists of words fold at 118 columns, what a rule
 * is rated at is one line, examples are one line each without gaps, a line of a
 * condition that nobody reads to its end is broken before && and ||. Text and
 * comments stay as they are. `npm run lint` checks; `npm run format` writes.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { layOutLine } from '../src/rules/cel/layout.ts';
import { RATING_KEYS } from '../src/rules/file/keys.ts';

const WIDTH = 118;
/** A line of a condition that is longer is broken, into lines of this width where its texts allow. */
const LONGEST_CEL = 300;
const CEL_WIDTH = 160;
const RULES = join(import.meta.dirname, '..', 'rules');
const ITEM = /^ {4}- (\S.*)$/;
/** A word that means the same inside brackets. */
const PLAIN = /^(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|(?:[\w/.+=$^()]|-\S)[^,[\]{}"'#&*!|>@`]*)$/;
const RATED = new RegExp(`^ {4}(${Object.keys(RATING_KEYS).join('|')}): (\\S.*)$`);

/** `["a", "b"]` over several lines below its key. */
function folded(items: readonly string[]): string[] {
  const lines: string[] = [];
  let line = '   ';
  for (const [index, item] of items.entries()) {
    const word = ` ${PLAIN.test(item) ? item : JSON.stringify(item)}${index < items.length - 1 ? ',' : ''}`;
    if (line.length + word.length > WIDTH && line.trim() !== '') {
      lines.push(line);
      line = '   ';
    }
    line += word;
  }
  return [...lines, line];
}

/** Lists of a file, from where `lists:` begins to the next key at the left. */
function foldLists(lines: readonly string[]): string[] {
  const result: string[] = [];
  let inLists = false;
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? '';
    if (/^\S/.test(line) && !line.startsWith('#')) inLists = line === 'lists:';
    let end = at + 1;
    const items: string[] = [];
    for (; inLists && /^ {2}\w+:$/.test(line) && end < lines.length; end++) {
      const item = ITEM.exec(lines[end] ?? '')?.[1];
      if (item === undefined) break;
      items.push(item);
    }
    // A list with comments, or of anything but words, stays as it is.
    const plain = items.length > 0 && items.every((item) => !item.includes(' #') && !/^[&*!|>{[]/.test(item));
    if (!plain || /^ {4}/.test(lines[end] ?? '')) result.push(line);
    else {
      const whole = `${line} [${folded(items)
        .map((part) => part.trim())
        .join(' ')}]`;
      result.push(...(whole.length <= WIDTH ? [whole] : [`${line} [`, ...folded(items), '  ]']));
      at = end - 1;
    }
  }
  return result;
}

/** severity and what follows of risk_score, confidence and recommendation, as `rating`. */
function foldRatings(lines: readonly string[]): string[] {
  const result: string[] = [];
  let rating: string[] = [];
  const flush = () => {
    if (rating.length > 0) result.push(`    rating: {${rating.join(', ')}}`);
    rating = [];
  };
  for (const line of lines) {
    const [, key, value = ''] = RATED.exec(line) ?? [];
    if (key !== undefined && PLAIN.test(value) && (key === 'severity' || rating.length > 0))
      rating.push(`${key}: ${value}`);
    else {
      flush();
      result.push(line);
    }
  }
  flush();
  return result;
}

/** Macros, conditions and steps of sequences: the blocks below `condition: |`, `- |` and the names of macros. */
function breakConditions(lines: readonly string[]): string[] {
  let section = '';
  let block: number | undefined;
  return lines.flatMap((line) => {
    const indent = line.search(/\S/);
    if (indent === 0 && line[0] !== '#') section = line;
    if (block !== undefined && indent >= 0 && indent <= block) block = undefined;
    if (block !== undefined) return line.length > LONGEST_CEL ? layOutLine(line, CEL_WIDTH).split('\n') : [line];
    if (section === 'macros:' ? /^ {2}\w+: \|$/.test(line) : /^ +(?:condition: |- )\|$/.test(line)) block = indent;
    return [line];
  });
}

export function formatRules(text: string): string {
  return breakConditions(foldRatings(foldLists(text.split('\n')))).join('\n');
}

/** A name stands out by its indentation: no gap is needed before it. */
export function formatExamples(text: string): string {
  return text.replace(/\n\n(?= {2}\S)/g, '\n');
}

if (process.argv[1] === import.meta.filename) {
  for (const [directory, format] of [
    [RULES, formatRules],
    [join(RULES, 'examples'), formatExamples],
  ] as const) {
    for (const name of readdirSync(directory).filter((file) => file.endsWith('.yaml'))) {
      const path = join(directory, name);
      const text = readFileSync(path, 'utf8');
      const formatted = format(text);
      if (formatted === text) continue;
      if (process.argv.includes('--write')) writeFileSync(path, formatted);
      else {
        console.error(`format-pack: ${path} is not in the form of the pack: npm run format`);
        process.exitCode = 1;
      }
    }
  }
}
