/** A comparison of a Falco field with literals, as a condition on our fields. */

import type { FieldSource } from '../../schema/event.ts';
import { type FieldId, fieldName, fieldSpec } from '../../schema/fields.ts';
import { quoted } from '../../visible.ts';
import { parseNetwork } from '../predicate/cidr.ts';
import { parseGlob } from '../predicate/glob.ts';
import { compileRegexp } from '../predicate/regexp.ts';
import { valueTest } from '../predicate/test-value.ts';
import { all, any, type Condition, exists, FALSE, field, leaf, not, type Subject, type Test, TRUE } from '../tree.ts';
import { FalcoFault } from './fault.ts';
import { commOf, type FalcoType, type Meaning } from './meaning.ts';
import { globPattern, isPlainGlob, pathPattern } from './patterns.ts';
import type { Operator } from './syntax.ts';
import { readAddress, readFlag, readNetwork, readNumber, readPort } from './values.ts';

/** What an operator asks of a value; of several tests one suffices. `negated`: of a present value, that none holds. */
export interface Question {
  readonly operator: Operator;
  readonly tests: readonly Test[];
  readonly negated: boolean;
}

const EXISTS: Test = { op: 'exists' };
const SYSCALL = field('event.syscall');
const TEXT_ONLY = new Set<Operator>(
  'contains icontains bcontains startswith bstartswith endswith glob iglob pmatch regex'.split(' ') as Operator[],
);
const ORDER = { '<': 'lt', '<=': 'lte', '>': 'gt', '>=': 'gte' } as const;

/** Reads the literals as the field's type wants them. Throws FalcoFault where they or the operator do not fit. */
export function questionOf(name: string, type: FalcoType, operator: Operator, values: readonly string[]): Question {
  if (operator === 'exists') return { operator, tests: [EXISTS], negated: false };
  if (type !== 'text' && TEXT_ONLY.has(operator)) {
    throw new FalcoFault(`the operator ${operator} is for texts, and ${name} is none`);
  }
  const order = ORDER[operator as keyof typeof ORDER];
  if (order !== undefined && (type === 'flag' || type === 'address' || type === 'network')) {
    throw new FalcoFault(`the operator ${operator} is not for ${name}`);
  }
  const negated = operator === '!=';
  switch (type) {
    case 'text':
      return { operator, tests: textTests(operator, values), negated };
    case 'flag':
      return { operator, tests: equalTo(values.map((value) => readFlag(name, value))), negated };
    case 'number':
    case 'port': {
      const numbers = values.map((value) => (type === 'port' ? readPort(name, value) : readNumber(name, value)));
      const [only] = numbers;
      if (order !== undefined && only !== undefined) return { operator, tests: [{ op: order, value: only }], negated };
      return { operator, tests: equalTo(numbers), negated };
    }
    case 'address':
      return { operator, tests: networks(values.map((value) => readAddress(name, value))), negated };
    case 'network':
      return { operator, tests: networks(values.map((value) => readNetwork(name, value))), negated };
  }
}

function equalTo(values: readonly (string | number | boolean)[]): Test[] {
  return values.length === 0 ? [] : [{ op: 'equal', values }];
}

/** `10.0.0.1` and `::ffff:10.0.0.1` are one address, so addresses are compared as networks. */
function networks(values: readonly string[]): Test[] {
  for (const value of values) parseNetwork(value);
  return values.length === 0 ? [] : [{ op: 'cidr', values }];
}

function textTests(operator: Operator, values: readonly string[]): Test[] {
  const [only = ''] = values;
  switch (operator) {
    case '=':
    case '==':
    case '!=':
    case 'in':
    case 'intersects':
      return equalTo(values);
    case '<':
    case '<=':
    case '>':
    case '>=':
      return [{ op: ORDER[operator], value: only }];
    case 'contains':
      return [{ op: 'contains', values }];
    case 'icontains':
      return [{ op: 'contains', values, ignoreCase: true }];
    case 'startswith':
      return [{ op: 'startsWith', values }];
    case 'endswith':
      return [{ op: 'endsWith', values }];
    case 'bcontains':
      return [{ op: 'contains', values: values.map(fromHex) }];
    case 'bstartswith':
      return [{ op: 'startsWith', values: values.map(fromHex) }];
    case 'glob':
    case 'iglob':
      return values.map((value) => globTest(value, operator === 'iglob'));
    case 'regex':
      return values.map((value) => regexTest(`^(?:${value})$`, ''));
    case 'pmatch':
      return pathTests(values);
    case 'exists':
      return [EXISTS];
  }
}

function fromHex(text: string): string {
  if (!/^(?:[0-9a-fA-F]{2})+$/.test(text)) throw new FalcoFault(`${quoted(text)} is not a row of hexadecimal bytes`);
  return Buffer.from(text, 'hex').toString();
}

function globTest(pattern: string, ignoreCase: boolean): Test {
  if (isPlainGlob(pattern)) return { op: 'glob', values: [parseGlob(pattern)], ...(ignoreCase ? { ignoreCase } : {}) };
  return regexTest(globPattern(pattern), ignoreCase ? 'is' : 's');
}

function regexTest(pattern: string, flags: string): Test {
  try {
    compileRegexp(pattern, flags);
  } catch (error) {
    throw new FalcoFault(error instanceof Error ? error.message : String(error));
  }
  return { op: 'matches', pattern, ...(flags === '' ? {} : { flags }) };
}

/** A path below one of the prefixes, or one of them itself. */
function pathTests(values: readonly string[]): Test[] {
  const plain: string[] = [];
  const tests: Test[] = [];
  for (const value of values) {
    if (/[*?[]/.test(value)) tests.push(regexTest(pathPattern(value), 's'));
    else plain.push(value.replace(/\/+$/, ''));
  }
  if (plain.length > 0) {
    tests.push({ op: 'startsWith', values: plain.map((path) => `${path}/`) });
    const whole = plain.filter((path) => path !== '');
    if (whole.length > 0) tests.push({ op: 'equal', values: whole });
  }
  return tests;
}

/** The condition that a question is of a field. */
export function conditionOf(meaning: Meaning, question: Question): Condition {
  switch (meaning.is) {
    case 'absent':
      return FALSE;
    case 'constant':
      return answer(meaning.value, question) ? TRUE : FALSE;
    case 'first':
      return firstCondition(meaning.subjects, meaning.otherwise, question);
    case 'comm':
      return firstCondition(meaning.subjects, undefined, question, true);
    case 'flag':
      return any([
        answer(true, question) ? meaning.holds : FALSE,
        answer(false, question) ? not(meaning.holds) : FALSE,
      ]);
    case 'names':
      return namesCondition(meaning, question);
    case 'some':
      return someCondition(meaning, question);
    case 'ends':
      return endsCondition(meaning.subjects, question);
    case 'result':
      return resultCondition(meaning, question);
    case 'types':
      return typesCondition(meaning, question);
    case 'cases':
      return any([
        all([meaning.when, conditionOf(meaning.chosen, question)]),
        all([not(meaning.when), conditionOf(meaning.otherwise, question)]),
      ]);
  }
}

/** What the question gives for a value that is known. */
function answer(value: string | number | boolean, { tests, negated }: Question): boolean {
  const holds = tests.some((test) => test.op !== 'compare' && valueTest(test)(value));
  return holds !== negated;
}

/** The question of one subject, which is false where it is absent. */
function subjectCondition(subject: Subject, { tests, negated }: Question): Condition {
  const holds = any(tests.map((test) => ofText(subject, test)));
  return negated ? all([exists(subject), not(holds)]) : holds;
}

const NUMBERS = new Set(['int', 'double']);

/** An argument of a call is a text for Falco, also where ours is a number. */
function ofText(subject: Subject, test: Test): Condition {
  if (subject.from !== 'field' || !NUMBERS.has(fieldSpec(subject.field).type)) return leaf(subject, test);
  switch (test.op) {
    case 'equal':
      return leaf(subject, test.values.some((value) => typeof value === 'string') ? { ...test, loose: true } : test);
    case 'contains':
    case 'startsWith':
    case 'endsWith':
    case 'glob':
    case 'matches':
      return leaf(subject, { ...test, loose: true });
    case 'lt':
    case 'lte':
    case 'gt':
    case 'gte':
      return leaf(typeof test.value === 'string' ? inDigits(subject.field) : subject, test);
    default:
      return leaf(subject, test);
  }
}

function inDigits(id: FieldId): Subject {
  const read = (event: FieldSource) => {
    const value = event.value(id);
    return value === undefined ? undefined : String(value);
  };
  return { from: 'derived', derived: { name: `digits(${fieldName(id)})`, fields: [id], read } };
}

function firstCondition(
  subjects: readonly Subject[],
  otherwise: string | number | boolean | undefined,
  question: Question,
  cut = false,
): Condition {
  const ways: Condition[] = [];
  const before: Condition[] = [];
  for (const subject of subjects) {
    const own = cut ? commCondition(subject, question) : subjectCondition(subject, question);
    ways.push(all([...before, own]));
    before.push(not(exists(subject)));
  }
  if (otherwise !== undefined && answer(otherwise, question)) ways.push(all(before));
  return any(ways);
}

const COMM_BYTES = 15;

/** A name longer than a task name is cut before it is compared. */
function commCondition(subject: Subject, question: Question): Condition {
  const tests: Test[] = [];
  for (const test of question.tests) {
    if (test.op === 'exists') tests.push(test);
    else if (test.op === 'equal') {
      const texts = test.values.map(String);
      const whole = texts.filter((text) => Buffer.byteLength(text) < COMM_BYTES);
      const begins = texts.filter((text) => Buffer.byteLength(text) === COMM_BYTES);
      if (whole.length > 0) tests.push({ op: 'equal', values: whole });
      if (begins.length > 0) tests.push({ op: 'startsWith', values: begins });
    } else if (test.op === 'startsWith') {
      const values = test.values.filter((text) => Buffer.byteLength(text) <= COMM_BYTES);
      if (values.length > 0) tests.push({ ...test, values });
    } else {
      return subjectCondition(cutSubject(subject), question);
    }
  }
  return subjectCondition(subject, { ...question, tests });
}

function cutSubject(subject: Subject): Subject {
  if (subject.from === 'derived') {
    const { derived } = subject;
    return { from: 'derived', derived: { ...derived, read: (event) => cutValue(derived.read(event)) } };
  }
  if (subject.from !== 'field') return subject;
  const { field: id } = subject;
  const name = `comm(${fieldName(id)})`;
  return { from: 'derived', derived: { name, fields: [id], read: (event) => cutValue(event.value(id)) } };
}

const cutValue = <T>(value: T) => (typeof value === 'string' ? commOf(value) : value);

/** `contains NAME` of joined names asks for an element where NAME is one name; everything else is asked of the text. */
function namesCondition(meaning: Meaning & { is: 'names' }, question: Question): Condition {
  const { over, joined } = meaning;
  const [test] = question.tests;
  if (
    question.operator === 'contains' &&
    test?.op === 'contains' &&
    test.values.every((value) => /^[A-Z]+_[A-Z0-9_]+$/.test(value))
  ) {
    const where = leaf({ from: 'element', level: 0 }, test);
    const named = leaf({ from: 'element', level: 0 }, { op: 'equal', values: test.values });
    // `O_CREAT` as the kernel's filter knows it; `O_SY`, a part of a name, as Falco has it.
    const whole = test.values.every((value) => WHOLE_NAMES.has(value));
    return { type: 'quantifier', how: 'any', over, where: whole ? named : where };
  }
  return subjectCondition({ from: 'derived', derived: joined }, question);
}

/** Names that are no part of another name. */
const WHOLE_NAMES = new Set(
  'O_RDONLY O_WRONLY O_RDWR O_CREAT O_EXCL O_NOCTTY O_TRUNC O_APPEND O_NONBLOCK O_DIRECTORY O_NOFOLLOW O_CLOEXEC O_TMPFILE O_NOATIME O_PATH'.split(
    ' ',
  ),
);

function someCondition(meaning: Meaning & { is: 'some' }, question: Question): Condition {
  const over: Subject = { from: 'derived', derived: meaning.over };
  if (question.operator === 'exists') return exists(over);
  const { names } = meaning;
  if (names !== undefined && question.tests.every(({ op }) => op === 'equal')) {
    const where = commCondition({ from: 'element', level: 0 }, question);
    return any([
      { type: 'quantifier', how: 'any', over: names.list, where },
      all([not(exists(names.list)), commCondition(names.alone, question)]),
    ]);
  }
  const where = subjectCondition({ from: 'element', level: 0 }, question);
  return { type: 'quantifier', how: 'any', over, where };
}

/** `=` of one end, `!=` of both; an end that is not known counts for neither. */
function endsCondition(subjects: readonly Subject[], { tests, negated }: Question): Condition {
  const holds = subjects.map((subject) => any(tests.map((test) => leaf(subject, test))));
  if (!negated) return any(holds);
  return all([any(subjects.map(exists)), ...holds.map(not)]);
}

/** Numbers of which a comparison with a return value can tell failure from success. */
const SUCCESSES = [0, 1, 3, 255, 65536, Number.MAX_SAFE_INTEGER];
const FAILURES = [-1, -2, -115, -4095];

/** Where only failure or success counts the error is asked for: the kernel's filter understands that. */
function resultCondition(meaning: Meaning & { is: 'result' }, question: Question): Condition {
  const same = (numbers: readonly number[]) => {
    const answers = numbers.map((number) => answer(number, question));
    const [one] = answers;
    return answers.every((other) => other === one) ? one : undefined;
  };
  const near = question.tests.flatMap(numbersOf);
  const success = same([...SUCCESSES, ...near.filter((number) => number >= 0)]);
  const never = meaning.failed.type === 'const' && !meaning.failed.value;
  const failure = never ? false : same([...FAILURES, ...near.filter((number) => number < 0)]);
  if (success === undefined || failure === undefined) {
    return subjectCondition({ from: 'derived', derived: meaning.derived }, question);
  }
  return any([success ? not(meaning.failed) : FALSE, failure ? meaning.failed : FALSE]);
}

function numbersOf(test: Test): number[] {
  if (test.op === 'equal') return test.values.filter((value) => typeof value === 'number').flatMap(around);
  return 'value' in test && typeof test.value === 'number' ? around(test.value) : [];
}

const around = (number: number) => [number - 1, number, number + 1];

function typesCondition(meaning: Meaning & { is: 'types' }, question: Question): Condition {
  const holding = meaning.types.filter((type) => answer(type, question));
  const [likeliest = ''] = meaning.assumed;
  const assumed = question.negated
    ? answer(likeliest, question)
    : meaning.assumed.some((type) => answer(type, question));
  if (holding.length === meaning.types.length && assumed && meaning.closed) return TRUE;
  return any([
    holding.length === 0 ? FALSE : leaf(SYSCALL, { op: 'equal', values: holding }),
    assumed ? meaning.untold : FALSE,
  ]);
}
