import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { Problem } from '../../errors.ts';
import { nearest } from '../../nearest.ts';
import { FILE, type Shape } from './schema.ts';

export type Values = Readonly<Record<string, unknown>>;

export interface Document {
  readonly values: Values;
  readonly problems: readonly Problem[];
  /** Line of a key, as a path such as `tls_server_config.cert_file`. */
  lineOf(path: string): number | undefined;
}

/** Reads the YAML against the keys of the file; everything wrong is a problem with its line. */
export function readYaml(source: string, file: string): Document {
  const counter = new LineCounter();
  const document = parseDocument(source, { lineCounter: counter, uniqueKeys: true, strict: true });
  const lines = new Map<string, number>();
  const problems: Problem[] = document.errors.map((error) => ({
    file,
    line: counter.linePos(error.pos[0]).line,
    message: error.message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? 'not valid YAML',
  }));
  if (problems.length > 0) return { values: {}, problems, lineOf: () => undefined };

  const lineOf = (node: unknown): number | undefined => {
    const range = (node as Node | null | undefined)?.range;
    return range === undefined || range === null ? undefined : counter.linePos(range[0]).line;
  };
  const fault = (node: unknown, subject: string, message: string, remedy?: string): undefined => {
    const line = lineOf(node);
    problems.push({
      file,
      subject,
      message,
      ...(line === undefined ? {} : { line }),
      ...(remedy === undefined ? {} : { remedy }),
    });
    return undefined;
  };

  const table = (
    node: unknown,
    path: string,
    keys: Readonly<Record<string, Shape>> | undefined,
  ): Values | undefined => {
    if (!isMap(node)) return fault(node, path, 'expected keys with values');
    const values: Record<string, unknown> = {};
    for (const pair of node.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : '';
      const place = path === '' ? key : `${path}.${key}`;
      lines.set(place, lineOf(pair.key) ?? 0);
      const shape = keys === undefined ? ({ is: 'text' } as const) : Object.hasOwn(keys, key) ? keys[key] : undefined;
      if (shape === undefined) {
        const near = nearest(key, Object.keys(keys ?? {}));
        const known = Object.keys(keys ?? {}).join(', ');
        fault(pair.key, place, 'unknown key', near === undefined ? `known here: ${known}` : `did you mean ${near}?`);
        continue;
      }
      const value = checked(pair.value, place, shape);
      if (value !== undefined) values[key] = value;
    }
    return values;
  };

  const checked = (node: unknown, path: string, shape: Shape): unknown => {
    const value = isScalar(node) ? node.value : undefined;
    // A key without a value is as good as absent, as in the toolkit.
    if (node === null || value === null) return undefined;
    switch (shape.is) {
      case 'table':
        return table(node, path, shape.keys);
      case 'map':
        return table(node, path, undefined);
      case 'text':
        return typeof value === 'string' ? value : fault(node, path, 'expected a text', 'write it in quotes');
      case 'bool':
        return typeof value === 'boolean' ? value : fault(node, path, 'expected true or false');
      case 'int':
        return typeof value === 'number' && Number.isInteger(value) && value >= 0
          ? value
          : fault(node, path, 'expected a whole number that is not negative');
      case 'duration':
        return durationOf(value) ?? fault(node, path, 'expected a duration', 'such as 500ms, 1s or 2m; 0 for none');
      case 'choice':
        return typeof value === 'string' && shape.of.includes(value) ? value : unknownChoice(node, path, value, shape);
      case 'texts':
      case 'choices':
        return listOf(node, path, shape);
    }
  };

  const unknownChoice = (
    node: unknown,
    path: string,
    value: unknown,
    shape: { of: readonly string[]; remedy?: string },
  ) =>
    fault(
      node,
      path,
      `"${String(value)}" is not known`,
      `one of ${shape.of.filter((entry) => entry !== '').join(', ')}${shape.remedy === undefined ? '' : `; ${shape.remedy}`}`,
    );

  const listOf = (node: unknown, path: string, shape: Shape & { is: 'texts' | 'choices' }) => {
    if (!isSeq(node)) return fault(node, path, 'expected a list');
    return node.items.flatMap((item) => {
      const value = isScalar(item) ? item.value : undefined;
      if (typeof value !== 'string') return fault(item, path, 'expected texts in the list') ?? [];
      if (shape.is === 'choices' && !shape.of.includes(value)) return unknownChoice(item, path, value, shape) ?? [];
      return [value];
    });
  };

  const root = document.contents;
  const values = root === null || (isScalar(root) && root.value === null) ? {} : table(root, '', FILE.keys);
  return { values: values ?? {}, problems, lineOf: (path) => lines.get(path) };
}

const UNIT_MS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1e3, m: 6e4, h: 3.6e6 };

/** A Go duration in milliseconds, undefined if it is none. */
function durationOf(value: unknown): number | undefined {
  if (value === 0 || value === '0') return 0;
  if (typeof value !== 'string' || !/^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/.test(value)) return undefined;
  let sum = 0;
  for (const [, amount, unit] of value.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g))
    sum += Number(amount) * (UNIT_MS[unit ?? ''] ?? 0);
  return sum;
}
