/**
 * What happened, whichever way it was done: behaviours and the paths that they
 * concern, computed from kind and fields by the table in kinds/. The rules'
 * index and the kernel filter read the same table (rules/behaviors.ts).
 */
import type { FieldSource, FieldValue } from './event.ts';
import { type FieldId, type FieldName, fieldId } from './fields.ts';
import type { BehaviorName, BehaviorSpec, BehaviorTest } from './kinds/spec.ts';
import { KINDS } from './kinds.ts';

export const BEHAVIORS: Readonly<Record<BehaviorName, string>> = {
  file_placed:
    'A file got its content or its name: created, written, opened for writing, truncated, renamed or linked there, bound over it. file.placed_path has the path',
  file_removed: 'A name was removed: unlinked, renamed away. file.removed_path has the path',
  file_truncated: 'The content of a file was cut off: truncate, or an open with O_TRUNC',
  permissions_changed: 'Mode, owner, access list, capabilities or inode flags of a file were set',
  program_started: 'A program was started',
  credentials_gained: 'A process became root, or started a program with the set-user-id or set-group-id bit',
  connected: 'A connection was made, or a datagram sent',
  listened: 'A socket listens',
  accepted: 'A connection was accepted',
  kernel_code_loaded: 'A kernel module or BPF program was loaded',
};

/** Fields that the table computes. */
export const PATH_BEHAVIORS = {
  'file.placed_path': 'file_placed',
  'file.removed_path': 'file_removed',
} as const satisfies Partial<Record<FieldName, BehaviorName>>;

/** A row of the table; where the error field is absent (simple events) the operation is taken to have succeeded. */
export interface BehaviorRow extends BehaviorSpec {
  readonly kind: string;
}

export const BEHAVIOR_ROWS: readonly BehaviorRow[] = Object.entries(KINDS).flatMap(([kind, { behaviors = [] }]) =>
  behaviors.map((spec) => ({ ...spec, kind })),
);

const id = (name: FieldName): FieldId => fieldId(name) ?? -1;
const ERROR = id('event.error');

interface Row {
  readonly is: BehaviorName;
  readonly path: FieldId | undefined;
  readonly holds: (event: FieldSource) => boolean;
}

const BY_KIND: ReadonlyMap<string, readonly Row[]> = new Map(
  Object.keys(KINDS).map((kind) => [
    kind,
    BEHAVIOR_ROWS.filter((row) => row.kind === kind).map(({ is, path, when = [] }) => ({
      is,
      path: path === undefined ? undefined : id(path),
      holds: all(when.map(test)),
    })),
  ]),
);
const NONE: readonly string[] = Object.freeze([]);

function all(tests: readonly ((event: FieldSource) => boolean)[]): (event: FieldSource) => boolean {
  return (event) => tests.every((holds) => holds(event));
}

function test(condition: BehaviorTest): (event: FieldSource) => boolean {
  const field = id(condition.field);
  if ('has' in condition) {
    return (event) => {
      const list = event.value(field);
      return Array.isArray(list) && (list as readonly unknown[]).includes(condition.has);
    };
  }
  if ('absent' in condition) return (event) => event.value(field) === undefined;
  if ('notIn' in condition) {
    return (event) => {
      const value = event.value(field);
      return value !== undefined && !(condition.notIn as readonly FieldValue[]).includes(value);
    };
  }
  return (event) => (condition.in as readonly FieldValue[]).includes(event.value(field));
}

function rowsOf(event: FieldSource): readonly Row[] {
  const rows = BY_KIND.get(event.kind) ?? [];
  return rows.length === 0 || (event.value(ERROR) ?? '') !== '' ? [] : rows;
}

/** event.behaviors: always a list. */
export function behaviorsOf(event: FieldSource): readonly string[] {
  let found: string[] | undefined;
  for (const { is, holds } of rowsOf(event)) {
    if (found?.includes(is) === true || !holds(event)) continue;
    found ??= [];
    found.push(is);
  }
  return found ?? NONE;
}

/** The path that a behaviour of the event concerns. */
export function behaviorPath(event: FieldSource, behavior: BehaviorName): string | undefined {
  for (const { is, path, holds } of rowsOf(event)) {
    if (is !== behavior || path === undefined || !holds(event)) continue;
    const value = event.value(path);
    if (typeof value === 'string') return value;
  }
  return undefined;
}
