/** Operands of CEL: names, literals, element access and the functions that yield values. */
import { messageOf } from '../../errors.ts';
import { nearest } from '../../nearest.ts';
import { fieldName } from '../../schema/fields.ts';
import { compileRegexp } from '../predicate/regexp.ts';
import type { RuleError } from '../source.ts';
import { type Condition, type Literal, subjectText, type Transform } from '../tree.ts';
import { parseCel } from './parse.ts';
import {
  type CelExpr,
  type CelOperand,
  type CelText,
  literalType,
  type Names,
  resolveName,
  type ScalarType,
  select,
  suggest,
  typeText,
} from './scope.ts';

/** Functions that give a truth value, and those that give a value; for "did you mean". */
export const BOOLEAN_FUNCTIONS = ['contains', 'startsWith', 'endsWith', 'matches'] as const;
const KNOWN_FUNCTIONS = [...BOOLEAN_FUNCTIONS, 'size', 'exists', 'all', 'has', 'lowerAscii', 'upperAscii'];
const TRANSFORMS: Readonly<Record<string, Transform>> = { size: 'size', lowerAscii: 'lower', upperAscii: 'upper' };

/** Nodes that one condition may have after macros and literal lists are expanded. */
const MAX_NODES = 500_000;
const MAX_MACRO_DEPTH = 32;

/** What macros became, for each set of names: they do not change once a rule asks for one. */
const MACROS = new WeakMap<Names, Map<string, MacroCondition>>();

interface MacroCondition {
  readonly condition: Condition;
  /** How many macros deep it goes, itself included. */
  readonly depth: number;
  readonly nodes: number;
}

/** State of one translation: names, iteration variables, macros being expanded and the work done so far. */
export class Scope {
  readonly names: Names;
  readonly variables = new Map<string, CelOperand>();
  level = 0;
  readonly #open: string[] = [];
  readonly #parsed = new Map<string, CelText>();
  /** How many macros deep the macro that was left last went. */
  #deepest = 0;
  #nodes = 0;

  constructor(names: Names) {
    this.names = names;
  }

  /** Counts one node of work, so that macros within macros cannot grow without bound. */
  count(text: CelText, expr: CelExpr): void {
    this.#nodes++;
    if (this.#nodes > MAX_NODES) {
      throw text.error(expr, `condition has more than ${MAX_NODES} parts once macros and lists are expanded`);
    }
  }

  /**
   * The condition that a macro's expression is true (`wanted`), or that it is
   * false. It is the same wherever the macro stands on the same level, so it is
   * translated once for all rules; the bounds hold as if it were translated anew.
   */
  macroCondition(
    text: CelText,
    expr: CelExpr,
    name: string,
    wanted: boolean,
    translate: (text: CelText, expr: CelExpr) => Condition,
  ): Condition {
    const ofNames = MACROS.get(this.names) ?? new Map<string, MacroCondition>();
    MACROS.set(this.names, ofNames);
    const key = `${this.level} ${wanted} ${name}`;
    const before = ofNames.get(key);
    if (before !== undefined && !this.#open.includes(name)) {
      this.#checkDepth(text, expr, this.#open.length + before.depth);
      this.#deepest = Math.max(this.#deepest, this.#open.length + before.depth);
      this.#nodes += before.nodes;
      this.count(text, expr);
      return before.condition;
    }
    const [nodes, deepest] = [this.#nodes, this.#deepest];
    this.#deepest = 0;
    const condition = this.inMacro(text, expr, name, translate);
    const depth = this.#deepest - this.#open.length;
    this.#deepest = Math.max(this.#deepest, deepest);
    ofNames.set(key, { condition, depth, nodes: this.#nodes - nodes });
    return condition;
  }

  #checkDepth(text: CelText, expr: CelExpr, depth: number): void {
    if (depth > MAX_MACRO_DEPTH) throw text.error(expr, `macros nested deeper than ${MAX_MACRO_DEPTH}`);
  }

  /** Runs a translation of a macro's expression with only the macro's own names in scope. */
  inMacro<T>(text: CelText, expr: CelExpr, name: string, translate: (text: CelText, expr: CelExpr) => T): T {
    const source = this.names.macros.get(name);
    if (source === undefined) throw text.error(expr, `no macro "${name}"`);
    if (this.#open.includes(name)) {
      throw text.error(expr, `macro "${name}" uses itself: ${[...this.#open, name].join(' -> ')}`);
    }
    this.#checkDepth(text, expr, this.#open.length + 1);
    this.#open.push(name);
    this.#deepest = Math.max(this.#deepest, this.#open.length);
    const hidden = [...this.variables];
    this.variables.clear();
    try {
      const macro = this.#parsed.get(name) ?? parseCel(source);
      this.#parsed.set(name, macro);
      return translate(macro, macro.parsed.expr);
    } finally {
      this.#open.pop();
      for (const [variable, operand] of hidden) this.variables.set(variable, operand);
    }
  }
}

function constant(text: CelText, expr: CelExpr): CelOperand {
  if (expr.exprKind.case !== 'constExpr') throw text.error(expr, 'expected a literal');
  const { constantKind } = expr.exprKind.value;
  switch (constantKind.case) {
    case 'stringValue':
      return { kind: 'literal', value: constantKind.value, type: 'string' };
    case 'boolValue':
      return { kind: 'literal', value: constantKind.value, type: 'bool' };
    case 'doubleValue':
      return { kind: 'literal', value: constantKind.value, type: 'double' };
    case 'int64Value':
    case 'uint64Value': {
      const value = Number(constantKind.value);
      if (!Number.isSafeInteger(value)) throw text.error(expr, `integer ${constantKind.value} is too large`);
      return { kind: 'literal', value, type: 'int' };
    }
    case 'nullValue':
      throw text.error(expr, 'null is not a value a field can have', 'use has(field) to ask whether it is there');
    default:
      throw text.error(expr, `literals of this kind (${constantKind.case ?? 'unknown'}) have no use in rules`);
  }
}

function literalList(text: CelText, elements: readonly CelExpr[], scope: Scope): CelOperand {
  const values: Literal[] = [];
  for (const element of elements) {
    scope.count(text, element);
    const operand = operandOf(text, element, scope);
    if (operand.kind !== 'literal') throw text.error(element, 'a list may contain only literals');
    const [first] = values;
    if (first !== undefined && !sameType(literalType(first), operand.type)) {
      throw text.error(element, `list mixes ${literalType(first)} and ${operand.type}`);
    }
    values.push(operand.value);
  }
  return { kind: 'list', values };
}

export function sameType(a: ScalarType | string, b: ScalarType | string): boolean {
  const numeric = (type: string) => type === 'int' || type === 'double';
  return a === b || (numeric(a) && numeric(b));
}

function identifier(text: CelText, expr: CelExpr, name: string, scope: Scope): CelOperand {
  const bare = name.replace(/^\./, '');
  const variable = scope.variables.get(bare);
  if (variable !== undefined) return variable;
  const known = resolveName(bare);
  if (known !== undefined) return known;
  const list = scope.names.lists.get(bare);
  if (list !== undefined) return { kind: 'list', values: list };
  if (scope.names.macros.has(bare)) {
    return scope.inMacro(text, expr, bare, (inner, root) => operandOf(inner, root, scope));
  }
  throw unknown(text, expr, undefined, bare, scope);
}

function unknown(text: CelText, expr: CelExpr, within: CelOperand | undefined, name: string, scope: Scope): RuleError {
  const near = suggest(within, name, scope.names);
  const written =
    within?.kind === 'group'
      ? `${within.prefix}.${name}`
      : within?.kind === 'subject'
        ? `${subjectText(within.subject)}.${name}`
        : name;
  return text.error(expr, `unknown field "${written}"`, near === undefined ? undefined : `did you mean "${near}"?`);
}

/** The value that an expression stands for. Throws RuleError for one that is no value, such as a comparison. */
export function operandOf(text: CelText, expr: CelExpr, scope: Scope): CelOperand {
  scope.count(text, expr);
  const kind = expr.exprKind;
  switch (kind.case) {
    case 'constExpr':
      return constant(text, expr);
    case 'identExpr':
      return identifier(text, expr, kind.value.name, scope);
    case 'listExpr':
      return literalList(text, kind.value.elements, scope);
    case 'structExpr': {
      if (kind.value.messageName !== '') throw text.error(expr, `no type "${kind.value.messageName}"`);
      const keys = kind.value.entries.map((entry) => {
        if (entry.keyKind.case !== 'mapKey') throw text.error(expr, 'a map may have only literal keys');
        return entry.keyKind.value;
      });
      return literalList(text, keys, scope);
    }
    case 'selectExpr': {
      const { operand, field } = kind.value;
      if (operand === undefined || kind.value.testOnly) throw text.error(expr, 'has() is a condition, not a value');
      // A name with dots may be a field as a whole although its beginning is one, too: `process` is process.name.
      const dotted = dottedName(expr);
      const whole = dotted === undefined || scope.variables.has(dotted.root) ? undefined : resolveName(dotted.name);
      if (whole !== undefined) return whole;
      const within = dotted === undefined ? undefined : groupOf(operand, scope);
      const base = within ?? operandOf(text, operand, scope);
      const selected = select(base, field);
      if (selected === undefined) throw unknown(text, expr, base, field, scope);
      return selected;
    }
    case 'callExpr':
      return callOperand(text, expr, scope);
    case 'comprehensionExpr':
      throw text.error(expr, 'expected a value, found exists() or all()');
    default:
      throw text.error(expr, 'expected a field or a literal');
  }
}

function dottedName(expr: CelExpr): { root: string; name: string } | undefined {
  const parts: string[] = [];
  let at: CelExpr | undefined = expr;
  while (at !== undefined) {
    const kind: CelExpr['exprKind'] = at.exprKind;
    if (kind.case === 'identExpr') {
      const root = kind.value.name.replace(/^\./, '');
      return { root, name: [root, ...parts.reverse()].join('.') };
    }
    if (kind.case !== 'selectExpr' || kind.value.testOnly) return undefined;
    parts.push(kind.value.field);
    at = kind.value.operand;
  }
  return undefined;
}

function groupOf(expr: CelExpr, scope: Scope): CelOperand | undefined {
  const dotted = dottedName(expr);
  if (dotted === undefined || scope.variables.has(dotted.root)) return undefined;
  // `process` and `user` are groups here, whatever alias of the same name there is.
  if (dotted.name === dotted.root && dotted.root === 'process') return { kind: 'group', prefix: 'process' };
  return resolveName(dotted.name);
}

function callOperand(text: CelText, expr: CelExpr, scope: Scope): CelOperand {
  if (expr.exprKind.case !== 'callExpr') throw text.error(expr, 'expected a call');
  const { function: name, target, args } = expr.exprKind.value;
  if (name === '_[_]') return elementOf(text, expr, args, scope);
  const transform = Object.hasOwn(TRANSFORMS, name) ? TRANSFORMS[name] : undefined;
  if (transform !== undefined) {
    const [argument, ...more] = target === undefined ? args : [target, ...args];
    if (argument === undefined || more.length > 0) throw text.error(expr, `${name}() takes one value`);
    return transformed(text, argument, name, transform, scope);
  }
  if ((BOOLEAN_FUNCTIONS as readonly string[]).includes(name) || /^[_!@]/.test(name)) {
    if (/^_[-+*/%]_$|^-_$/.test(name)) {
      throw text.error(expr, `arithmetic (${name.replaceAll('_', '')}) has no use in rules`);
    }
    throw text.error(expr, 'expected a value, found a condition');
  }
  throw unknownFunction(text, expr, name);
}

export function unknownFunction(text: CelText, expr: CelExpr, name: string): RuleError {
  const near = nearest(name, KNOWN_FUNCTIONS);
  return text.error(expr, `unknown function "${name}"`, near === undefined ? undefined : `did you mean "${near}"?`);
}

function transformed(text: CelText, argument: CelExpr, name: string, transform: Transform, scope: Scope): CelOperand {
  const operand = operandOf(text, argument, scope);
  if (operand.kind === 'list' && transform === 'size') {
    return { kind: 'literal', value: operand.values.length, type: 'int' };
  }
  if (operand.kind !== 'subject' || operand.subject.from === 'any_string' || operand.subject.from === 'derived') {
    throw text.error(argument, `${name}() needs a field, found ${typeText(operand)}`);
  }
  const textual = operand.type === 'string';
  const sized = textual || operand.type.startsWith('list') || operand.type === 'map<string>';
  if (transform === 'size' ? !sized : !textual) {
    throw text.error(argument, `${name}() does not apply to ${typeText(operand)}`);
  }
  if (operand.subject.transform !== undefined) throw text.error(argument, `${name}() cannot follow another function`);
  return {
    kind: 'subject',
    subject: { ...operand.subject, transform },
    type: transform === 'size' ? 'int' : 'string',
  };
}

function elementOf(text: CelText, expr: CelExpr, args: readonly CelExpr[], scope: Scope): CelOperand {
  const [container, position] = args;
  if (container === undefined || position === undefined) throw text.error(expr, 'expected an index');
  const base = operandOf(text, container, scope);
  const key = operandOf(text, position, scope);
  if (key.kind !== 'literal') throw text.error(position, 'an index must be a literal');
  if (base.kind === 'subject' && base.type === 'map<string>' && base.subject.from === 'field') {
    if (typeof key.value !== 'string') throw text.error(position, 'the key of a map is a string');
    return { kind: 'subject', subject: { ...base.subject, key: key.value }, type: 'string' };
  }
  if (
    base.kind === 'subject' &&
    base.type === 'list<string>' &&
    base.subject.from !== 'any_string' &&
    base.subject.from !== 'derived'
  ) {
    if (typeof key.value !== 'number' || !Number.isInteger(key.value) || key.value < 0) {
      throw text.error(position, 'the index of a list is an integer from 0');
    }
    return { kind: 'subject', subject: { ...base.subject, index: key.value }, type: 'string' };
  }
  if (base.kind === 'subject' && base.type === 'list<process>') {
    throw text.error(expr, 'a single ancestor cannot be picked', 'use process.parent, or exists()');
  }
  throw text.error(container, `${typeText(base)} has no elements`);
}

/** Checks that a regular expression compiles, so that the error has a place. */
export function checkRegexp(text: CelText, expr: CelExpr, pattern: string): void {
  try {
    compileRegexp(pattern);
  } catch (cause) {
    throw text.error(expr, messageOf(cause), undefined, cause);
  }
}

/** How the type of an operand is called in an error, with the field's name. */
export function describe(operand: CelOperand): string {
  if (operand.kind !== 'subject') return typeText(operand);
  const { subject } = operand;
  const name = subject.from === 'field' && subject.key === undefined ? fieldName(subject.field) : subjectText(subject);
  return `${name} (${operand.type})`;
}
