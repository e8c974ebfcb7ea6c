/** The syntax tree of a Falco condition. `at` is an index into the text it was parsed from. */

export const UNARY = ['exists'] as const;
export const ORDER_OPERATORS = ['<=', '<', '>=', '>'] as const;
/** A blank at the end: one must follow. Longer ones stand before what they begin with. */
export const TEXT_OPERATORS = [
  '==',
  '=',
  '!=',
  'glob ',
  'iglob ',
  'contains ',
  'icontains ',
  'bcontains ',
  'startswith ',
  'bstartswith ',
  'endswith ',
  'regex ',
] as const;
export const LIST_OPERATORS = ['intersects', 'in', 'pmatch'] as const;
/** Behind one of TEXT_OPERATORS: of how many values in brackets the comparison must hold. */
export const MODIFIERS = ['oneof', 'anyof', 'allof'] as const;
export type Modifier = (typeof MODIFIERS)[number];

type Trimmed<T extends string> = T extends `${infer Name} ` ? Name : T;
export type Operator =
  | (typeof UNARY)[number]
  | (typeof ORDER_OPERATORS)[number]
  | Trimmed<(typeof TEXT_OPERATORS)[number]>
  | (typeof LIST_OPERATORS)[number];

export const OPERATORS: readonly string[] = [...UNARY, ...ORDER_OPERATORS, ...TEXT_OPERATORS, ...LIST_OPERATORS].map(
  (operator) => operator.trim(),
);

/** `val` stands on the right side only. */
export const TRANSFORMERS = ['tolower', 'toupper', 'b64', 'basename', 'len', 'join', 'concat', 'getopt'] as const;
export type Transformer = (typeof TRANSFORMERS)[number];

export interface FieldExpr {
  readonly type: 'field';
  readonly name: string;
  /** What stands in brackets after the name. */
  readonly argument: string | undefined;
}
export interface CallExpr {
  readonly type: 'call';
  readonly transformer: Transformer;
  readonly args: readonly ArgumentExpr[];
  /** What stands in brackets behind the call: an option of getopt(). */
  readonly selector: string | undefined;
}
export type OperandExpr = FieldExpr | CallExpr;
export type ArgumentExpr =
  | OperandExpr
  | { readonly type: 'value'; readonly text: string }
  | { readonly type: 'list'; readonly items: readonly ArgumentExpr[] };

export interface CheckExpr {
  readonly type: 'check';
  readonly left: OperandExpr;
  readonly operator: Operator;
  /** Literals, of which one suffices (`!=`: none may be equal); none for `exists`. */
  readonly values: readonly string[];
  /** The other side, where it is a field. */
  readonly right: OperandExpr | undefined;
  readonly at: number;
}
interface MacroExpr {
  readonly type: 'macro';
  readonly name: string;
  readonly at: number;
}
export type Expr =
  | { readonly type: 'and' | 'or'; readonly of: readonly Expr[] }
  | { readonly type: 'not'; readonly of: Expr }
  | CheckExpr
  | MacroExpr;
