import { celEnv, isCelError, parse, plan } from '@bufbuild/cel';
import type { FieldValue } from '../../../src/schema/event.ts';
import { FIELD_NAMES, FIELDS } from '../../../src/schema/fields.ts';
import type { Fields } from './event.ts';

const env = celEnv({});

function bound(value: FieldValue, integers: boolean): unknown {
  if (typeof value === 'number') return integers ? BigInt(value) : value;
  if (Array.isArray(value)) {
    return value.map((item: unknown) =>
      typeof item === 'object' && item !== null ? { ...item, pid: BigInt((item as { pid: number }).pid) } : item,
    );
  }
  return typeof value === 'object' ? { ...value } : value;
}

/** The fields as nested maps: all groups are there, absent fields are not; an absent map counts as an empty one. */
function bindings(fields: Fields): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const name of FIELD_NAMES) {
    const parts = name.split('.');
    let at = root;
    for (const part of parts.slice(0, -1)) {
      const next = (at[part] ?? {}) as Record<string, unknown>;
      at[part] = next;
      at = next;
    }
    const value = fields[name] ?? (FIELDS[name].type === 'map<string>' ? {} : undefined);
    if (value !== undefined) at[parts.at(-1) ?? ''] = bound(value, FIELDS[name].type === 'int');
  }
  return root;
}

/** What @bufbuild/cel makes of a condition; an error is no match. */
export function reference(text: string, fields: Fields): boolean {
  const result = plan(env, parse(text))(bindings(fields) as never);
  return !isCelError(result) && result === true;
}
