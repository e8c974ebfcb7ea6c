/**
 * A plain evaluator of Falco conditions, written from Falco's documentation
 * and sharing no code with src/rules: it walks a condition for every event.
 */
export type Event = Readonly<Record<string, unknown>>;

export type Expr =
  | { readonly is: 'and' | 'or'; readonly of: readonly Expr[] }
  | { readonly is: 'not'; readonly of: Expr }
  | { readonly is: 'check'; readonly field: string; readonly operator: string; readonly values: readonly string[] }
  | {
      readonly is: 'several';
      readonly field: string;
      readonly operator: string;
      readonly modifier: string;
      readonly values: readonly string[];
    }
  | { readonly is: 'pair'; readonly field: string; readonly operator: string; readonly other: string };

const quote = (text: string): string => (/^[\w./:*-]+$/.test(text) ? text : `"${text}"`);
const LISTS = ['in', 'pmatch', 'intersects'];

/** The condition as Falco text. */
export function textOf(expr: Expr): string {
  switch (expr.is) {
    case 'and':
    case 'or':
      return `(${expr.of.map(textOf).join(` ${expr.is} `)})`;
    case 'not':
      return `not ${textOf(expr.of)}`;
    case 'pair':
      return `${expr.field} ${expr.operator} val(${expr.other})`;
    case 'several':
      return `${expr.field} ${expr.operator} ${expr.modifier} (${expr.values.map(quote).join(', ')})`;
    case 'check': {
      if (expr.operator === 'exists') return `${expr.field} exists`;
      const values = expr.values.map(quote).join(', ');
      return `${expr.field} ${expr.operator} ${LISTS.includes(expr.operator) ? `(${values})` : values}`;
    }
  }
}

type Value = string | number | boolean | undefined;

const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
const isOpen = (event: Event): boolean => event['event.type'] === 'file_open';
const isNet = (event: Event): boolean => event['event.type'] === 'net_conn';
const failed = (event: Event): boolean => event['event.error'] !== '';

const tuple = (event: Event): string =>
  `${String(event['network.source.ip'])}:${String(event['network.source.port'])}->${String(event['network.destination.ip'])}:${String(event['network.destination.port'])}`;

const FIELDS: Readonly<Record<string, (event: Event) => Value>> = {
  'evt.type': (e) => String(e['event.syscall']),
  'evt.dir': () => '<',
  'evt.res': (e) => (failed(e) ? String(e['event.error']) : 'SUCCESS'),
  'evt.failed': failed,
  'proc.name': (e) => (e['process.name'] as string | undefined)?.slice(0, 15),
  'proc.exepath': (e) => e['process.path'] as Value,
  // An event without arguments has the path, which a program is usually started by.
  'proc.exe': (e) => texts(e['process.args'])[0] ?? (e['process.path'] as Value),
  'proc.args': (e) => texts(e['process.args']).slice(1).join(' '),
  'proc.cmdline': (e) => [String(e['process.name']).slice(0, 15), ...texts(e['process.args']).slice(1)].join(' '),
  'proc.pname': (e) => e['process.parent.name'] as Value,
  'proc.aname[2]': (e) => (e['process.ancestors'] as { name: string }[] | undefined)?.[1]?.name,
  'proc.pid': (e) => e['process.pid'] as Value,
  'user.name': (e) => e['user.name'] as Value,
  'container.id': (e) => (e['container.id'] as string | undefined)?.slice(0, 12) ?? 'host',
  'fd.name': (e) => (isNet(e) ? tuple(e) : isOpen(e) ? (e['file.path'] as Value) : undefined),
  'fd.directory': (e) => (isOpen(e) ? String(e['file.path']).replace(/\/[^/]*$/, '') || '/' : undefined),
  'fd.filename': (e) => (isOpen(e) && !failed(e) ? String(e['file.path']).replace(/^.*\//, '') : undefined),
  'fd.num': (e) => (isOpen(e) ? (failed(e) ? -1 : (e['event.result'] as number)) : isNet(e) ? 5 : undefined),
  'fd.typechar': (e) => (isOpen(e) ? 'f' : isNet(e) ? '4' : undefined),
  'fd.sport': (e) => (isNet(e) ? (e['network.destination.port'] as number) : undefined),
  'fd.sip': (e) => (isNet(e) ? (e['network.destination.ip'] as string) : undefined),
  'fd.cip': (e) => (isNet(e) ? (e['network.source.ip'] as string) : undefined),
  'toupper(proc.name)': (e) => (e['process.name'] as string | undefined)?.slice(0, 15).toUpperCase(),
  'tolower(proc.exepath)': (e) => (e['process.path'] as string | undefined)?.toLowerCase(),
  'basename(proc.exepath)': (e) => (e['process.path'] as string | undefined)?.replace(/^.*\//, ''),
  'len(proc.exepath)': (e) => (e['process.path'] as string | undefined)?.length,
  'concat(proc.name, "@", proc.pname)': (e) => {
    const [name, parent] = [e['process.name'], e['process.parent.name']];
    if (name === undefined || parent === undefined) return undefined;
    return `${String(name).slice(0, 15)}@${String(parent).slice(0, 15)}`;
  },
  'getopt(proc.args, "c:")[c]': (e) => {
    const args = texts(e['process.args']).slice(1);
    return args[0] === '-c' ? (args[1] ?? '') : undefined;
  },
  'evt.is_open_read': (e) => isOpen(e) && e['file.access'] !== 'write',
  'evt.is_open_write': (e) => isOpen(e) && e['file.access'] !== 'read',
};

export const REFERENCE_FIELDS = Object.keys(FIELDS);

function globbed(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  const [head = '', rest] = [pattern.charAt(0), pattern.slice(1)];
  if (head === '*') return globbed(rest, text) || (text !== '' && globbed(pattern, text.slice(1)));
  return text !== '' && (head === '?' || head === text.charAt(0)) && globbed(rest, text.slice(1));
}

function below(prefix: string, path: string): boolean {
  const wanted = prefix.split('/').filter((part) => part !== '');
  const parts = path.split('/').filter((part) => part !== '');
  return wanted.every((part, at) => parts[at] === part);
}

function compared(value: string | number | boolean, operator: string, wanted: string): boolean {
  const text = String(value);
  switch (operator) {
    case '=':
    case '==':
      return text === wanted;
    case '!=':
      return text !== wanted;
    case 'contains':
      return text.includes(wanted);
    case 'icontains':
      return text.toLowerCase().includes(wanted.toLowerCase());
    case 'startswith':
      return text.startsWith(wanted);
    case 'endswith':
      return text.endsWith(wanted);
    case 'glob':
      return globbed(wanted, text);
    case 'regex':
      return new RegExp(`^(?:${wanted})$`, 's').test(text);
    case '<':
      return Number(value) < Number(wanted);
    case '<=':
      return Number(value) <= Number(wanted);
    case '>':
      return Number(value) > Number(wanted);
    case '>=':
      return Number(value) >= Number(wanted);
    default:
      throw new Error(operator);
  }
}

/** Whether a condition holds for an event, given by flat field names. */
export function holdsFor(expr: Expr, event: Event): boolean {
  switch (expr.is) {
    case 'and':
      return expr.of.every((child) => holdsFor(child, event));
    case 'or':
      return expr.of.some((child) => holdsFor(child, event));
    case 'not':
      return !holdsFor(expr.of, event);
    case 'pair': {
      const [left, right] = [FIELDS[expr.field]?.(event), FIELDS[expr.other]?.(event)];
      return left !== undefined && right !== undefined && compared(left, expr.operator, String(right));
    }
    case 'several': {
      const { field, operator, modifier, values } = expr;
      const value = FIELDS[field]?.(event);
      if (value === undefined || values.length === 0) return false;
      const met = values.filter((wanted) => compared(value, operator, wanted)).length;
      return modifier === 'oneof' ? met === 1 : met >= (modifier === 'anyof' ? 1 : values.length);
    }
    case 'check': {
      const value = FIELDS[expr.field]?.(event);
      if (value === undefined) return false;
      const { operator, values } = expr;
      if (operator === 'exists') return true;
      if (operator === 'in' || operator === 'intersects') return values.includes(String(value));
      if (operator === 'pmatch') return values.some((prefix) => below(prefix, String(value)));
      return values.every((wanted) => compared(value, operator, wanted));
    }
  }
}
