/** The left or right side of a comparison: a field, or a transformer over others. */
import type { FieldSource, FieldValue } from '../../schema/event.ts';
import type { FieldId } from '../../schema/fields.ts';
import { any, type Condition, leaf, type Subject, type Test } from '../tree.ts';
import { FalcoFault } from './fault.ts';
import { resolveField } from './fields/table.ts';
import { type FoundOption, findOptions } from './getopt.ts';
import { combined, derived, type FalcoType, fieldsOf, type Meaning, valueReader } from './meaning.ts';
import type { ArgumentExpr, CallExpr, OperandExpr, Transformer } from './syntax.ts';

/** An operand whose names are known; what it reads depends on the kind of event. */
export interface Operand {
  readonly name: string;
  readonly type: FalcoType;
  /** Why a field of it is not there. */
  readonly missing: string | undefined;
  meaning(kind: string): Meaning;
}

/** Resolves names and types. Throws FalcoFault for what does not exist or does not fit. */
export function resolveOperand(expr: OperandExpr): Operand {
  return expr.type === 'field' ? resolveField(expr) : resolveCall(expr);
}

function resolveCall({ transformer, args, selector }: CallExpr): Operand {
  const parts = args.flatMap((arg) => resolveArgument(arg));
  if (transformer === 'getopt') return optionsOf(args, parts, selector);
  if (selector !== undefined) throw new FalcoFault(`${transformer}() takes no argument in brackets`);
  if (transformer === 'join' || transformer === 'concat') return joinOf(transformer, args, parts);
  const [only] = parts;
  if (args.length !== 1 || only === undefined) throw new FalcoFault(`${transformer}() takes one field`);
  if (only.type !== 'text') throw new FalcoFault(`${transformer}() is for texts, and ${only.name} is none`);
  return {
    name: `${transformer}(${only.name})`,
    type: transformer === 'len' ? 'number' : 'text',
    missing: only.missing,
    meaning: (kind) => transformed(transformer, only, kind),
  };
}

function resolveArgument(arg: ArgumentExpr): Operand[] {
  if (arg.type === 'value') {
    const { text } = arg;
    return [
      {
        name: JSON.stringify(text),
        type: 'text',
        missing: undefined,
        meaning: () => ({ is: 'constant', value: text }),
      },
    ];
  }
  return arg.type === 'list' ? arg.items.flatMap(resolveArgument) : [resolveOperand(arg)];
}

type SingleTransformer = Exclude<Transformer, 'join' | 'concat' | 'getopt'>;

const CHANGES: Readonly<Record<SingleTransformer, (text: string) => FieldValue>> = {
  tolower: (text) => text.replace(/[A-Z]+/g, (part) => part.toLowerCase()),
  toupper: (text) => text.replace(/[a-z]+/g, (part) => part.toUpperCase()),
  basename: (text) => text.slice(text.lastIndexOf('/') + 1),
  b64: decodeBase64,
  len: (text) => Buffer.byteLength(text),
};

/** Padding may be missing, as for Falco; what is no Base64 has no value. */
function decodeBase64(text: string): string | undefined {
  const bare = text.replace(/=+$/, '');
  return /^[A-Za-z0-9+/]*$/.test(bare) && bare.length % 4 !== 1 ? Buffer.from(bare, 'base64').toString() : undefined;
}

function transformed(transformer: SingleTransformer, of: Operand, kind: string): Meaning {
  const meaning = of.meaning(kind);
  if (meaning.is === 'absent') return meaning;
  const change = CHANGES[transformer];
  const read = valueReader(meaning);
  const apply = (value: FieldValue) => (typeof value === 'string' ? change(value) : undefined);
  const name = derivedName(`${transformer}(${of.name})`, meaning, kind);
  if (meaning.is === 'some') {
    const over = {
      name,
      fields: fieldsOf(meaning),
      read: (event: FieldSource) => {
        const values = read(event);
        if (!Array.isArray(values)) return undefined;
        return values
          .map((value) => apply(String(value)))
          .filter((value) => value !== undefined)
          .map(String);
      },
    };
    return { is: 'some', over };
  }
  const implied = transformer === 'tolower' || transformer === 'toupper' ? impliedByCase(meaning) : undefined;
  const derived = {
    name,
    fields: fieldsOf(meaning),
    read: (event: FieldSource) => apply(read(event)),
    ...(implied === undefined ? {} : { implied }),
  };
  return { is: 'first', subjects: [{ from: 'derived', derived }] };
}

/** Without regard to case the original passes, too. */
function impliedByCase(meaning: Meaning): ((test: Test) => Condition | undefined) | undefined {
  if (
    (meaning.is !== 'first' && meaning.is !== 'comm') ||
    ('otherwise' in meaning && meaning.otherwise !== undefined)
  ) {
    return undefined;
  }
  const cut = meaning.is === 'comm';
  return (test) => {
    if (test.op !== 'equal' && test.op !== 'contains' && test.op !== 'startsWith' && test.op !== 'endsWith')
      return undefined;
    if (cut && test.op === 'endsWith') return undefined;
    const values = test.values.map(String);
    const wanted: Test =
      cut && test.op === 'equal'
        ? { op: 'startsWith', values, ignoreCase: true }
        : { ...test, values, ignoreCase: true };
    return any(meaning.subjects.map((subject) => leaf(subject, wanted)));
  };
}

/** `concat(a, b)`; `join(separator, (a, b))`. Every value must be there. */
function joinOf(transformer: 'join' | 'concat', args: readonly ArgumentExpr[], parts: readonly Operand[]): Operand {
  let separator = '';
  let joined = parts;
  if (transformer === 'join') {
    const [head] = args;
    if (head?.type !== 'value' || parts.length < 2) throw new FalcoFault('join() takes a text and a list of fields');
    separator = head.text;
    joined = parts.slice(1);
  }
  const name = `${transformer}(${parts.map((part) => part.name).join(', ')})`;
  return {
    name,
    type: 'text',
    missing: parts.find((part) => part.missing !== undefined)?.missing,
    meaning: (kind) => {
      const meanings = joined.map((part) => part.meaning(kind));
      const identity = meanings.map((meaning) => derivedName('', meaning, kind)).join('');
      return combined(`${name}${identity}`, meanings, (values) => {
        const parts = values.flatMap((value) => (Array.isArray(value) ? value.map(String) : [value]));
        return parts.includes(undefined) ? undefined : parts.map(String).join(separator);
      });
    },
  };
}

/** An option, and its value if it has one; an empty text alone where it should. */
function textsOf({ option, value, lacksValue }: FoundOption): string[] {
  if (lacksValue) return [''];
  return value === undefined ? [option] : [option, value];
}

/** `getopt(proc.args, "nt:")`: options and their values, as getopt(3) finds them; with `[t]` the last value of one. */
function optionsOf(args: readonly ArgumentExpr[], parts: readonly Operand[], selector: string | undefined): Operand {
  const [list, last] = args;
  if (args.length !== 2 || last?.type !== 'value')
    throw new FalcoFault('getopt() takes a list of arguments and a text of options such as "nt:"');
  if (selector !== undefined && selector.length !== 1) throw new FalcoFault('getopt() takes one character in brackets');
  const own = list?.type === 'field' && list.name === 'proc.args' && list.argument === undefined;
  if (!own && list?.type !== 'list') throw new FalcoFault('the first argument of getopt() is proc.args or a list');
  const given = parts.slice(0, -1);
  const name = `getopt(${parts.map((part) => part.name).join(', ')})${selector === undefined ? '' : `[${selector}]`}`;
  return {
    name,
    type: 'text',
    missing: given.find((part) => part.missing !== undefined)?.missing,
    meaning: (kind) => {
      const words: Meaning = own
        ? derived('arguments', ['process.args'], (values) => (Array.isArray(values) ? values.slice(1) : undefined))
        : combined(
            `(${given.map((part) => part.name).join(', ')}) of ${kind}`,
            given.map((part) => part.meaning(kind)),
            (values) => values.flatMap((value) => (value === undefined ? [] : String(value))),
          );
      const read = valueReader(words);
      const options = (event: FieldSource) => {
        const values = read(event);
        return Array.isArray(values) ? findOptions(values.map(String), last.text) : undefined;
      };
      const fields = fieldsOf(words);
      if (selector === undefined) {
        const all = (event: FieldSource) => options(event)?.flatMap(textsOf);
        return { is: 'some', over: { name: `${name} of ${kind}`, fields, read: all } };
      }
      const one = (event: FieldSource) => {
        const found = options(event)?.findLast(({ option }) => option === selector);
        return found === undefined ? undefined : textsOf(found).at(-1);
      };
      return {
        is: 'first',
        subjects: [{ from: 'derived', derived: { name: `${name} of ${kind}`, fields, read: one } }],
      };
    },
  };
}

/** A name that is the same only for the same value: what depends on the kind says so. */
function derivedName(name: string, meaning: Meaning, kind: string): string {
  const plain =
    meaning.is === 'constant' || (meaning.is === 'first' && meaning.subjects.every((one) => one.from === 'field'));
  return plain || meaning.is === 'comm' ? name : `${name} of ${kind}`;
}

/** A subject that has the operand's value. */
export function subjectOf(operand: Operand, kind: string): Subject | undefined {
  const meaning = operand.meaning(kind);
  if (meaning.is === 'absent') return undefined;
  if (meaning.is === 'first' && meaning.otherwise === undefined) {
    const [only] = meaning.subjects;
    if (meaning.subjects.length === 1 && only !== undefined) return only;
  }
  const fields: readonly FieldId[] = fieldsOf(meaning);
  return {
    from: 'derived',
    derived: { name: derivedName(operand.name, meaning, kind), fields, read: valueReader(meaning) },
  };
}
