/** What the field names of Sigma's taxonomy mean in our events. */
import { nearest } from '../../nearest.ts';
import { FIELD_ALIASES, FIELD_NAMES, fieldId, fieldSpec } from '../../schema/fields.ts';
import { any, type Condition, exists, field, kindIs, leaf, not, type Subject } from '../tree.ts';
import { auditField } from './auditd/records.ts';
import type { Variant } from './logsource.ts';
import { quoted, SigmaFault } from './problem.ts';

export type SigmaField =
  /** The first subject that is present. */
  | { readonly type: 'value'; readonly subjects: readonly Subject[] }
  /** Whichever of the subjects are present: one that fits suffices. */
  | { readonly type: 'either'; readonly subjects: readonly Subject[] }
  /** Any element of a list. */
  | { readonly type: 'list'; readonly over: Subject }
  /** Derived from the event's kind: always present. */
  | { readonly type: 'flag'; readonly holds: Condition }
  /** `MD5=…,SHA256=…` */
  | { readonly type: 'hashes'; readonly md5: Subject; readonly sha256: Subject }
  /** One of some words, each with what makes it so. */
  | {
      readonly type: 'cases';
      readonly label: string;
      readonly cases: readonly (readonly [string, Condition])[];
      /** What was asked for, and whether there is such a word. */
      readonly asked: Map<string, boolean>;
    }
  /** A field of the taxonomy that no event of this log source has. */
  | { readonly type: 'absent' }
  /** No field: the whole event. */
  | { readonly type: 'keywords' };

const SAME: ReadonlyMap<string, readonly string[]> = new Map([
  ['CommandLine', ['process.command_line']],
  ['CurrentDirectory', ['process.cwd']],
  ['ProcessId', ['process.pid']],
  ['ProcessName', ['process.name']],
  ['ProcessGuid', ['process.entity_id']],
  ['ParentCommandLine', ['process.parent.command_line']],
  ['ParentProcessId', ['process.ppid', 'process.parent.pid']],
  ['ParentProcessName', ['process.parent.name']],
  ['ParentProcessGuid', ['process.parent.entity_id']],
  ['User', ['user.name']],
  ['LogonId', ['process.auid']],
  ['Computer', ['host.name']],
  ['ComputerName', ['host.name']],
  ['Hostname', ['host.name']],
  ['SourceIp', ['network.source.ip']],
  ['SourcePort', ['network.source.port']],
  ['DestinationIp', ['network.destination.ip']],
  ['DestinationPort', ['network.destination.port']],
  ['DestinationHostname', ['network.destination.hostname']],
  ['Protocol', ['network.transport']],
]);

/**
 * The file that runs, and the path that was asked for: where sh is a link to
 * dash, or vi one to vim.basic, rules name the link as often as the file.
 */
const EITHER: ReadonlyMap<string, readonly string[]> = new Map([
  ['Image', ['process.path', 'process.invoked_path']],
  ['ParentImage', ['process.parent.path', 'process.parent.invoked_path']],
]);

/** Hashes that nothing here computes. */
const NEVER: ReadonlySet<string> = new Set(['sha1', 'imphash', 'Imphash']);

const SPECIAL = [
  'TargetFilename',
  'SourceFilename',
  'Initiated',
  'Hashes',
  'md5',
  'sha256',
  'SourceIsIpv6',
  'DestinationIsIpv6',
];

const single = (...names: readonly string[]): SigmaField => ({ type: 'value', subjects: names.map(field) });

/** The meaning of a field in the events of one variant of a log source. Throws SigmaFault for an unknown one. */
export function sigmaField(name: string, variant: Variant): SigmaField {
  if (name === '') return { type: 'keywords' };
  const audit = variant.audit === undefined ? undefined : auditField(name, variant.audit);
  if (audit !== undefined) return audit;
  if (variant.audit !== undefined) return ownField(name);
  const names = SAME.get(name);
  if (names !== undefined) return single(...names);
  const paths = EITHER.get(name);
  if (paths !== undefined) return { type: 'either', subjects: paths.map(field) };
  if (NEVER.has(name)) return { type: 'absent' };
  switch (name) {
    case 'TargetFilename':
      return single(variant.target);
    case 'SourceFilename':
      return variant.source === undefined ? { type: 'absent' } : single(variant.source);
    case 'Initiated': {
      const direction = field('network.direction');
      const outbound = leaf(direction, { op: 'equal', values: ['outbound'] });
      const holds = variant.initiated ? any([outbound, not(exists(direction))]) : outbound;
      return { type: 'flag', holds };
    }
    case 'DestinationIsIpv6':
    case 'SourceIsIpv6': {
      const address = field(name === 'SourceIsIpv6' ? 'network.source.ip' : 'network.destination.ip');
      return { type: 'flag', holds: leaf(address, { op: 'contains', values: [':'] }) };
    }
    case 'Hashes':
      return { type: 'hashes', md5: field(`${variant.hashed}.md5`), sha256: field(`${variant.hashed}.sha256`) };
    case 'md5':
    case 'sha256':
      return single(`${variant.hashed}.${name}`);
    default:
      return ownField(name);
  }
}

/** A field of our own schema, by its dotted name. */
function ownField(name: string): SigmaField {
  const env = /^process\.env\.([A-Za-z_]\w*)$/.exec(name)?.[1];
  if (env !== undefined) return { type: 'value', subjects: [{ ...field('process.env'), key: env }] };
  const id = fieldId(name);
  // A simple event's names (pid, process) are too common to be told from a foreign log's fields.
  if (id === undefined || !name.includes('.')) {
    const near = nearest(name, [
      ...SAME.keys(),
      ...EITHER.keys(),
      ...SPECIAL,
      ...FIELD_NAMES,
      ...Object.keys(FIELD_ALIASES),
    ]);
    throw new SigmaFault(
      `the field ${quoted(name)} is unknown`,
      undefined,
      near === undefined ? undefined : `did you mean ${near}?`,
    );
  }
  const { type } = fieldSpec(id);
  if (type === 'list<string>') return { type: 'list', over: field(name) };
  if (type === 'map<string>' || type === 'list<process>') {
    throw new SigmaFault(`the field ${quoted(name)} is a ${type} and cannot be compared`);
  }
  return single(name);
}

/** Whether a field's meaning depends on the variant of the log source. */
export function dependsOnVariant(name: string): boolean {
  return name === 'TargetFilename' || name === 'SourceFilename' || name === 'Initiated';
}

/** All kinds of a log source's variants. */
export function kindsOf(variants: readonly Variant[]): string[] {
  return [...new Set(variants.flatMap((variant) => variant.kinds))];
}

/** The events of a variant. */
export function isOf(variant: Variant): Condition[] {
  return [kindIs(...variant.kinds), variant.only];
}
