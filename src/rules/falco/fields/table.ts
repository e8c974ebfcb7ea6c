/** The table of Falco's fields: what each is in our events. docs/falco.md is generated from it. */
import { nearest } from '../../../nearest.ts';
import { quoted } from '../../../visible.ts';
import { FalcoFault } from '../fault.ts';
import type { FalcoType, Meaning } from '../meaning.ts';
import type { FieldExpr } from '../syntax.ts';
import { CONTAINER_PLUGIN_FIELDS } from './container.ts';
import { argumentFault, EVENT_FIELDS, rawIsNumber } from './event.ts';
import { FD_FIELDS } from './fd.ts';
import { PROCESS_FIELDS } from './process.ts';
import type { FalcoField, FalcoFields } from './spec.ts';

export type { FalcoField, FalcoFields } from './spec.ts';

export const FALCO_FIELDS: FalcoFields = {
  ...EVENT_FIELDS,
  ...PROCESS_FIELDS,
  ...FD_FIELDS,
  ...CONTAINER_PLUGIN_FIELDS,
};

/** Whether a text is the name of a field, without or with its argument. */
export function isFieldName(text: string): boolean {
  const [, name] = /^([a-z0-9_]+(?:\.[a-z0-9_]+)+)(?:\[[^\]]+\])?$/.exec(text) ?? [];
  return name !== undefined && Object.hasOwn(FALCO_FIELDS, name);
}

/** A field as a condition or an output names it. */
interface ResolvedField {
  /** With its argument. */
  readonly name: string;
  readonly type: FalcoType;
  readonly missing: string | undefined;
  meaning(kind: string): Meaning;
}

/** Finds a field. Throws FalcoFault for one that Falco does not have, or whose argument does not fit. */
export function resolveField(expr: FieldExpr): ResolvedField {
  const { row, name, argument } = lookUp(expr);
  checkArgument(name, row, argument);
  const whole =
    argument === undefined ? name : expr.argument === undefined ? `${name}.${argument}` : `${name}[${argument}]`;
  const fault =
    (name === 'evt.arg' || name === 'evt.rawarg') && argument !== undefined ? argumentFault(name, argument) : undefined;
  if (fault !== undefined && !fault.known)
    throw new FalcoFault(`${quoted(whole)}: ${quoted(argument ?? '')} ${fault.message}`, { unknown: true });
  return {
    name: whole,
    type: name === 'evt.rawarg' && argument !== undefined && rawIsNumber(argument) ? 'number' : row.type,
    missing: row.missing ?? (fault === undefined ? undefined : `${quoted(argument ?? '')} ${fault.message}`),
    meaning: (kind) => row.of(kind, argument),
  };
}

interface Found {
  readonly row: FalcoField;
  readonly name: string;
  readonly argument: string | undefined;
}

function rowOf(name: string): FalcoField | undefined {
  return Object.hasOwn(FALCO_FIELDS, name) ? FALCO_FIELDS[name] : undefined;
}

function lookUp({ name, argument }: FieldExpr): Found {
  const row = rowOf(name);
  if (row !== undefined) return { row, name, argument };
  for (let dot = name.lastIndexOf('.'); dot > 0; dot = name.lastIndexOf('.', dot - 1)) {
    const family = name.slice(0, dot);
    const found = rowOf(family);
    if (found?.argument === 'name' || found?.argument === 'name or index') {
      return { row: found, name: family, argument: argument ?? name.slice(dot + 1) };
    }
  }
  const near = nearest(name, Object.keys(FALCO_FIELDS));
  throw new FalcoFault(`the field ${quoted(name)} is unknown`, {
    unknown: true,
    ...(near === undefined ? {} : { remedy: `did you mean ${near}?` }),
  });
}

function checkArgument(name: string, row: FalcoField, argument: string | undefined): void {
  const wanted = row.argument;
  if (wanted === undefined && argument !== undefined) throw new FalcoFault(`the field ${name} takes no argument`);
  if (argument === undefined && (wanted === 'index' || wanted === 'key' || wanted === 'name or index')) {
    throw new FalcoFault(`the field ${name} wants an argument`);
  }
  if (
    argument !== undefined &&
    wanted?.endsWith('index') === true &&
    wanted !== 'name or index' &&
    !/^\d{1,4}$/.test(argument)
  ) {
    throw new FalcoFault(`the argument of ${name} is a number`);
  }
}
