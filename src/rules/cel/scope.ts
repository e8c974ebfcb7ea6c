/** What a CEL condition can name, and the operands that names and literals become. */
import type { parse } from '@bufbuild/cel';
import { nearest } from '../../nearest.ts';
import type { ProcessSummary } from '../../schema/event.ts';
import { FIELD_ALIASES, FIELD_NAMES, FIELDS, type FieldType, fieldId, fieldName } from '../../schema/fields.ts';
import { RuleError, type TextSource } from '../source.ts';
import type { Literal, Subject } from '../tree.ts';

export type Parsed = ReturnType<typeof parse>;
export type CelExpr = Parsed['expr'];

export type ScalarType = 'string' | 'int' | 'double' | 'bool';
type OperandType = FieldType | 'process';

export type CelOperand =
  | { readonly kind: 'literal'; readonly value: Literal; readonly type: ScalarType }
  | { readonly kind: 'list'; readonly values: readonly Literal[] }
  | { readonly kind: 'subject'; readonly subject: Subject; readonly type: OperandType }
  /** The beginning of field names, such as `process.parent`. */
  | { readonly kind: 'group'; readonly prefix: string };

/** Lists and macros that conditions use by name. Macros are parsed when they are first used. */
export interface Names {
  readonly lists: ReadonlyMap<string, readonly Literal[]>;
  readonly macros: ReadonlyMap<string, TextSource>;
}

export const NO_NAMES: Names = { lists: new Map(), macros: new Map() };

/** Types of a process in `process.ancestors`. */
const MEMBERS: Readonly<Record<keyof ProcessSummary, FieldType>> = {
  pid: 'int',
  name: 'string',
  path: 'string',
  args: 'list<string>',
  command_line: 'string',
  program: 'string',
  effective_path: 'string',
  trusted: 'bool',
  injected: 'bool',
  start_time: 'double',
  entity_id: 'string',
};

const GROUPS: ReadonlySet<string> = new Set(
  FIELD_NAMES.flatMap((name) => {
    const parts = name.split('.');
    return parts.slice(1).map((_, at) => parts.slice(0, at + 1).join('.'));
  }),
);

/** Names that a list or macro cannot have, because a field begins with them or CEL reserves them. */
export function isReservedName(name: string): boolean {
  return (
    GROUPS.has(name) ||
    fieldId(name) !== undefined ||
    /^(true|false|null|in|as|break|const|continue|else|for|function|if|import|let|loop|package|namespace|return|var|void|while|has|size)$/.test(
      name,
    )
  );
}

export function literalType(value: Literal): ScalarType {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  return Number.isInteger(value) ? 'int' : 'double';
}

/** The field, or group of fields, that a dotted name stands for; undefined when there is none. */
export function resolveName(name: string): CelOperand | undefined {
  const id = fieldId(name);
  if (id !== undefined) {
    return { kind: 'subject', subject: { from: 'field', field: id }, type: FIELDS[fieldName(id)].type };
  }
  return GROUPS.has(name) ? { kind: 'group', prefix: name } : undefined;
}

/** What a selection `operand.name` is; undefined when the operand has no such part. */
export function select(operand: CelOperand, name: string): CelOperand | undefined {
  if (operand.kind === 'group') return resolveName(`${operand.prefix}.${name}`);
  if (operand.kind !== 'subject') return undefined;
  const { subject, type } = operand;
  if (type === 'map<string>' && subject.from === 'field') {
    return { kind: 'subject', subject: { ...subject, key: name }, type: 'string' };
  }
  if (type === 'process' && subject.from === 'element' && Object.hasOwn(MEMBERS, name)) {
    const member = name as keyof ProcessSummary;
    return { kind: 'subject', subject: { ...subject, member }, type: MEMBERS[member] };
  }
  return undefined;
}

/** The field or member that an unknown name was probably meant to be. */
export function suggest(operand: CelOperand | undefined, name: string, names: Names): string | undefined {
  if (operand?.kind === 'group') {
    return nearest(`${operand.prefix}.${name}`, [...FIELD_NAMES, ...Object.keys(FIELD_ALIASES)]);
  }
  if (operand?.kind === 'subject' && operand.type === 'process') return nearest(name, Object.keys(MEMBERS));
  return nearest(name, [
    ...Object.keys(FIELD_ALIASES),
    ...FIELD_NAMES,
    ...GROUPS,
    ...names.lists.keys(),
    ...names.macros.keys(),
  ]);
}

export function typeText(operand: CelOperand): string {
  if (operand.kind === 'group') return `${operand.prefix} (a group of fields)`;
  if (operand.kind === 'list') return 'list';
  return operand.type;
}

/** One parsed text: gives each expression its place. */
export class CelText {
  readonly source: TextSource;
  readonly parsed: Parsed;

  constructor(source: TextSource, parsed: Parsed) {
    this.source = source;
    this.parsed = parsed;
  }

  error(expr: CelExpr, message: string, remedy?: string, cause?: unknown): RuleError {
    const index = this.parsed.sourceInfo?.positions[String(expr.id)] ?? 0;
    return new RuleError(
      { ...this.source.place(index), message, ...(remedy === undefined ? {} : { remedy }) },
      cause === undefined ? undefined : { cause },
    );
  }
}
