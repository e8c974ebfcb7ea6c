/**
 * A Falco rule as one of ours: its condition tree, lists and macros in their
 * places, in the form of json-rules-engine. Exact or not at all: what a field of
 * Falco is put together from several of ours has no such form.
 */
import type { Problem } from '../../errors.ts';
import { fieldName } from '../../schema/fields.ts';
import { quoted } from '../../visible.ts';
import type { RuleDefinition } from '../rule.ts';
import {
  all,
  any,
  type Condition,
  exists,
  FALSE,
  field,
  type Glob,
  type Leaf,
  leaf,
  not,
  type Subject,
  type Test,
} from '../tree.ts';
import type { SourceFile } from '../yaml-files.ts';
import { FalcoFault } from './fault.ts';
import { loadFalcoTexts } from './load.ts';

interface ConvertedRules {
  /** What a rule file of ours has under `rules`. */
  readonly rules: readonly object[];
  readonly problems: readonly Problem[];
}

/** Converts what can be converted; what cannot is in the problems, with the reason. */
export function convertFalco(file: SourceFile): ConvertedRules {
  const { rules, disabled, problems } = loadFalcoTexts([file]);
  const refused: Problem[] = [...problems];
  const converted = [...rules, ...disabled].flatMap((definition) => {
    try {
      return [ruleOf(definition, !disabled.includes(definition))];
    } catch (fault) {
      if (!(fault instanceof FalcoFault)) throw fault;
      const { name, source } = definition.info;
      const line = Number(/:(\d+)$/.exec(source)?.[1]);
      refused.push({
        file: file.path,
        ...(Number.isNaN(line) ? {} : { line }),
        subject: name,
        message: `cannot be written as a rule of ours: ${fault.message}`,
        remedy: `it loads as it is: --falco.path=${file.path}`,
      });
      return [];
    }
  });
  return { rules: converted, problems: refused };
}

function ruleOf({ info, condition }: RuleDefinition, enabled: boolean): object {
  const tree = treeOf(plain(condition));
  return {
    name: info.name,
    description: info.description,
    severity: info.severity,
    risk_score: info.riskScore,
    confidence: info.confidence,
    ...(info.mitre.length === 0 ? {} : { mitre: info.mitre }),
    ...(info.tags.length === 0 ? {} : { tags: info.tags }),
    ...(enabled ? {} : { enabled: false }),
    conditions: 'operator' in tree ? { all: [tree] } : tree,
  };
}

/** What some derived values are, asked so, in fields alone; a part that does not depend on the event falls away. */
function plain(condition: Condition): Condition {
  switch (condition.type) {
    case 'all':
      return all(condition.of.map(plain));
    case 'any':
      return any(condition.of.map(plain));
    case 'not': {
      const inner = plain(condition.of);
      return inner.type === 'const' ? { type: 'const', value: !inner.value } : { type: 'not', of: inner };
    }
    case 'leaf':
      return equivalent(condition) ?? condition;
    case 'quantifier':
    case 'const':
      return condition;
  }
}

const FAMILIES: Readonly<Record<string, string>> = { '4': 'ipv4', '6': 'ipv6', ipv4: 'ipv4', ipv6: 'ipv6' };

function equivalent({ subject, test }: Leaf): Condition | undefined {
  if (subject.from !== 'derived') return undefined;
  if (test.op === 'exists' && subject.derived.name === 'short container.id') return exists(field('container.id'));
  if (test.op !== 'equal') return undefined;
  const texts = test.values.map(String);
  switch (subject.derived.name) {
    case 'short container.id':
      // The beginning of a hexadecimal number.
      if (texts.every((text) => text === 'host')) return FALSE;
      return any(texts.map((text) => leaf(field('container.id'), { op: 'startsWith', values: [text] })));
    case 'fd.typechar':
    case 'fd.type': {
      const families = texts.map((text) => FAMILIES[text]);
      return families.includes(undefined)
        ? undefined
        : leaf(field('network.family'), { op: 'equal', values: families.map(String) });
    }
    case 'evt.res':
      return leaf(field('event.error'), { op: 'equal', values: texts.map((text) => (text === 'SUCCESS' ? '' : text)) });
    case 'user.name':
      // A recording may have the real user's name alone.
      return any([
        leaf(field('user.effective.name'), test),
        all([not(exists(field('user.effective.name'))), leaf(field('user.name'), test)]),
      ]);
    default:
      return undefined;
  }
}

type Comparison = { readonly fact: string; readonly operator: string; readonly value: unknown; readonly path?: string };
type Tree = Comparison | { readonly all: readonly Tree[] } | { readonly any: readonly Tree[] } | { readonly not: Tree };

function treeOf(condition: Condition): Tree {
  switch (condition.type) {
    case 'all':
      return { all: condition.of.map(treeOf) };
    case 'any':
      return { any: condition.of.map(treeOf) };
    case 'not':
      return { not: treeOf(condition.of) };
    case 'leaf':
      return comparison(factOf(condition.subject), condition.test, '');
    case 'quantifier': {
      const { how, over, where } = condition;
      if (how !== 'any' || where.type !== 'leaf' || where.subject.from !== 'element')
        throw new FalcoFault('it asks more than one thing of the elements of a list');
      return comparison(factOf(over), where.test, 'someFact:');
    }
    case 'const':
      throw new FalcoFault(condition.value ? 'it holds for every event' : 'it holds for no event');
  }
}

function factOf(subject: Subject): Pick<Comparison, 'fact' | 'path'> {
  if (subject.from === 'derived')
    throw new FalcoFault(`it asks for ${quoted(subject.derived.name)}, which is put together from other fields`);
  if (subject.from !== 'field' || subject.transform !== undefined || subject.index !== undefined)
    throw new FalcoFault('it asks for a part of a field');
  const fact = fieldName(subject.field);
  if (subject.key === undefined) return { fact };
  if (!/^\w+$/.test(subject.key)) throw new FalcoFault(`it asks for the entry ${quoted(subject.key)} of ${fact}`);
  return { fact, path: `$.${subject.key}` };
}

const ORDERS = { lt: 'lessThan', lte: 'lessThanInclusive', gt: 'greaterThan', gte: 'greaterThanInclusive' } as const;
const COMPARISONS = {
  ...ORDERS,
  equal: 'equal',
  contains: 'contains',
  startsWith: 'startsWith',
  endsWith: 'endsWith',
} as const;

function comparison(fact: Pick<Comparison, 'fact' | 'path'>, test: Test, decorator: 'someFact:' | ''): Tree {
  const fold = 'ignoreCase' in test && test.ignoreCase === true ? 'ignoreCase:' : '';
  const asked = (operator: string, value: unknown): Tree => ({
    ...fact,
    operator: `${decorator}${fold}${operator}`,
    value,
  });
  switch (test.op) {
    case 'exists':
      return asked('exists', true);
    case 'equal':
      return test.values.length === 1 ? asked('equal', test.values[0]) : asked('in', test.values);
    case 'contains':
    case 'startsWith':
    case 'endsWith':
    case 'cidr':
      return asked(test.op, test.values.length === 1 ? test.values[0] : test.values);
    case 'glob':
      return asked('glob', test.values.map(globText));
    case 'matches':
      return asked('matches', test.flags === undefined ? test.pattern : `(?${test.flags})${test.pattern}`);
    case 'lt':
    case 'lte':
    case 'gt':
    case 'gte':
      return asked(ORDERS[test.op], test.value);
    case 'compare': {
      const { fact: other, path } = factOf(test.other);
      if (path !== undefined) throw new FalcoFault('it compares with an entry of a map');
      return asked(COMPARISONS[test.how], { fact: other });
    }
    case 'listEqual':
      throw new FalcoFault('it compares a whole list');
  }
}

function globText(glob: Glob): string {
  return glob.map((part) => ('literal' in part ? part.literal.replace(/[\\*?]/g, '\\$&') : part.wildcard)).join('');
}
