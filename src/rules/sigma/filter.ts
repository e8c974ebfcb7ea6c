/** Sigma filter documents: a condition that is added to other rules. */

import { quoted } from '../../visible.ts';
import type { YamlMap } from '../../yaml.ts';
import { type Detection, readDetection } from './detection.ts';
import { readLogSource } from './logsource.ts';
import { SigmaFault } from './problem.ts';
import { type Metadata, type SigmaDraft, section, withFilter } from './rule.ts';

export interface FilterDraft {
  readonly metadata: Metadata;
  readonly info: { readonly source: string };
  readonly category: string;
  /** Ids or names; undefined for all rules of the log source. */
  readonly rules: readonly string[] | undefined;
  readonly detection: Detection;
}

const RESERVED = new Set(['condition', 'rules']);

/** Reads a filter. Throws SigmaFault. */
export function readFilter(document: YamlMap, metadata: Metadata, file: string): FilterDraft {
  const { category } = readLogSource(section(document, 'logsource'));
  const body = section(document, 'filter');
  return {
    metadata,
    info: { source: `${file}:${document.line}` },
    category,
    rules: ruleNames(body),
    detection: readDetection(body, RESERVED),
  };
}

function ruleNames(body: YamlMap): string[] | undefined {
  const node = body.entries.get('rules');
  if (node === undefined) throw new SigmaFault('"rules" is missing: the ids of the rules to filter, or any', body.line);
  if (node.kind === 'scalar' && node.text === 'any') return undefined;
  const items = node.kind === 'list' ? node.items : [node];
  return items.map((item) => {
    if (item.kind !== 'scalar' || item.value === null) throw new SigmaFault('"rules" must be a list of ids', item.line);
    return item.text;
  });
}

/**
 * The rules with the filters' conditions added: such a rule matches only where
 * the filter's condition holds, too, which therefore mostly begins with `not`.
 * A filter that cannot be evaluated, or fits no rule, is reported and changes nothing.
 */
export function filterRules(
  drafts: readonly SigmaDraft[],
  filters: readonly FilterDraft[],
  report: (filter: FilterDraft, fault: SigmaFault) => void,
): SigmaDraft[] {
  let rules = [...drafts];
  for (const filter of filters) {
    try {
      rules = apply(rules, filter);
    } catch (fault) {
      if (!(fault instanceof SigmaFault)) throw fault;
      report(filter, fault);
    }
  }
  return rules;
}

function apply(rules: readonly SigmaDraft[], filter: FilterDraft): SigmaDraft[] {
  const wanted = filter.rules === undefined ? undefined : new Set(filter.rules);
  const found = new Set<string>();
  const result = rules.map((rule) => {
    const names = [rule.metadata.id, rule.metadata.name].filter(
      (name) => name !== undefined && (wanted?.has(name) ?? true),
    );
    if ((wanted !== undefined && names.length === 0) || rule.logSource.category !== filter.category) return rule;
    for (const name of names) found.add(name ?? '');
    return withFilter(rule, filter.detection);
  });
  const missing = filter.rules?.find((name) => !found.has(name));
  if (missing !== undefined) throw new SigmaFault(`no rule of its log source has the id or name ${quoted(missing)}`);
  return result;
}
