/** A Sigma correlation document. */

import { quoted } from '../../../visible.ts';
import type { YamlMap, YamlNode } from '../../../yaml.ts';
import type { RuleInfo } from '../../types.ts';
import { type ConditionNode, parseSigmaCondition } from '../condition.ts';
import { SigmaFault } from '../problem.ts';
import { type Metadata, readInfo, section } from '../rule.ts';

const CORRELATION_TYPES = ['event_count', 'value_count', 'temporal', 'temporal_ordered'] as const;
export type CorrelationType = (typeof CORRELATION_TYPES)[number];

export type Comparison = 'gt' | 'gte' | 'lt' | 'lte' | 'eq' | 'neq';
const COMPARISONS: ReadonlySet<string> = new Set(['gt', 'gte', 'lt', 'lte', 'eq', 'neq']);
const TYPES: ReadonlySet<string> = new Set(CORRELATION_TYPES);
const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

const MAX_SECONDS = 31 * 86_400;
/** Counts beyond this would need memory that grows with the attack. */
const MAX_COUNT = 50_000;
const MAX_RULES = 64;
const MAX_GROUP_FIELDS = 16;

export interface Limit {
  readonly how: Comparison;
  readonly value: number;
}

export interface CorrelationDraft {
  readonly metadata: Metadata;
  readonly info: RuleInfo;
  readonly line: number;
  readonly type: CorrelationType;
  /** Ids or names as they are written. */
  readonly references: readonly string[];
  readonly groupBy: readonly string[];
  readonly seconds: number;
  /** All must hold. For temporal correlations the count is that of different rules. */
  readonly limits: readonly Limit[];
  /** A temporal correlation may instead combine its rules: `a and (b or c)`. */
  readonly expression: ConditionNode | undefined;
  /** value_count: the fields whose values are counted, together. */
  readonly fields: readonly string[];
  /** Alias -> reference -> field. */
  readonly aliases: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly generate: boolean;
}

/** Reads a correlation. Throws SigmaFault. */
export function readCorrelation(document: YamlMap, metadata: Metadata, file: string): CorrelationDraft {
  const body = section(document, 'correlation');
  const type = word(body, 'type');
  if (!TYPES.has(type)) throw new SigmaFault(`the correlation type ${quoted(type)} is unknown`, body.line);
  const references = list(body, 'rules');
  if (references.length === 0) throw new SigmaFault('"rules" names no rule', body.line);
  if (references.length > MAX_RULES) throw new SigmaFault(`"rules" names more than ${MAX_RULES} rules`, body.line);
  if (new Set(references).size < references.length) throw new SigmaFault('"rules" names a rule twice', body.line);
  const groupBy = list(body, 'group-by');
  if (groupBy.length > MAX_GROUP_FIELDS) throw new SigmaFault('"group-by" names too many fields', body.line);
  const draft = {
    metadata,
    info: readInfo(document, metadata, file),
    line: document.line,
    type: type as CorrelationType,
    references,
    groupBy,
    seconds: timespan(word(body, 'timespan'), body.line),
    aliases: aliases(body),
    generate: flag(document, 'generate') || flag(body, 'generate'),
  };
  return { ...draft, ...condition(body, draft.type, references) };
}

function flag(map: YamlMap, key: string): boolean {
  const node = map.entries.get(key);
  if (node === undefined) return false;
  if (node.kind !== 'scalar' || typeof node.value !== 'boolean') {
    throw new SigmaFault(`${quoted(key)} must be true or false`, node.line);
  }
  return node.value;
}

function word(map: YamlMap, key: string): string {
  const node = map.entries.get(key);
  if (node === undefined) throw new SigmaFault(`${quoted(key)} is missing`, map.line);
  if (node.kind !== 'scalar' || node.value === null) throw new SigmaFault(`${quoted(key)} must be a text`, node.line);
  return node.text;
}

function list(map: YamlMap, key: string): string[] {
  const node = map.entries.get(key);
  if (node === undefined) return [];
  const items: readonly YamlNode[] = node.kind === 'list' ? node.items : [node];
  return items.map((item) => {
    if (item.kind !== 'scalar' || item.value === null) {
      throw new SigmaFault(`${quoted(key)} must be a list of texts`, item.line);
    }
    return item.text;
  });
}

function timespan(text: string, line: number): number {
  const match = /^(\d{1,9})([smhd])$/.exec(text);
  const seconds = Number(match?.[1] ?? 0) * (UNITS[match?.[2] ?? 's'] ?? 0);
  if (seconds <= 0) throw new SigmaFault(`the timespan ${quoted(text)} is not a number with s, m, h or d`, line);
  if (seconds > MAX_SECONDS) throw new SigmaFault(`the timespan ${quoted(text)} is longer than 31 days`, line);
  return seconds;
}

function aliases(body: YamlMap): Map<string, Map<string, string>> {
  const result = new Map<string, Map<string, string>>();
  const node = body.entries.get('aliases');
  if (node === undefined) return result;
  if (node.kind !== 'map') throw new SigmaFault('"aliases" must be a map', node.line);
  for (const [alias, rules] of node.entries) {
    if (rules.kind !== 'map')
      throw new SigmaFault(`the alias ${quoted(alias)} must be a map of rules to fields`, rules.line);
    result.set(alias, new Map([...rules.entries.keys()].map((rule) => [rule, word(rules, rule)])));
  }
  return result;
}

function condition(
  body: YamlMap,
  type: CorrelationType,
  references: readonly string[],
): Pick<CorrelationDraft, 'limits' | 'expression' | 'fields'> {
  const temporal = type === 'temporal' || type === 'temporal_ordered';
  const node = body.entries.get('condition');
  if (node === undefined) {
    if (!temporal) throw new SigmaFault('"condition" is missing', body.line);
    return { limits: [{ how: 'gte', value: references.length }], expression: undefined, fields: [] };
  }
  if (node.kind === 'scalar' && typeof node.value === 'string' && temporal) {
    return { ...expression(node.value, type, references, node.line), fields: [] };
  }
  if (node.kind !== 'map') throw new SigmaFault('"condition" must be a map such as "gte: 10"', node.line);
  const fields = list(node, 'field');
  if (type === 'value_count' && fields.length === 0) {
    throw new SigmaFault('"field" is missing: the field whose values are counted', node.line);
  }
  const limits: Limit[] = [];
  for (const [key, value] of node.entries) {
    if (key === 'field') continue;
    if (!COMPARISONS.has(key)) throw new SigmaFault(`the condition ${quoted(key)} is unknown`, value.line);
    const number = value.kind === 'scalar' ? value.value : undefined;
    if (typeof number !== 'number' || !Number.isInteger(number) || number < 0 || number > MAX_COUNT) {
      throw new SigmaFault(`${quoted(key)} must be a whole number up to ${MAX_COUNT}`, value.line);
    }
    limits.push({ how: key as Comparison, value: number });
  }
  if (limits.length === 0) throw new SigmaFault('"condition" compares with nothing', node.line);
  return { limits, expression: undefined, fields: type === 'value_count' ? fields : [] };
}

/** `a and (b or not c)` over the rules. For an ordered correlation it can only say that all are needed. */
function expression(
  text: string,
  type: CorrelationType,
  references: readonly string[],
  line: number,
): Pick<CorrelationDraft, 'limits' | 'expression'> {
  let parsed: ConditionNode;
  try {
    parsed = parseSigmaCondition(text);
  } catch (fault) {
    throw fault instanceof SigmaFault ? new SigmaFault(fault.message, line) : fault;
  }
  const named = new Set<string>();
  let conjunction = true;
  const check = (node: ConditionNode): void => {
    if (node.op === 'name') {
      if (!references.includes(node.name)) {
        throw new SigmaFault(`the condition names ${quoted(node.name)}, which is not among the rules`, line);
      }
      named.add(node.name);
    } else if (node.op === 'some') {
      throw new SigmaFault('"1 of" and "all of" are not possible in a correlation', line);
    } else if (node.op === 'not') {
      conjunction = false;
      check(node.of);
    } else {
      conjunction &&= node.op === 'and';
      node.of.forEach(check);
    }
  };
  check(parsed);
  if (type === 'temporal') return { limits: [], expression: parsed };
  if (!conjunction || named.size < references.length) {
    throw new SigmaFault('the condition of an ordered correlation can only be all its rules, joined with "and"', line);
  }
  return { limits: [{ how: 'gte', value: references.length }], expression: undefined };
}
