/** Settles what correlations refer to: rules, other correlations, fields of either. */

import { quoted } from '../../../visible.ts';
import type { Subject } from '../../tree.ts';
import { sigmaField } from '../fields.ts';
import type { Variant } from '../logsource.ts';
import { SigmaFault } from '../problem.ts';
import type { SigmaDraft } from '../rule.ts';
import type { CorrelationDraft } from './correlation.ts';
import type { CorrelatedRule, FieldReader, SigmaCorrelation } from './correlator.ts';

interface Resolution {
  /** In an order in which each stands behind those that it uses. */
  readonly correlations: readonly SigmaCorrelation[];
  /** Ids of the rules that raise no alert of their own. */
  readonly silent: ReadonlySet<string>;
  readonly faults: readonly { readonly draft: CorrelationDraft; readonly fault: SigmaFault }[];
}

type Referred = { readonly rule: SigmaDraft } | { readonly correlation: CorrelationDraft };

/** Resolves correlations. One with a fault is left out, and so are those that use it; its rules then speak for themselves. */
export function resolveCorrelations(rules: readonly SigmaDraft[], drafts: readonly CorrelationDraft[]): Resolution {
  const byName = index(rules, drafts);
  const done = new Map<CorrelationDraft, SigmaCorrelation>();
  const variants = new Map<CorrelationDraft, readonly Variant[]>();
  const faults = new Map<CorrelationDraft, SigmaFault>();
  const active = new Set<CorrelationDraft>();

  function resolve(draft: CorrelationDraft): void {
    if (done.has(draft)) return;
    const known = faults.get(draft);
    if (known !== undefined) throw known;
    if (active.has(draft)) throw new SigmaFault('the correlation uses itself', draft.line);
    active.add(draft);
    try {
      const referred = draft.references.map((reference) => lookUp(byName, reference, draft));
      const sources = referred.map((target) => {
        if ('rule' in target) return target.rule.logSource.variants;
        try {
          resolve(target.correlation);
        } catch (fault) {
          if (fault instanceof SigmaFault && active.has(target.correlation)) throw fault;
          throw new SigmaFault(`it uses ${quoted(target.correlation.info.name)}, which is faulty`, draft.line);
        }
        return variants.get(target.correlation) ?? [];
      });
      done.set(draft, build(draft, referred, sources));
      variants.set(draft, sources.flat());
    } catch (fault) {
      if (!(fault instanceof SigmaFault)) throw fault;
      const placed = fault.line === undefined ? new SigmaFault(fault.message, draft.line, fault.remedy) : fault;
      faults.set(draft, placed);
      throw placed;
    } finally {
      active.delete(draft);
    }
  }
  for (const draft of drafts) {
    try {
      resolve(draft);
    } catch (fault) {
      if (!(fault instanceof SigmaFault)) throw fault;
    }
  }
  const { silent } = silenced([...done.keys()], byName);
  return {
    correlations: [...done.values()].map((one) => ({ ...one, silent: silent.has(one.info.id) })),
    silent,
    faults: [...faults].map(([draft, fault]) => ({ draft, fault })),
  };
}

/** Rules and correlations by id and by name. Two with one name make it unusable as a reference. */
function index(rules: readonly SigmaDraft[], drafts: readonly CorrelationDraft[]): Map<string, Referred | 'several'> {
  const byName = new Map<string, Referred | 'several'>();
  const add = (name: string | undefined, target: Referred) => {
    if (name !== undefined) byName.set(name, byName.has(name) ? 'several' : target);
  };
  for (const rule of rules) for (const name of namesOf(rule)) add(name, { rule });
  for (const correlation of drafts) for (const name of namesOf(correlation)) add(name, { correlation });
  return byName;
}

function namesOf({ metadata }: SigmaDraft | CorrelationDraft): Set<string | undefined> {
  return new Set([metadata.id, metadata.name]);
}

function lookUp(
  byName: ReadonlyMap<string, Referred | 'several'>,
  reference: string,
  draft: CorrelationDraft,
): Referred {
  const target = byName.get(reference);
  if (target === undefined) {
    throw new SigmaFault(`no rule that could be loaded has the id or name ${quoted(reference)}`, draft.line);
  }
  if (target === 'several') throw new SigmaFault(`several rules have the name ${quoted(reference)}`, draft.line);
  return target;
}

function build(
  draft: CorrelationDraft,
  referred: readonly Referred[],
  sources: readonly (readonly Variant[])[],
): SigmaCorrelation {
  for (const [alias, fields] of draft.aliases) {
    for (const reference of fields.keys()) {
      if (!draft.references.includes(reference)) {
        throw new SigmaFault(`the alias ${quoted(alias)} names ${quoted(reference)}, which is not among the rules`);
      }
    }
  }
  const rules = referred.map((target, at): CorrelatedRule => {
    const reference = draft.references[at] ?? '';
    const read = (name: string): FieldReader => fieldReader(aliased(draft, name, reference), sources[at] ?? []);
    const info = 'rule' in target ? target.rule.info : target.correlation.info;
    return { id: info.id, reference, groupBy: draft.groupBy.map(read), fields: draft.fields.map(read) };
  });
  const { info, type, seconds, limits, expression, groupBy } = draft;
  const kinds = [...new Set(sources.flat().flatMap((variant) => variant.kinds))];
  return { info, kinds, type, rules, groupBy, seconds, limits, expression, silent: false };
}

function aliased(draft: CorrelationDraft, name: string, reference: string): string {
  const alias = draft.aliases.get(name);
  if (alias === undefined) return name;
  const field = alias.get(reference);
  if (field === undefined)
    throw new SigmaFault(`the alias ${quoted(name)} says nothing of the rule ${quoted(reference)}`);
  return field;
}

function fieldReader(name: string, variants: readonly Variant[]): FieldReader {
  const byKind = new Map<string, readonly Subject[]>();
  for (const variant of variants) {
    const meaning = sigmaField(name, variant);
    if (meaning.type !== 'value' && meaning.type !== 'either' && meaning.type !== 'absent') {
      throw new SigmaFault(`the field ${quoted(name)} has no single value to group or count by`);
    }
    const subjects = meaning.type === 'absent' ? [] : meaning.subjects;
    for (const kind of variant.kinds) if (!byKind.has(kind)) byKind.set(kind, subjects);
  }
  return byKind;
}

/** What is named in a correlation is silent, unless one of the correlations that name it says `generate: true`. */
function silenced(
  drafts: readonly CorrelationDraft[],
  byName: ReadonlyMap<string, Referred | 'several'>,
): { silent: Set<string> } {
  const silent = new Set<string>();
  const loud = new Set<string>();
  for (const draft of drafts) {
    for (const reference of draft.references) {
      const target = byName.get(reference);
      if (target === undefined || target === 'several') continue;
      const { id } = 'rule' in target ? target.rule.info : target.correlation.info;
      (draft.generate ? loud : silent).add(id);
    }
  }
  for (const id of loud) silent.delete(id);
  return { silent };
}
