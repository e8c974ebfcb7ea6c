/**
 * A plain evaluator of Sigma rules, written from the specification alone and
 * sharing no code with src/rules: it walks the parsed YAML for every event.
 */
import { BlockList, isIP } from 'node:net';

export type Json = { readonly [key: string]: unknown };
type Scalar = string | number | boolean | null;

/** A value of the event by its dotted name; what is absent is undefined. */
export function at(event: Json, path: string): unknown {
  let value: unknown = event;
  for (const part of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Json)[part];
  }
  return value ?? undefined;
}

/** The file that runs and the path it was asked for by; undefined when neither is known. */
function paths(event: Json, whose: string): unknown {
  const path = at(event, `${whose}.path`);
  const invoked = at(event, `${whose}.invoked_path`) ?? besideFile(path, at(event, `${whose}.name`));
  const both = [path, invoked].filter((one) => one !== undefined);
  return both.length === 0 ? undefined : both;
}

/** A program started by another name stands, for all that is known, beside its file. */
function besideFile(path: unknown, name: unknown): string | undefined {
  if (typeof path !== 'string' || typeof name !== 'string' || name === '' || /\//.test(name)) return undefined;
  const parts = path.split('/');
  if (parts.length < 2 || parts.pop() === name) return undefined;
  return [...parts, name].join('/');
}

const FIELDS: Record<string, (event: Json) => unknown> = {
  Image: (e) => paths(e, 'process'),
  CommandLine: (e) => at(e, 'process.command_line'),
  CurrentDirectory: (e) => at(e, 'process.cwd'),
  ProcessId: (e) => at(e, 'process.pid'),
  ParentProcessId: (e) => at(e, 'process.ppid'),
  ParentImage: (e) => paths(e, 'process.parent'),
  ParentCommandLine: (e) => at(e, 'process.parent.command_line'),
  User: (e) => at(e, 'user.name'),
  LogonId: (e) => at(e, 'process.auid'),
  TargetFilename: (e) => at(e, at(e, 'event.type') === 'file_rename' ? 'file.new_path' : 'file.path'),
  DestinationIp: (e) => at(e, 'network.destination.ip'),
  DestinationPort: (e) => at(e, 'network.destination.port'),
  DestinationHostname: (e) => at(e, 'network.destination.hostname'),
  SourceIp: (e) => at(e, 'network.source.ip'),
  SourcePort: (e) => at(e, 'network.source.port'),
  Protocol: (e) => at(e, 'network.transport'),
  Initiated: (e) => {
    const direction = at(e, 'network.direction');
    return direction === undefined ? at(e, 'event.type') !== 'net_accept' : direction === 'outbound';
  },
};

export function fieldValue(event: Json, name: string): unknown {
  return name in FIELDS ? FIELDS[name]?.(event) : at(event, name);
}

const has = (event: Json, path: string, ...wanted: string[]): boolean => {
  const found = at(event, path);
  return Array.isArray(found) ? wanted.some((one) => found.includes(one)) : wanted.includes(String(found));
};

/** Whether an event belongs to a log source. */
export function inLogSource(category: string, event: Json): boolean {
  const type = at(event, 'event.type');
  if (category === 'network_connection') return ['net_conn', 'net_send', 'net_accept'].includes(String(type));
  if ((at(event, 'event.error') ?? '') !== '') return false;
  if (category === 'process_creation') return type === 'process_exec';
  const opened = type === 'file_open' && at(event, 'file.created') === true;
  const creating = opened || (type === 'file_open' && has(event, 'file.flags', 'O_CREAT', 'O_TMPFILE'));
  const writing =
    creating ||
    (type === 'file_open' &&
      (has(event, 'file.access', 'write', 'read_write') || has(event, 'file.flags', 'O_WRONLY', 'O_RDWR', 'O_TRUNC')));
  if (category === 'file_event') return writing || ['file_create', 'file_write', 'file_rename'].includes(String(type));
  if (category === 'file_delete') return type === 'file_unlink';
  if (category === 'file_rename') return type === 'file_rename';
  throw new Error(`the evaluator does not know ${category}`);
}

/** `*` and `?` with their escapes, as a regular expression over lower-cased text. */
function wildcardPattern(text: string): string {
  let pattern = '';
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string;
    const next = text[i + 1];
    if (c === '\\' && (next === '*' || next === '?' || next === '\\')) {
      pattern += `\\${next}`;
      i++;
    } else if (c === '*') pattern += '[^]*';
    else if (c === '?') pattern += '[^]';
    else pattern += c.replace(/[\\^$.|+()[\]{}/]/, '\\$&');
  }
  return pattern;
}

function unescaped(text: string): string {
  return text.replace(/\\([*?\\])/g, '$1');
}

const escapeText = (text: string): string => text.replace(/[\\*?]/g, '\\$&');

function base64Offsets(bytes: Buffer): string[] {
  return [0, 1, 2].map((offset) => {
    const whole = Buffer.concat([Buffer.from(' '.repeat(offset)), bytes]).toString('base64');
    const cut = [0, 3, 2][(bytes.length + offset) % 3] as number;
    return whole.slice([0, 2, 3][offset], whole.length - cut);
  });
}

function encode(text: string, form: string): Buffer {
  const little = Buffer.from(unescaped(text), 'utf16le');
  if (form === 'utf16be') return Buffer.from(little).swap16();
  return form === 'utf16' ? Buffer.concat([Buffer.from([0xff, 0xfe]), little]) : little;
}

function dashes(text: string): string[] {
  const match = /(?<![\p{L}\p{N}_])[-/–—―](?=[\p{L}\p{N}_])/u.exec(text);
  if (match === null) return [text];
  const head = text.slice(0, match.index);
  return dashes(text.slice(match.index + 1)).flatMap((tail) =>
    ['-', '/', '–', '—', '―'].map((dash) => head + dash + tail),
  );
}

const numeric = (value: unknown): number | undefined => {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : undefined;
};

/** Whether a present value fits one value of a rule under the modifiers. */
function fits(actual: unknown, wanted: Scalar, modifiers: readonly string[], event: Json): boolean {
  if (Array.isArray(actual)) return actual.some((one) => fits(one, wanted, modifiers, event));
  if (actual === undefined) return false;
  const cased = modifiers.includes('cased');
  const lower = (text: string) => (cased ? text : text.toLowerCase());
  const text = String(actual);

  if (modifiers.includes('re')) {
    const inline = /^\(\?([ims]+)\)/.exec(String(wanted));
    const flags = modifiers.filter((name) => ['i', 'm', 's'].includes(name)).join('') + (inline?.[1] ?? '');
    return new RegExp(String(wanted).slice(inline?.[0].length ?? 0), [...new Set(flags)].join('')).test(text);
  }
  if (modifiers.includes('cidr')) {
    const family = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4');
    const [address = '', bits] = String(wanted).split('/');
    const list = new BlockList();
    list.addSubnet(address, bits === undefined ? (isIP(address) === 6 ? 128 : 32) : Number(bits), family(address));
    return isIP(text) !== 0 && list.check(text, family(text));
  }
  for (const order of ['lt', 'lte', 'gt', 'gte']) {
    if (!modifiers.includes(order)) continue;
    const [a, b] = [numeric(actual), Number(wanted)];
    if (a === undefined) return false;
    return order === 'lt' ? a < b : order === 'lte' ? a <= b : order === 'gt' ? a > b : a >= b;
  }
  if (modifiers.includes('fieldref')) {
    const other = fieldValue(event, String(wanted));
    if (other === undefined) return false;
    return [other].flat().some((one) => {
      const [a, b] = [lower(text), lower(String(one))];
      if (modifiers.includes('contains')) return a.includes(b);
      if (modifiers.includes('startswith')) return a.startsWith(b);
      return modifiers.includes('endswith') ? a.endsWith(b) : a === b;
    });
  }

  let values = [String(wanted)];
  let bytes: Buffer[] | undefined;
  for (const modifier of modifiers) {
    if (['utf16', 'utf16le', 'utf16be', 'wide'].includes(modifier)) bytes = values.map((v) => encode(v, modifier));
    if (modifier === 'windash') values = values.flatMap(dashes);
    if (modifier === 'expand') values = values.map((v) => v.replaceAll('\\%', '%'));
    if (modifier === 'base64' || modifier === 'base64offset') {
      const raw = bytes ?? values.map((v) => Buffer.from(unescaped(v)));
      values = modifier === 'base64' ? raw.map((one) => one.toString('base64')) : raw.flatMap(base64Offsets);
      bytes = undefined;
    }
  }
  if (bytes !== undefined) values = bytes.map((one) => escapeText(one.toString('utf8')));
  const head = modifiers.includes('contains') || modifiers.includes('endswith') ? '[^]*' : '';
  const tail = modifiers.includes('contains') || modifiers.includes('startswith') ? '[^]*' : '';
  return values.some((value) => new RegExp(`^${head}${wildcardPattern(lower(value))}${tail}$`, 'u').test(lower(text)));
}

function itemHolds(key: string, raw: unknown, event: Json): boolean {
  const [name = '', ...modifiers] = key.split('|');
  const wanted = (Array.isArray(raw) ? raw : [raw]) as Scalar[];
  const one = (value: Scalar): boolean => {
    if (name === '') return keywordHolds(value, event, modifiers);
    const actual = fieldValue(event, name);
    if (modifiers.includes('exists')) return (actual !== undefined) === value;
    return value === null ? actual === undefined : fits(actual, value, modifiers, event);
  };
  const holds = modifiers.includes('all') ? wanted.every(one) : wanted.some(one);
  return modifiers.includes('neq') ? !holds : holds;
}

function strings(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(strings) : [];
}

function keywordHolds(value: Scalar, event: Json, modifiers: readonly string[]): boolean {
  const { event: _own, ...observed } = event;
  const how = modifiers.includes('re') ? modifiers : [...modifiers, 'contains'];
  const texts = [...strings(observed), ...strings(paths(event, 'process')), ...strings(paths(event, 'process.parent'))];
  return texts.some((text) => fits(text, value, how, event));
}

function searchHolds(search: unknown, event: Json): boolean {
  const list = Array.isArray(search) ? search : [search];
  return list.some((part) => {
    if (typeof part !== 'object' || part === null) return keywordHolds(part as Scalar, event, []);
    return Object.entries(part).every(([key, value]) => itemHolds(key, value, event));
  });
}

/** Evaluates a condition text for given truths of the search identifiers, by rewriting it step by step. */
export function conditionHolds(condition: string, truth: ReadonlyMap<string, boolean>): boolean {
  let text = ` ${condition.replaceAll('(', ' ( ').replaceAll(')', ' ) ')} `;
  text = text.replace(/ (1|any|all) +of +(\S+)/gi, (_all, how: string, pattern: string) => {
    const wanted = new RegExp(`^${pattern === 'them' ? '.*' : pattern.replaceAll('*', '.*')}$`);
    const names = [...truth.keys()].filter(
      (name) => wanted.test(name) && (pattern.startsWith('_') || !name.startsWith('_')),
    );
    const values = names.map((name) => truth.get(name));
    return ` ${how.toLowerCase() === 'all' ? values.every(Boolean) : values.some(Boolean)} `;
  });
  const words = text
    .trim()
    .split(/\s+/)
    .map((word) => {
      if (word === '(' || word === ')' || word === 'true' || word === 'false') return word;
      if (/^and$/i.test(word)) return '&&';
      if (/^or$/i.test(word)) return '||';
      if (/^not$/i.test(word)) return '!';
      if (!truth.has(word)) throw new Error(`no search ${word}`);
      return String(truth.get(word));
    });
  return new Function(`return ${words.join(' ')}`)() as boolean;
}

export interface ParsedRule {
  readonly logsource: { readonly category: string };
  readonly detection: Record<string, unknown>;
}

export function conditionsOf(rule: ParsedRule): string[] {
  return [rule.detection.condition].flat() as string[];
}

export function searchesOf(rule: ParsedRule): [string, unknown][] {
  return Object.entries(rule.detection).filter(([name]) => name !== 'condition');
}

/** Whether the event matches the rule. */
export function ruleHolds(rule: ParsedRule, event: Json): boolean {
  if (!inLogSource(rule.logsource.category, event)) return false;
  const truth = new Map(searchesOf(rule).map(([name, search]) => [name, searchHolds(search, event)]));
  return conditionsOf(rule).some((condition) => conditionHolds(condition, truth));
}
