/** `detection` of a rule, or `filter` of a filter file: search identifiers and the condition over them. */

import { quoted } from '../../visible.ts';
import type { YamlMap, YamlNode, YamlScalar } from '../../yaml.ts';
import { all, any, type Condition, FALSE, not } from '../tree.ts';
import { type ConditionNode, parseSigmaCondition, selectNames } from './condition.ts';
import { dependsOnVariant, isOf } from './fields.ts';
import { itemCondition } from './item.ts';
import type { Variant } from './logsource.ts';
import { applyModifiers, type Modified } from './modifiers.ts';
import { SigmaFault } from './problem.ts';

/** Values that one rule may compare in all, an identifier counted as often as the condition names it. */
const MAX_VALUES = 50_000;

export interface Item {
  readonly field: string;
  readonly modified: Modified;
  readonly line: number;
}
/** Alternatives, each a list of items that must all hold. */
interface Search {
  readonly alternatives: readonly (readonly Item[])[];
  readonly size: number;
}

export interface Detection {
  readonly searches: ReadonlyMap<string, Search>;
  readonly conditions: readonly ConditionNode[];
  readonly line: number;
}

/** Keys beside the search identifiers. */
type Reserved = ReadonlySet<string>;

/** Reads the searches and conditions. Throws SigmaFault with the line. */
export function readDetection(section: YamlMap, reserved: Reserved): Detection {
  const searches = new Map<string, Search>();
  for (const [name, node] of section.entries) {
    if (reserved.has(name)) continue;
    if (name === 'timeframe') {
      throw new SigmaFault('"timeframe" belongs to the aggregations of Sigma 1', node.line, 'write a correlation rule');
    }
    searches.set(name, readSearch(name, node));
  }
  if (searches.size === 0) throw new SigmaFault('there is no search identifier', section.line);
  return { searches, conditions: readConditions(section), line: section.line };
}

function readConditions(section: YamlMap): ConditionNode[] {
  const node = section.entries.get('condition');
  if (node === undefined) throw new SigmaFault('"condition" is missing', section.line);
  const items = node.kind === 'list' ? node.items : [node];
  if (items.length === 0) throw new SigmaFault('"condition" is empty', node.line);
  return items.map((item) => {
    if (item.kind !== 'scalar' || typeof item.value !== 'string') {
      throw new SigmaFault('"condition" must be a text or a list of texts', item.line);
    }
    return at(item.line, () => parseSigmaCondition(item.text));
  });
}

/** Gives a fault without a line the line of what was read. */
function at<T>(line: number, action: () => T): T {
  try {
    return action();
  } catch (fault) {
    if (fault instanceof SigmaFault && fault.line === undefined) {
      throw new SigmaFault(fault.message, line, fault.remedy);
    }
    throw fault;
  }
}

function readSearch(name: string, node: YamlNode): Search {
  const alternatives: (readonly Item[])[] = [];
  const keywords: YamlScalar[] = [];
  for (const part of node.kind === 'list' ? node.items : [node]) {
    if (part.kind === 'map') alternatives.push(readMap(name, part));
    else if (part.kind === 'scalar' && part.value !== null) keywords.push(part);
    else throw new SigmaFault(`${quoted(name)} must be a map, a text or a list of them`, part.line);
  }
  if (keywords.length > 0) {
    const line = keywords[0]?.line ?? node.line;
    alternatives.push([{ field: '', modified: at(line, () => applyModifiers([], keywords)), line }]);
  }
  if (alternatives.length === 0) throw new SigmaFault(`${quoted(name)} is empty`, node.line);
  const items = alternatives.flat();
  return { alternatives, size: items.reduce((sum, item) => sum + item.modified.groups.flat().length, 0) };
}

function readMap(name: string, map: YamlMap): Item[] {
  if (map.entries.size === 0) throw new SigmaFault(`${quoted(name)} is empty`, map.line);
  return [...map.entries].map(([key, node]) => {
    const [field = '', ...modifiers] = key.split('|');
    const nodes = node.kind === 'list' ? node.items : [node];
    if (nodes.length === 0) throw new SigmaFault(`${quoted(key)} has an empty list`, node.line);
    const scalars = nodes.map((item): YamlScalar => {
      if (item.kind !== 'scalar') throw new SigmaFault(`${quoted(key)} must be a value or a list of values`, item.line);
      if (item.value === null && node.kind === 'list') {
        throw new SigmaFault(
          `${quoted(key)}: null cannot stand in a list`,
          item.line,
          'write a search of its own for it',
        );
      }
      return item;
    });
    if (modifiers.includes('exists') && scalars.length > 1) {
      throw new SigmaFault(`${quoted(key)} must be one value, true or false`, node.line);
    }
    return { field, modified: at(node.line, () => applyModifiers(modifiers, scalars)), line: node.line };
  });
}

/** The condition of a detection for the events of a log source, the check of the event's kind included. Throws SigmaFault. */
export function detectionCondition(detection: Detection, variants: readonly Variant[]): Condition {
  const [first] = variants;
  if (first === undefined) return FALSE;
  if (variants.length === 1 || (first.audit === undefined && !usesVariants(detection))) {
    const events = any(variants.map((variant) => all(isOf(variant))));
    return all([events, bareCondition(detection, first)]);
  }
  return any(variants.map((variant) => all([...isOf(variant), bareCondition(detection, variant)])));
}

function usesVariants(detection: Detection): boolean {
  for (const search of detection.searches.values()) {
    for (const item of search.alternatives.flat()) {
      if (dependsOnVariant(item.field)) return true;
      if (item.modified.groups.flat().some((value) => value.type === 'field' && dependsOnVariant(value.name)))
        return true;
    }
  }
  return false;
}

/** What the searches and the condition say, without a check of the event's kind. Several conditions are alternatives. */
function bareCondition(detection: Detection, variant: Variant): Condition {
  const searches = new Map<string, Condition>();
  // Also the searches that no condition names: a rule with an unknown field is faulty as a whole.
  for (const [name, search] of detection.searches) {
    const alternatives = search.alternatives.map((items) =>
      all(items.map((item) => at(item.line, () => itemCondition(item.field, item.modified, variant)))),
    );
    searches.set(name, any(alternatives));
  }
  let size = 0;
  const named = (name: string): Condition => {
    const condition = searches.get(name);
    if (condition === undefined) throw new SigmaFault(`the condition names ${quoted(name)}, which is not there`);
    size += detection.searches.get(name)?.size ?? 0;
    if (size > MAX_VALUES) throw new SigmaFault(`the condition compares more than ${MAX_VALUES} values`);
    return condition;
  };
  const build = (node: ConditionNode): Condition => {
    switch (node.op) {
      case 'and':
        return all(node.of.map(build));
      case 'or':
        return any(node.of.map(build));
      case 'not':
        return not(build(node.of));
      case 'name':
        return named(node.name);
      case 'some': {
        const names = selectNames(node.pattern, searches.keys());
        if (names.length === 0) {
          throw new SigmaFault(
            `the condition names ${quoted(node.pattern ?? 'them')}, which fits no search identifier`,
          );
        }
        return node.how === 'all' ? all(names.map(named)) : any(names.map(named));
      }
    }
  };
  return at(detection.line, () => any(detection.conditions.map(build)));
}
