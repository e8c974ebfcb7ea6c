/**
 * Parser of Falco conditions, after the grammar of libsinsp's filter parser:
 * `or` binds weakest, `not` strongest; a keyword needs a blank or a bracket
 * after it; a value is quoted, or whatever has no blank, bracket, quote, comma
 * or equals sign.
 */

import { quoted } from '../../visible.ts';
import { FalcoFault } from './fault.ts';
import { modified } from './modifiers.ts';
import {
  type ArgumentExpr,
  type CallExpr,
  type CheckExpr,
  type Expr,
  type FieldExpr,
  LIST_OPERATORS,
  type Modifier,
  OPERATORS,
  type OperandExpr,
  type Operator,
  ORDER_OPERATORS,
  TEXT_OPERATORS,
  TRANSFORMERS,
  type Transformer,
  UNARY,
} from './syntax.ts';

const MAX_DEPTH = 1000;
const BLANKS = /[ \t\b\r\n]*/y;
const NOT = /not[ \t\b\r\n]+/y;
const IDENTIFIER = /[a-zA-Z]+[a-zA-Z0-9_]*/y;
const FIELD = /[a-zA-Z]+[a-zA-Z0-9_]*(?:\.[a-zA-Z]+[a-zA-Z0-9_]*)+/y;
const ARGUMENT = /[^\]["'\s]+/y;
const HEX = /0[xX][0-9a-zA-Z]+/y;
const NUMBER = /[+-]?[0-9]+\.?[0-9]*(?:[eE][+-][0-9]+)?/y;
const MODIFIER = /(?:oneof|anyof|allof)(?=[ \t\b\r\n]*\()/y;
const BARE = /[^()"'\s=,]+/y;

/** Parses a condition, lists put in their place. Throws FalcoFault naming what was expected and where. */
export function parseFalcoCondition(text: string): Expr {
  return new Parser(text).parse();
}

/** Parses a field as it stands in an output: `proc.aname[2]`, `tolower(proc.name)`; `length` is what it takes of the text. */
export function parseOperand(text: string, from: number): { readonly operand: OperandExpr; readonly length: number } {
  const parser = new Parser(text, from);
  const operand = parser.operand();
  if (operand === undefined) throw parser.fault('a field or a transformer');
  return { operand, length: parser.position - from };
}

class Parser {
  readonly #text: string;
  #at: number;
  #depth = 0;

  constructor(text: string, from = 0) {
    this.#text = text;
    this.#at = from;
  }

  get position(): number {
    return this.#at;
  }

  parse(): Expr {
    if (this.#text.trim() === '') throw new FalcoFault('the condition is empty');
    const expr = this.#or();
    this.#blanks();
    if (this.#at < this.#text.length) throw this.fault('"and" or "or"');
    return expr;
  }

  fault(expected: string): FalcoFault {
    const found = this.#text.slice(this.#at);
    const before = this.#text.slice(Math.max(0, this.#at - 40), this.#at).trim();
    const after = before === '' ? '' : ` after ${quoted(before)}`;
    return new FalcoFault(
      `expected ${expected}${after}, found ${found === '' ? 'the end' : quoted(found.slice(0, 30))}`,
    );
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined || found === '') return undefined;
    this.#at += found.length;
    return found;
  }

  #word(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  #blanks(): boolean {
    return this.#match(BLANKS) !== undefined;
  }

  #or(): Expr {
    return this.#chain('or', () => this.#and());
  }

  #and(): Expr {
    return this.#chain('and', () => this.#not());
  }

  #chain(type: 'and' | 'or', next: () => Expr): Expr {
    if (++this.#depth > MAX_DEPTH) throw new FalcoFault(`the condition is nested more than ${MAX_DEPTH} deep`);
    this.#blanks();
    const of = [next()];
    this.#blanks();
    while (this.#word(type)) {
      if (this.#blanks()) of.push(next());
      else if (this.#word('(')) of.push(this.#rest());
      else throw this.fault(`a blank or "(" after "${type}"`);
      this.#blanks();
    }
    this.#depth--;
    const [first] = of;
    return of.length === 1 && first !== undefined ? first : { type, of };
  }

  #not(): Expr {
    let negated = false;
    this.#blanks();
    while (this.#match(NOT) !== undefined) negated = !negated;
    let expr: Expr;
    if (this.#word('not(')) {
      negated = !negated;
      expr = this.#rest();
    } else {
      expr = this.#check();
    }
    return negated ? { type: 'not', of: expr } : expr;
  }

  /** What follows an opening bracket. */
  #rest(): Expr {
    const expr = this.#or();
    this.#blanks();
    if (!this.#word(')')) throw this.fault('")"');
    return expr;
  }

  #check(): Expr {
    this.#blanks();
    const at = this.#at;
    if (this.#word('(')) return this.#rest();
    const left = this.operand();
    if (left !== undefined) return this.#comparison(left, at);
    const name = this.#match(IDENTIFIER);
    if (name === undefined) throw this.fault('"(", a field or a macro');
    return { type: 'macro', name, at };
  }

  /** A field or a transformer's call; undefined when there is neither. */
  operand(): OperandExpr | undefined {
    const name = this.#match(FIELD);
    if (name !== undefined) return this.#field(name);
    const transformer = this.#transformer();
    return transformer === undefined ? undefined : this.#call(transformer);
  }

  #transformer(): Transformer | undefined {
    return TRANSFORMERS.find((name) => this.#word(`${name}(`));
  }

  #field(name: string): FieldExpr {
    return { type: 'field', name, argument: this.#bracketed() };
  }

  #bracketed(): string | undefined {
    if (!this.#word('[')) return undefined;
    const argument = this.#quoted() ?? this.#match(ARGUMENT);
    if (argument === undefined) throw this.fault('an argument in the brackets');
    if (!this.#word(']')) throw this.fault('"]"');
    return argument;
  }

  #call(transformer: Transformer): CallExpr {
    if (++this.#depth > MAX_DEPTH) throw new FalcoFault(`the condition is nested more than ${MAX_DEPTH} deep`);
    const args: ArgumentExpr[] = [];
    do {
      this.#blanks();
      args.push(this.#argument(true));
      this.#blanks();
    } while (this.#word(','));
    if (!this.#word(')')) throw this.fault(`")" after the arguments of ${transformer}()`);
    this.#depth--;
    return { type: 'call', transformer, args, selector: this.#bracketed() };
  }

  #argument(lists: boolean): ArgumentExpr {
    const number = this.#match(HEX) ?? this.#match(NUMBER);
    const text = number ?? this.#quoted();
    if (text !== undefined) return { type: 'value', text };
    if (lists && this.#word('(')) {
      const items: ArgumentExpr[] = [];
      this.#blanks();
      while (!this.#word(')')) {
        if (items.length > 0 && !this.#word(',')) throw this.fault('"," or ")"');
        this.#blanks();
        items.push(this.#argument(false));
        this.#blanks();
      }
      return { type: 'list', items };
    }
    const operand = this.operand();
    if (operand === undefined) throw this.fault('a field, a transformer, a quoted text or a number');
    return operand;
  }

  #comparison(left: OperandExpr, at: number): Expr {
    const made = (operator: Operator, values: readonly string[], right?: OperandExpr): CheckExpr => ({
      type: 'check',
      left,
      operator,
      values,
      right,
      at,
    });
    this.#blanks();
    if (this.#operator(UNARY) !== undefined) return made('exists', []);
    const order = this.#operator(ORDER_OPERATORS);
    if (order !== undefined) {
      const right = this.#rightField();
      if (right !== undefined) return made(order, [], right);
      const number = this.#match(HEX) ?? this.#match(NUMBER);
      if (number === undefined) throw this.fault('a number, or a field in val()');
      return made(order, [number]);
    }
    const text = this.#operator(TEXT_OPERATORS);
    if (text !== undefined) {
      this.#blanks();
      const modifier = this.#match(MODIFIER);
      if (modifier !== undefined) {
        this.#blanks();
        return modified(modifier as Modifier, made(text, this.#values() ?? []));
      }
      const right = this.#rightField();
      return right === undefined ? made(text, [this.#value('a value, or a field in val()')]) : made(text, [], right);
    }
    const list = this.#operator(LIST_OPERATORS);
    if (list !== undefined) return this.#list(list, made);
    throw this.fault(`one of the operators ${OPERATORS.join(', ')}`);
  }

  #operator<T extends string>(operators: readonly T[]): Operator | undefined {
    for (const operator of operators) {
      const name = operator.trimEnd();
      if (!this.#word(name)) continue;
      if (operator !== name && !this.#blanks()) throw this.fault(`a blank after "${name}"`);
      return name as Operator;
    }
    return undefined;
  }

  #list(operator: Operator, made: (operator: Operator, values: readonly string[], right?: OperandExpr) => CheckExpr) {
    this.#blanks();
    const values = this.#values();
    if (values !== undefined) return made(operator, values);
    const right = this.#rightField();
    if (right !== undefined) return made(operator, [], right);
    const name = this.#match(IDENTIFIER);
    if (name === undefined) throw this.fault('a list in brackets');
    return made(operator, [name]);
  }

  /** Values in brackets; undefined when there is no bracket. */
  #values(): string[] | undefined {
    if (!this.#word('(')) return undefined;
    const values: string[] = [];
    this.#blanks();
    const first = this.#quoted() ?? this.#match(BARE);
    if (first !== undefined) {
      values.push(first);
      this.#blanks();
      while (this.#word(',')) {
        values.push(this.#value('a value'));
        this.#blanks();
      }
    }
    if (!this.#word(')')) throw this.fault('"," or ")"');
    return values;
  }

  #value(expected: string): string {
    this.#blanks();
    const value = this.#quoted() ?? this.#match(BARE);
    if (value === undefined) throw this.fault(expected);
    return value;
  }

  /** `val(proc.name)` or a transformer's call. */
  #rightField(): OperandExpr | undefined {
    this.#blanks();
    if (this.#word('val(')) {
      this.#blanks();
      const name = this.#match(FIELD);
      if (name === undefined) throw this.fault('a field in val()');
      const field = this.#field(name);
      this.#blanks();
      if (!this.#word(')')) throw this.fault('")" after the field of val()');
      return field;
    }
    const transformer = this.#transformer();
    return transformer === undefined ? undefined : this.#call(transformer);
  }

  /** A quote ends at the next one of its kind that no backslash precedes. */
  #quoted(): string | undefined {
    const quote = this.#text.charAt(this.#at);
    if (quote !== '"' && quote !== "'") return undefined;
    for (let at = this.#at + 1; at < this.#text.length; at++) {
      if (this.#text.charAt(at) !== quote || this.#text.charAt(at - 1) === '\\') continue;
      const inner = this.#text.slice(this.#at + 1, at);
      const value = unescapeText(inner, quote);
      this.#at = at + 1;
      return value;
    }
    return undefined;
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  // A blank after a backslash is a backslash in libsinsp, too: old rules rely on it.
  ' ': '\\',
  '\\': '\\',
  '/': '/',
};

function unescapeText(text: string, quote: string): string {
  return text.replace(/\\(x[0-9a-fA-F]{2}|[\s\S]|$)/g, (whole, code: string) => {
    if (code.length === 3) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    const known = code === quote ? quote : ESCAPES[code];
    if (known !== undefined) return known;
    throw new FalcoFault(`the escape ${quoted(whole)} is unknown in a text between ${quote}`);
  });
}
