/**
 * How a condition in CEL is laid out for reading: broken over lines before
 * && and ||, brackets opened where they do not fit, long lists filled. Only
 * white space between tokens changes.
 */

const WIDTH = 100;
const STEP = '  ';
const TOKEN = /\s+|r?'(?:[^'\\\n]|\\.)*'|r?"(?:[^"\\\n]|\\.)*"|&&|\|\||[A-Za-z_]\w*|[\s\S]/gy;
const RAW_TOKEN = /\br'[^'\n]*'|\br"[^"\n]*"/;

/** A token, or what stands between two brackets with them. */
type Part = string | { readonly open: string; readonly parts: readonly Part[]; readonly close: string };

/** The condition over lines; as it is where it has lines or comments of its own, or is short. */
export function layOutCondition(text: string): string {
  const line = oneLine(text);
  if (line === undefined || text.includes('\n') || line.length <= WIDTH - 20) return text;
  const parts = partsOf(line);
  return parts === undefined ? text : layOut(parts, '', WIDTH);
}

/**
 * One line of a condition that is laid out already, from the operator that it begins
 * with, over several where it is too long; as it is where that could change it.
 */
export function layOutLine(text: string, width: number): string {
  const [, indent = '', operator = '', rest = ''] = /^( *)((?:&& |\|\| )?)(.*)$/.exec(text) ?? [];
  const parts = text.length > width && oneLine(rest) === rest ? partsOf(rest) : undefined;
  return parts === undefined ? text : indent + operator + layOut(parts, indent, width);
}

/** The condition with single spaces; undefined where that could change it (comments, text over lines). */
export function oneLine(text: string): string | undefined {
  const tokens = tokensOf(text);
  if (tokens === undefined) return undefined;
  const blank = (token: string | undefined) => token === undefined || token.trim() === '';
  return tokens
    .filter((token, at) => !blank(token) || !(opens(tokens[at - 1]) || closes(tokens[at + 1])))
    .map((token) => (blank(token) ? ' ' : token))
    .join('')
    .trim();
}

const opens = (token: string | undefined): boolean => token === '(' || token === '[' || token === '{';
const closes = (token: string | undefined): boolean => token === ')' || token === ']' || token === '}';

function tokensOf(text: string): string[] | undefined {
  // A raw string may end in a backslash, and three quotes hold lines.
  if (/'''|"""|\/\//.test(text) || (RAW_TOKEN.test(text) && /\\['"]/.test(text))) return undefined;
  return text.match(TOKEN) ?? [];
}

function partsOf(line: string): readonly Part[] | undefined {
  const root: Part[] = [];
  const open: { bracket: string; parts: Part[] }[] = [];
  let parts = root;
  for (const token of tokensOf(line) ?? []) {
    if (opens(token)) {
      open.push({ bracket: token, parts });
      parts = [];
    } else if (closes(token)) {
      const last = open.pop();
      if (last === undefined) return undefined;
      last.parts.push({ open: last.bracket, parts, close: token });
      parts = last.parts;
    } else parts.push(token);
  }
  return open.length === 0 ? root : undefined;
}

function textOf(parts: readonly Part[]): string {
  return parts.map((part) => (typeof part === 'string' ? part : part.open + textOf(part.parts) + part.close)).join('');
}

/** The parts between the operators, without the blanks around them. */
function split(parts: readonly Part[], operator: string): Part[][] {
  const pieces: Part[][] = [[]];
  for (const part of parts) {
    if (part === operator) pieces.push([]);
    else pieces.at(-1)?.push(part);
  }
  return pieces.map(trim);
}

function trim(parts: readonly Part[]): Part[] {
  const blank = (part: Part | undefined) => part === ' ';
  return parts.slice(blank(parts[0]) ? 1 : 0, parts.length > 1 && blank(parts.at(-1)) ? -1 : undefined);
}

function layOut(parts: readonly Part[], indent: string, width: number): string {
  const flat = textOf(parts);
  if (indent.length + flat.length <= width) return flat;
  if (!parts.includes('?')) {
    for (const operator of ['||', '&&']) {
      if (!parts.includes(operator)) continue;
      const [first = [], ...rest] = split(parts, operator);
      // && binds tighter than ||: what it joins stands further in.
      const piece = (one: readonly Part[]) => layOut(one, one.includes('&&') ? indent + STEP : indent, width);
      return [piece(first), ...rest.map((one) => `${indent}${operator} ${piece(one)}`)].join('\n');
    }
  }
  return opened(parts, indent, width);
}

/** The longest bracket of these parts is opened over lines. */
function opened(parts: readonly Part[], indent: string, width: number): string {
  let longest = -1;
  let most = 0;
  for (const [at, part] of parts.entries()) {
    const length = typeof part === 'string' ? 0 : textOf(part.parts).length;
    if (length > most) [longest, most] = [at, length];
  }
  const bracket = parts[longest];
  if (bracket === undefined || typeof bracket === 'string') return textOf(parts);
  const inner = indent + STEP;
  const before = textOf(parts.slice(0, longest));
  const after = parts.slice(longest + 1);
  const tail = indent.length + 1 + textOf(after).length > width ? opened(after, indent, width) : textOf(after);
  const items = split(bracket.parts, ',');
  const last = items.pop() ?? [];
  const head = items.map((item) => `${textOf(item)}, `).join('');
  const joins = last.includes('&&') || last.includes('||');
  // x.exists(a, a in [ opens what is inside, at the indentation of the call.
  if (bracket.open === '(' && items.length > 0 && !joins) {
    return `${before}(${head}${opened(last, indent, width)})${tail}`;
  }
  const content =
    bracket.open === '('
      ? `${head.trimEnd()}${head === '' ? '' : `\n${inner}`}${layOut(last, inner, width)}`
      : filled([...items, last], inner, width);
  const start = bracket.open === '(' && head !== '' ? '(' : `${bracket.open}\n${inner}`;
  return `${before}${start}${content}\n${indent}${bracket.close}${tail}`;
}

/** Items of a list or map, as many on a line as fit. */
function filled(items: readonly (readonly Part[])[], indent: string, width: number): string {
  const lines: string[] = [];
  let line = '';
  for (const [at, item] of items.entries()) {
    const text = textOf(item) + (at === items.length - 1 ? '' : ',');
    if (line !== '' && indent.length + line.length + 1 + text.length > width) {
      lines.push(line);
      line = text;
    } else line = line === '' ? text : `${line} ${text}`;
  }
  return [...lines, line].join(`\n${indent}`);
}
