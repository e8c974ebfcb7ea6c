import type { Problem } from '../../errors.ts';
import { nearest } from '../../nearest.ts';
import { readYaml, type YamlDocument, YamlFault, type YamlNode } from '../../yaml.ts';
import { type Shape, WEB_CONFIG } from './schema.ts';

export type Values = Readonly<Record<string, unknown>>;

export interface Document {
  readonly values: Values;
  readonly problems: readonly Problem[];
  /** Line of a key, as a path such as `tls_server_config.cert_file`. */
  lineOf(path: string): number | undefined;
}

/** Reads the YAML against the keys of the file; everything wrong is a problem with its line. */
export function readSettings(source: string, file: string): Document {
  const refused = (message: string, line: number | undefined): Document => ({
    values: {},
    problems: [{ file, message, ...(line === undefined ? {} : { line }) }],
    lineOf: () => undefined,
  });
  let documents: YamlDocument[];
  try {
    documents = readYaml(source);
    const fault = documents.find((one) => one.fault !== undefined)?.fault;
    if (fault !== undefined) throw fault;
  } catch (fault) {
    if (!(fault instanceof YamlFault)) throw fault;
    return refused(fault.message, fault.line);
  }
  if (documents.length > 1) return refused('a second YAML document begins here', documents[1]?.line ?? 1);
  const settings = new Settings(file);
  const root = documents[0]?.root;
  const values = root === undefined ? {} : settings.table(root, '', WEB_CONFIG.keys);
  return { values: values ?? {}, problems: settings.problems, lineOf: (path) => settings.lines.get(path) };
}

/** The values of a document, and what is wrong with them. */
class Settings {
  readonly problems: Problem[] = [];
  readonly lines = new Map<string, number>();
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  table(node: YamlNode, path: string, keys: Readonly<Record<string, Shape>> | undefined): Values | undefined {
    if (node.kind !== 'map') return this.#fault(node, path, 'expected keys with values');
    const values: Record<string, unknown> = {};
    for (const [key, entry] of node.entries) {
      const keyNode = node.keys.get(key) ?? entry;
      const place = path === '' ? key : `${path}.${key}`;
      this.lines.set(place, keyNode.line);
      const shape = keys === undefined ? ({ is: 'text' } as const) : Object.hasOwn(keys, key) ? keys[key] : undefined;
      if (shape === undefined) {
        const near = nearest(key, Object.keys(keys ?? {}));
        const known = Object.keys(keys ?? {}).join(', ');
        const remedy = near === undefined ? `known here: ${known}` : `did you mean ${near}?`;
        this.#fault(keyNode, place, 'unknown key', remedy);
        continue;
      }
      const value = this.#checked(entry, place, shape);
      if (value !== undefined) Object.defineProperty(values, key, { value, enumerable: true, configurable: true });
    }
    return values;
  }

  #fault(node: YamlNode, subject: string, message: string, remedy?: string): undefined {
    this.problems.push({
      file: this.#file,
      line: node.line,
      subject,
      message,
      ...(remedy === undefined ? {} : { remedy }),
    });
    return undefined;
  }

  #checked(node: YamlNode, path: string, shape: Shape): unknown {
    const value = node.kind === 'scalar' ? node.value : undefined;
    // A key without a value is as good as absent, as in the toolkit.
    if (value === null) return undefined;
    switch (shape.is) {
      case 'table':
        return this.table(node, path, shape.keys);
      case 'map':
        return this.table(node, path, undefined);
      case 'text':
        return typeof value === 'string' ? value : this.#fault(node, path, 'expected a text', 'write it in quotes');
      case 'bool':
        return typeof value === 'boolean' ? value : this.#fault(node, path, 'expected true or false');
      case 'int':
        return typeof value === 'number' && Number.isInteger(value) && value >= 0
          ? value
          : this.#fault(node, path, 'expected a whole number that is not negative');
      case 'duration':
        return (
          durationOf(value) ?? this.#fault(node, path, 'expected a duration', 'such as 500ms, 1s or 2m; 0 for none')
        );
      case 'choice':
        return typeof value === 'string' && shape.of.includes(value)
          ? value
          : this.#unknownChoice(node, path, value, shape);
      case 'texts':
      case 'choices':
        return this.#list(node, path, shape);
    }
  }

  #unknownChoice(node: YamlNode, path: string, value: unknown, shape: { of: readonly string[]; remedy?: string }) {
    const remedy = shape.remedy === undefined ? '' : `; ${shape.remedy}`;
    const known = shape.of.filter((entry) => entry !== '').join(', ');
    return this.#fault(node, path, `"${String(value)}" is not known`, `one of ${known}${remedy}`);
  }

  #list(node: YamlNode, path: string, shape: Shape & { is: 'texts' | 'choices' }) {
    if (node.kind !== 'list') return this.#fault(node, path, 'expected a list');
    return node.items.flatMap((item) => {
      const value = item.kind === 'scalar' ? item.value : undefined;
      if (typeof value !== 'string') return this.#fault(item, path, 'expected texts in the list') ?? [];
      if (shape.is === 'choices' && !shape.of.includes(value)) {
        return this.#unknownChoice(item, path, value, shape) ?? [];
      }
      return [value];
    });
  }
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
