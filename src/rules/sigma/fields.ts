/** What the field names of Sigma's taxonomy mean in our events. */
import { nearest } from '../../nearest.ts';
import { FIELD_ALIASES, FIELD_NAMES, fieldId, fieldSpec } from '../../schema/fields.ts';
import { quoted } from '../../visible.ts';
import { any, type Condition, exists, field, kindIs, leaf, not, type Subject } from '../tree.ts';
import { AUDIT_FIELDS, auditField } from './auditd/records.ts';
import type { Variant } from './logsource.ts';
import { SigmaFault } from './problem.ts';
import { meaningOf, type SpecialField, TAXONOMY } from './taxonomy.ts';

export type SigmaField =
  /** The first subject that is present. */
  | {
      readonly type: 'value';
      readonly subjects: readonly Subject[];
      /** Words by which the log says that there is none. */
      readonly absentAs?: readonly string[];
    }
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

const single = (...names: readonly string[]): SigmaField => ({ type: 'value', subjects: names.map(field) });

/** The meaning of a field in the events of one variant of a log source. Throws SigmaFault for an unknown one. */
export function sigmaField(name: string, variant: Variant): SigmaField {
  if (name === '') return { type: 'keywords' };
  const audit = variant.audit === undefined ? undefined : auditField(name, variant.audit);
  if (audit !== undefined) return audit;
  if (variant.audit !== undefined) return ownField(name, AUDIT_FIELDS);
  const meaning = meaningOf(name);
  if (meaning === undefined) return ownField(name, Object.keys(TAXONOMY));
  if ('never' in meaning) return { type: 'absent' };
  if ('special' in meaning) return specialField(name as SpecialField, variant);
  return { type: meaning.either === true ? 'either' : 'value', subjects: meaning.is.map(field) };
}

function specialField(name: SpecialField, variant: Variant): SigmaField {
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
  }
}

/** A field of our own schema, by its dotted name. */
function ownField(name: string, known: readonly string[]): SigmaField {
  const env = /^process\.env\.([A-Za-z_]\w*)$/.exec(name)?.[1];
  if (env !== undefined) return { type: 'value', subjects: [{ ...field('process.env'), key: env }] };
  const id = fieldId(name);
  // A simple event's names (pid, process) are too common to be told from a foreign log's fields.
  if (id === undefined || !name.includes('.')) {
    const near = nearest(name, [...known, ...FIELD_NAMES, ...Object.keys(FIELD_ALIASES)]);
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
