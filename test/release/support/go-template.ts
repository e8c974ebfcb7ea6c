/**
 * The part of Go's templates, with Helm's functions, that the chart uses; what it
 * does not know is an error, so the chart cannot use more than is tested.
 */
import { createHash } from 'node:crypto';
import { parse } from 'yaml';

export interface Scope {
  readonly Values: Readonly<Record<string, unknown>>;
  readonly Release: { readonly Namespace: string };
  readonly Chart: { readonly AppVersion: string };
  readonly files: Readonly<Record<string, string>>;
}
type Variables = Readonly<Record<string, unknown>>;

const TOKEN = /\s*("(?:[^"\\]|\\.)*"|[()|]|[^\s()|]+)/gy;
const goJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll(/[<>&]/g, (found) => `\\u00${found.charCodeAt(0).toString(16)}`);

const FUNCTIONS: Readonly<Record<string, (...args: unknown[]) => unknown>> = {
  toJson: (value: unknown) => goJson(value),
  toString: (value: unknown) => String(value),
  fromYaml: (text) => parse(String(text)),
  sha256sum: (text) => createHash('sha256').update(String(text)).digest('hex'),
  list: (...items) => items,
  default: (fallback, value) => (value === '' || value === undefined ? fallback : value),
  printf: (format, ...args) => String(format).replaceAll(/%[sdv]/g, () => String(args.shift())),
};

/** Value of a pipeline such as `toJson (.Values.a | default "b")`. */
function evaluate(text: string, scope: Scope, variables: Variables): unknown {
  const tokens = [...text.matchAll(TOKEN)].map(([, token]) => token ?? '');
  const term = (): unknown => {
    const token = tokens.shift();
    if (token === undefined) throw new Error(`"${text}" ends too early`);
    if (token === '(') {
      const value = pipeline();
      if (tokens.shift() !== ')') throw new Error(`"${text}": a parenthesis stays open`);
      return value;
    }
    if (token.startsWith('"')) return JSON.parse(token) as unknown;
    if (token.startsWith('$')) {
      if (!Object.hasOwn(variables, token)) throw new Error(`"${text}": no variable ${token}`);
      return variables[token];
    }
    if (!token.startsWith('.')) throw new Error(`"${text}": what is ${token}?`);
    return token
      .slice(1)
      .split('.')
      .reduce<unknown>((value, key) => {
        if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key))
          throw new Error(`"${text}": ${token} is not there`);
        return (value as Record<string, unknown>)[key];
      }, scope);
  };
  const command = (piped: unknown[]): unknown => {
    const [name = ''] = tokens;
    if (name === '.Files.Get') {
      tokens.shift();
      const file = String(term());
      const found = scope.files[file];
      if (found === undefined) throw new Error(`"${text}": no file ${file} in the chart`);
      return found;
    }
    const called = FUNCTIONS[name];
    if (called === undefined) return term();
    tokens.shift();
    const args: unknown[] = [];
    while (tokens.length > 0 && tokens[0] !== '|' && tokens[0] !== ')') args.push(term());
    return called(...args, ...piped);
  };
  const pipeline = (): unknown => {
    let value = command([]);
    while (tokens[0] === '|') {
      tokens.shift();
      value = command([value]);
    }
    return value;
  };
  const value = pipeline();
  if (tokens.length > 0) throw new Error(`"${text}": ${tokens.join(' ')} is left over`);
  return value;
}

const PART = /\{\{- (if|range \$index, \$item :=) (\S+) \}\}([\s\S]*?)\{\{- end \}\}|\{\{ (.*?) \}\}/g;

/** Renders a template: expressions, `if` and `range`. What comes out is not looked at again. */
export function render(template: string, scope: Scope, variables: Variables = {}): string {
  return template.replaceAll(PART, (_, kind: string | undefined, what = '', body = '', expression = '') => {
    if (kind === undefined) return String(evaluate(expression, scope, variables));
    const value = evaluate(what, scope, variables);
    if (kind === 'if') return value === true ? render(body, scope, variables) : '';
    return (value as unknown[])
      .map((item, index) => render(body.trimEnd(), scope, { ...variables, $item: item, $index: index }))
      .join('');
  });
}
