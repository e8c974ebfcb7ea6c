/** `output` of a rule: text with `%field` in it, filled in from an event. */
import type { FieldSource, FieldValue } from '../../schema/event.ts';
import { quoted } from '../../visible.ts';
import type { AlertText, RuleOutput } from '../types.ts';
import { EVENT_TYPES } from './events.ts';
import { FalcoFault } from './fault.ts';
import { FALCO_FIELDS } from './fields/table.ts';
import { ABSENT, fieldsOf, valueReader } from './meaning.ts';
import { type Operand, resolveOperand } from './operand.ts';
import { parseOperand } from './parse.ts';
import type { Priority } from './priority.ts';
import { type OperandExpr, TRANSFORMERS } from './syntax.ts';

/** What Falco prints for a field without a value. */
const NOT_AVAILABLE = '<NA>';
const FIELD = /[a-zA-Z]+[a-zA-Z0-9_]*(?:\.[a-zA-Z]+[a-zA-Z0-9_]*)+/y;
const BRACKETS = /\[[^\]]*\]/y;
const NAMES = Object.keys(FALCO_FIELDS).sort((a, b) => b.length - a.length);

type Reader = (event: FieldSource) => FieldValue;

interface Part {
  readonly literal: string;
  readonly operand: Operand | undefined;
  /** Padded or cut to so many characters. */
  readonly width: number;
}

/** Reads the template. Throws FalcoFault for a field that Falco does not have; one that we do not have prints as <NA>. */
export function readOutput(template: string, priority: Priority): RuleOutput {
  const parts = partsOf(template.replace(/^\*/, '').replaceAll('%container.info', ''));
  const readers = new Map<string, readonly Reader[]>();
  const readersFor = (kind: string): readonly Reader[] => {
    const known = readers.get(kind) ?? parts.map(({ operand }) => readerOf(operand, kind));
    if (Object.hasOwn(EVENT_TYPES, kind)) readers.set(kind, known);
    return known;
  };
  return {
    priority,
    template,
    get fields() {
      const kinds = Object.keys(EVENT_TYPES);
      const operands = parts.flatMap(({ operand }) => (operand === undefined ? [] : [operand]));
      return new Set(operands.flatMap((operand) => kinds.flatMap((kind) => fieldsOf(operand.meaning(kind)))));
    },
    render(event): AlertText {
      const fields: Record<string, string | number | boolean | null> = {};
      let text = '';
      readersFor(event.kind).forEach((read, index) => {
        const part = parts[index];
        if (part === undefined) return;
        text += part.literal;
        if (part.operand === undefined) return;
        const value = read(event);
        const printed = Array.isArray(value) ? `(${value.map(String).join(',')})` : value;
        fields[part.operand.name] = typeof printed === 'object' || printed === undefined ? null : (printed as string);
        const shown = printed === undefined ? NOT_AVAILABLE : String(printed);
        text += part.width === 0 ? shown : shown.slice(0, part.width).padEnd(part.width);
      });
      return { text: text.trim(), fields };
    },
  };
}

function readerOf(operand: Operand | undefined, kind: string): Reader {
  if (operand === undefined || operand.missing !== undefined) return () => undefined;
  return valueReader(Object.hasOwn(EVENT_TYPES, kind) ? operand.meaning(kind) : ABSENT);
}

function partsOf(template: string): Part[] {
  const parts: Part[] = [];
  let from = 0;
  for (let at = template.indexOf('%'); at >= 0; at = template.indexOf('%', from)) {
    const digits = /^\d*/.exec(template.slice(at + 1))?.[0] ?? '';
    const { operand, length } = operandAt(template, at + 1 + digits.length);
    parts.push({
      literal: template.slice(from, at),
      operand: resolveOperand(operand),
      width: Math.min(1000, Number(digits)),
    });
    from = at + 1 + digits.length + length;
  }
  parts.push({ literal: template.slice(from), operand: undefined, width: 0 });
  return parts;
}

/** The longest name of a field that the text begins with; what follows it is text again. */
function operandAt(template: string, at: number): { readonly operand: OperandExpr; readonly length: number } {
  if (TRANSFORMERS.some((name) => template.startsWith(`${name}(`, at))) return parseOperand(template, at);
  FIELD.lastIndex = at;
  const whole = FIELD.exec(template)?.[0];
  const family = NAMES.find((name) => whole?.startsWith(name) === true);
  if (whole === undefined || family === undefined) {
    throw new FalcoFault(`the output has no field after the % of ${quoted(template.slice(at - 1, at + 30))}`, {
      unknown: true,
    });
  }
  const row = FALCO_FIELDS[family];
  let name = family;
  if (row?.argument === 'name' || row?.argument === 'name or index') {
    name = /^\.[a-zA-Z]+[a-zA-Z0-9_]*/.test(whole.slice(family.length))
      ? family + (/^\.[a-zA-Z]+[a-zA-Z0-9_]*/.exec(whole.slice(family.length))?.[0] ?? '')
      : family;
  }
  BRACKETS.lastIndex = at + name.length;
  const brackets = row?.argument === undefined ? undefined : BRACKETS.exec(template)?.[0];
  const argument = brackets === undefined ? undefined : brackets.slice(1, -1);
  return { operand: { type: 'field', name, argument }, length: name.length + (brackets?.length ?? 0) };
}
