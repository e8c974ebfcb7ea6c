/** One line of a detection, `CommandLine|contains|all: [...]`, as a condition. */
import { MAX_PATTERN_LENGTH } from '../predicate/regexp.ts';
import { valueTest } from '../predicate/test-value.ts';
import { all, any, type Condition, exists, FALSE, leaf, not, type Subject, type Test, TRUE } from '../tree.ts';
import { type SigmaField, sigmaField } from './fields.ts';
import type { Variant } from './logsource.ts';
import type { Modified, SigmaValue } from './modifiers.ts';
import { SigmaFault } from './problem.ts';
import { globOf, literalOf, patternOf, plainText, spellings, surround, type Text } from './text.ts';

/** What a value asks: that the field is there, that it is not, or a test of what it holds. */
type Ask =
  | { readonly present: boolean }
  | { readonly test: Test }
  | { readonly reference: SigmaValue & { type: 'field' } };

const ELEMENT: Subject = { from: 'element', level: 0 };

/** The condition of an item. `variant` decides what fields mean. Throws SigmaFault. */
export function itemCondition(name: string, modified: Modified, variant: Variant): Condition {
  const target = sigmaField(name, variant);
  const { negated } = modified;
  const values = modified.groups.flat();
  let condition: Condition;
  if (modified.all) {
    condition = all(modified.groups.map((group) => valuesCondition(target, group, modified.cased, variant)));
  } else {
    condition = valuesCondition(target, values, modified.cased, variant);
  }
  return negated ? not(condition) : condition;
}

/** One of the values. */
function valuesCondition(
  target: SigmaField,
  values: readonly SigmaValue[],
  cased: boolean,
  variant: Variant,
): Condition {
  switch (target.type) {
    case 'flag':
      return any(values.map((value) => flagCondition(target.holds, value)));
    case 'hashes':
      return any(values.map((value) => hashCondition(target, value, cased)));
    case 'keywords':
      return any(
        merge(values.flatMap((value) => keywordTests(value, cased))).map((test) => leaf({ from: 'any_string' }, test)),
      );
    case 'cases':
      return any(asksOf(values, cased).map((ask) => caseCondition(target, ask)));
    case 'absent':
      return any(values.map((value) => (value.type === 'null' || isFalseExists(value) ? TRUE : FALSE)));
    case 'value':
    case 'either':
    case 'list':
      return any(asksOf(values, cased).map((ask) => askCondition(target, ask, cased, variant)));
  }
}

/** The words that pass, with what makes them so. */
function caseCondition({ cases, label, asked }: SigmaField & { type: 'cases' }, ask: Ask): Condition {
  const some = any(cases.map(([, holds]) => holds));
  if ('reference' in ask) throw new SigmaFault('"fieldref" needs a field with a value of its own');
  if ('present' in ask) return ask.present ? some : not(some);
  if (ask.test.op === 'exists') return some;
  const fits = ask.test.op === 'compare' ? () => false : valueTest(ask.test);
  const found = cases.filter(([word]) => fits(word));
  if ('values' in ask.test && ask.test.op !== 'glob') {
    for (const value of ask.test.values) {
      const what = `${label} ${value}`;
      // The same test with one of its own values, whose type the union of all tests does not say.
      const known = found.some(([word]) => valueTest({ ...ask.test, values: [value] } as never)(word));
      asked.set(what, known || asked.get(what) === true);
    }
  }
  return any(found.map(([, holds]) => holds));
}

const isFalseExists = (value: SigmaValue) => value.type === 'exists' && !value.value;

function asksOf(values: readonly SigmaValue[], cased: boolean): Ask[] {
  const asks: Ask[] = [];
  const tests: Test[] = [];
  for (const value of values) {
    if (value.type === 'null') asks.push({ present: false });
    else if (value.type === 'exists') asks.push({ present: value.value });
    else if (value.type === 'field') asks.push({ reference: value });
    else tests.push(...testsOf(value, cased));
  }
  return [...asks, ...merge(tests).map((test) => ({ test }))];
}

function askCondition(
  target: SigmaField & { type: 'value' | 'either' | 'list' },
  ask: Ask,
  cased: boolean,
  variant: Variant,
): Condition {
  if ('present' in ask) {
    const present = target.type === 'list' ? exists(target.over) : any(target.subjects.map(exists));
    return ask.present ? present : not(present);
  }
  if ('test' in ask) {
    if (ask.test.op === 'exists') return askCondition(target, { present: true }, cased, variant);
    const present = onSubjects(target, (subject) => leaf(subject, ask.test));
    const words = target.type === 'value' ? (target.absentAs ?? []) : [];
    if (ask.test.op === 'compare' || !words.some(valueTest(ask.test))) return present;
    return any([present, askCondition(target, { present: false }, cased, variant)]);
  }
  const other = sigmaField(ask.reference.name, variant);
  if (other.type !== 'value' && other.type !== 'either')
    throw new SigmaFault(`"fieldref" cannot refer to the field "${ask.reference.name}"`);
  const { how } = ask.reference;
  return onSubjects(target, (subject) =>
    onSubjects(other, (against) =>
      leaf(subject, { op: 'compare', how, other: against, ...caseOf(cased), loose: true }),
    ),
  );
}

/** The condition for the first subject that is present, for whichever are, or for any element of a list. */
function onSubjects(
  target: SigmaField & { type: 'value' | 'either' | 'list' },
  make: (subject: Subject) => Condition,
): Condition {
  if (target.type === 'list') return { type: 'quantifier', how: 'any', over: target.over, where: make(ELEMENT) };
  if (target.type === 'either') return any(target.subjects.map(make));
  const choices = target.subjects.map((subject, at) =>
    all([...target.subjects.slice(0, at).map((before) => not(exists(before))), make(subject)]),
  );
  return any(choices);
}

const caseOf = (cased: boolean) => (cased ? {} : { ignoreCase: true });

/** The tests of one value, of which one suffices. */
function testsOf(value: SigmaValue, cased: boolean): Test[] {
  switch (value.type) {
    case 'text': {
      const all = spellings(value.text);
      if (all !== undefined) return all.map((text) => textTest(text, cased));
      const pattern = patternOf(value.text);
      if (pattern.length > MAX_PATTERN_LENGTH) throw new SigmaFault('the text is too long for that many dashes');
      return [{ op: 'matches', pattern, flags: cased ? 's' : 'is', loose: true }];
    }
    case 'number': {
      const values = String(value.value) === value.spelling ? [value.value] : [value.value, value.spelling];
      return [{ op: 'equal', values, ...caseOf(cased), loose: true }];
    }
    case 'boolean':
      return [{ op: 'equal', values: [String(value.value)], ignoreCase: true, loose: true }];
    case 'regexp':
      return [{ op: 'matches', pattern: value.pattern, flags: value.flags, loose: true }];
    case 'network':
      return [{ op: 'cidr', values: [value.network] }];
    case 'order':
      return [{ op: value.how, value: value.value, loose: true }];
    default:
      throw new SigmaFault(`a value of type ${value.type} is not possible here`);
  }
}

/** The cheapest test for a text: most patterns are a literal with wildcards at its ends. */
function textTest(text: Text, cased: boolean): Test {
  const glob = globOf(text) ?? [];
  const options = { ...caseOf(cased), loose: true } as const;
  const literal = literalOf(text);
  const stars = glob.filter((part) => 'wildcard' in part);
  if (stars.length === 0) return { op: 'equal', values: [literal], ...options };
  const simple = stars.every((part) => part.wildcard === '*');
  if (simple && stars.length === glob.length) return { op: 'exists' };
  const first = glob[0];
  const last = glob.at(-1);
  if (simple && glob.length - stars.length === 1 && first !== undefined && last !== undefined) {
    if ('literal' in first) return { op: 'startsWith', values: [literal], ...options };
    if ('literal' in last) return { op: 'endsWith', values: [literal], ...options };
    return { op: 'contains', values: [literal], ...options };
  }
  return { op: 'glob', values: [glob], ...options };
}

/** Joins tests of the same kind, so that a list of a thousand names is one leaf. */
function merge(tests: readonly Test[]): Test[] {
  const groups = new Map<string, Test[]>();
  tests.forEach((test, index) => {
    const key = 'values' in test ? `${test.op} ${'ignoreCase' in test && test.ignoreCase === true}` : String(index);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [test]);
    else group.push(test);
  });
  return [...groups.values()].flatMap(joined);
}

function joined(group: readonly Test[]): readonly Test[] {
  const [first] = group;
  if (first === undefined || group.length === 1) return group;
  switch (first.op) {
    case 'equal':
      return [{ ...first, values: group.flatMap((test) => (test.op === 'equal' ? test.values : [])) }];
    case 'glob':
      return [{ ...first, values: group.flatMap((test) => (test.op === 'glob' ? test.values : [])) }];
    case 'cidr':
    case 'contains':
    case 'startsWith':
    case 'endsWith': {
      const { op } = first;
      return [{ ...first, values: group.flatMap((test) => (test.op === op ? test.values : [])) }];
    }
    default:
      return group;
  }
}

/** Keywords are looked for anywhere in each string of the event. */
function keywordTests(value: SigmaValue, cased: boolean): Test[] {
  if (value.type === 'regexp') return testsOf(value, cased);
  let text: Text;
  if (value.type === 'text') text = value.text;
  else if (value.type === 'number') text = plainText(value.spelling);
  else if (value.type === 'boolean') text = plainText(String(value.value));
  else throw new SigmaFault('a keyword must be a text, a number or a regular expression');
  return testsOf({ type: 'text', text: surround(text, true, true) }, cased);
}

function flagCondition(holds: Condition, value: SigmaValue): Condition {
  if (value.type === 'exists') return value.value ? TRUE : FALSE;
  if (value.type === 'null') return FALSE;
  if (value.type === 'boolean') return value.value ? holds : not(holds);
  if (value.type === 'text' && value.text.parts.every((part) => 'literal' in part)) {
    const word = literalOf(value.text).toLowerCase();
    if (word === 'true') return holds;
    if (word === 'false') return not(holds);
  }
  throw new SigmaFault('the field is either true or false');
}

/** `Hashes|contains: 'MD5=…'`, or a hash without its name. Whole hashes only. */
function hashCondition(target: SigmaField & { type: 'hashes' }, value: SigmaValue, cased: boolean): Condition {
  const known = any([exists(target.md5), exists(target.sha256)]);
  if (value.type === 'exists') return value.value ? known : not(known);
  if (value.type === 'null') return not(known);
  if (value.type !== 'text') throw new SigmaFault('Hashes is compared with texts such as SHA256=…');
  const written = literalOf(value.text);
  const match = /^(?:(md5|sha1|sha256|imphash)=)?([0-9a-f]{32,64})$/i.exec(written);
  const [, algorithm, hash] = match ?? [];
  if (hash === undefined) throw new SigmaFault('Hashes is compared with whole hashes such as SHA256=…');
  const same = (subject: Subject) => leaf(subject, { op: 'equal', values: [hash], ...caseOf(cased) });
  switch (algorithm?.toLowerCase()) {
    case 'md5':
      return same(target.md5);
    case 'sha256':
      return same(target.sha256);
    case undefined:
      return any([same(target.md5), same(target.sha256)]);
    default:
      return FALSE;
  }
}
