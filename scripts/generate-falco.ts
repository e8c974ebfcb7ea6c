/** Writes the tables of docs/falco.md, between its markers, from those of src/rules/falco. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EVENT_TYPES } from '../src/rules/falco/events.ts';
import { ARGUMENTS_OF } from '../src/rules/falco/fields/arguments.ts';
import { FALCO_FIELDS, type FalcoField } from '../src/rules/falco/fields/table.ts';
import { PRIORITIES } from '../src/rules/falco/priority.ts';
import { ENGINE_VERSION } from '../src/rules/falco/requirements.ts';
import { MODIFIERS, OPERATORS, TRANSFORMERS } from '../src/rules/falco/syntax.ts';

const FILE = 'docs/falco.md';

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const code = (text: string): string => `\`${text}\``;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}

const PLACES: Readonly<Record<NonNullable<FalcoField['argument']>, string>> = {
  index: '[n]',
  'optional index': '[n]',
  key: '[KEY]',
  'optional key': '[KEY]',
  name: '.NAME',
  'name or index': '.NAME, [n]',
};

function fieldRow(name: string, { argument, differs, missing }: FalcoField): string[] {
  const shown = argument === undefined ? code(name) : `${code(name)}, ${code(name + (PLACES[argument] ?? ''))}`;
  if (missing !== undefined) return [shown, 'not there', missing];
  return differs === undefined ? [shown, 'same', ''] : [shown, 'differs', differs];
}

function fields(): string {
  const families = new Map<string, string[][]>();
  for (const [name, field] of Object.entries(FALCO_FIELDS)) {
    const family = name.split('.')[0] ?? name;
    families.set(family, [...(families.get(family) ?? []), fieldRow(name, field)]);
  }
  return [...families]
    .map(([family, rows]) => `### ${family}.*\n${table(['field', 'here', 'difference, or why not'], rows)}`)
    .join('\n\n');
}

const BLOCKS: Readonly<Record<string, () => string>> = {
  engine: () =>
    `The language is that of Falco 0.45 (rule engine ${ENGINE_VERSION}). Operators: ${OPERATORS.map(code).join(', ')}. Modifiers: ${MODIFIERS.map(code).join(', ')}. Transformers: ${TRANSFORMERS.map((name) => code(`${name}()`)).join(', ')}; ${code('val()')} on the right side of a comparison.`,
  priorities: () =>
    table(
      ['priority', 'severity', 'risk score'],
      Object.entries(PRIORITIES).map(([name, { severity, riskScore }]) => [name, severity, String(riskScore)]),
    ),
  events: () =>
    table(
      ['`evt.type`', 'our kind', 'which', '`evt.arg.`'],
      Object.entries(EVENT_TYPES).map(([kind, { types, only, note }]) => [
        (only ?? types).map(code).join(', '),
        code(kind),
        note ?? '',
        ARGUMENTS_OF(kind).map(code).join(', '),
      ]),
    ),
  fields,
};

/** docs/falco.md with its tables written anew. */
export function falcoReference(): string {
  let text = readFileSync(join(import.meta.dirname, '..', FILE), 'utf8');
  for (const [name, block] of Object.entries(BLOCKS)) {
    const [begin, end] = [`<!-- generated: ${name} -->\n`, '\n<!-- end -->'];
    const from = text.indexOf(begin);
    const to = text.indexOf(end, from);
    if (from < 0 || to < 0) throw new Error(`${FILE} has no place for the block "${name}"`);
    text = text.slice(0, from + begin.length) + block() + text.slice(to);
  }
  return text;
}

export const OUTPUTS: Readonly<Record<string, () => string>> = { [FILE]: falcoReference };

if (import.meta.url === `file://${process.argv[1]}`) {
  for (const [file, text] of Object.entries(OUTPUTS)) writeFileSync(file, text());
}
