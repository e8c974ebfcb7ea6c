/** Makes events that satisfy a Sigma rule, and near misses, from the rule's YAML alone. */
import { at, conditionHolds, conditionsOf, type Json, type ParsedRule, ruleHolds, searchesOf } from './evaluator.ts';

/** What one field has to hold: pieces of text in their places. */
interface Need {
  exact?: string;
  absent?: boolean;
  prefix: string[];
  suffix: string[];
  parts: string[];
}
type Needs = Map<string, Need>;

const PATHS: Record<string, string> = {
  Image: 'process.path',
  CommandLine: 'process.command_line',
  CurrentDirectory: 'process.cwd',
  ProcessId: 'process.pid',
  ParentProcessId: 'process.ppid',
  ParentImage: 'process.parent.path',
  ParentCommandLine: 'process.parent.command_line',
  User: 'user.name',
  LogonId: 'process.auid',
  DestinationIp: 'network.destination.ip',
  DestinationPort: 'network.destination.port',
  DestinationHostname: 'network.destination.hostname',
  SourceIp: 'network.source.ip',
  SourcePort: 'network.source.port',
};
const TYPES: Record<string, string[]> = {
  process_creation: ['process_exec'],
  file_event: ['file_create', 'file_rename', 'file_write', 'file_open'],
  file_delete: ['file_unlink'],
  file_rename: ['file_rename'],
  network_connection: ['net_conn', 'net_send', 'net_accept'],
};

/** Some text that a simple regular expression finds: its alternatives' first choice, each repeat as short as allowed. */
export function sample(pattern: string): string {
  let i = 0;
  function sequence(): string {
    let out = '';
    while (i < pattern.length && pattern[i] !== ')') {
      if (pattern[i] === '|') {
        i++;
        sequence();
        break;
      }
      const atom = one();
      const repeat = /^(?:\{(\d+)(?:,\d*)?\}|[*?+])\??/.exec(pattern.slice(i));
      if (repeat === null) out += atom;
      else {
        i += repeat[0].length;
        out += atom.repeat(repeat[1] === undefined ? (repeat[0].startsWith('+') ? 1 : 0) : Number(repeat[1]));
      }
    }
    return out;
  }
  function one(): string {
    const c = pattern[i++] as string;
    if (c === '(') {
      const mark = /^\?(?:[ims]+\)|:)/.exec(pattern.slice(i))?.[0] ?? '';
      i += mark.length;
      if (mark.endsWith(')')) return '';
      const inner = sequence();
      i++;
      return inner;
    }
    if (c === '[') {
      const close = pattern.indexOf(']', i + 1);
      const body = pattern.slice(i, close);
      i = close + 1;
      if (body.startsWith('^')) return [...'xy z'].find((one) => !new RegExp(`[${body.slice(1)}]`).test(one)) ?? 'q';
      return body.startsWith('\\') ? body.slice(1, 2) : body.slice(0, 1);
    }
    if (c === '\\') {
      const escaped = pattern[i++] as string;
      return (
        ({ s: ' ', S: 'x', d: '7', w: 'w', b: '', n: '\n', t: '\t' } as Record<string, string>)[escaped] ?? escaped
      );
    }
    return c === '.' ? 'r' : c === '^' || c === '$' ? '' : c;
  }
  return sequence();
}

/** Text in the base64 of which, or in the UTF-16 of which, the value stands. */
function encoded(value: unknown, modifiers: readonly string[]): string {
  const little = Buffer.from(concrete(value), 'utf16le');
  let bytes = Buffer.from(concrete(value));
  if (modifiers.includes('utf16be')) bytes = little.swap16();
  else if (modifiers.includes('utf16')) bytes = Buffer.concat([Buffer.from('fffe', 'hex'), little]);
  else if (modifiers.some((modifier) => modifier === 'wide' || modifier === 'utf16le')) bytes = little;
  if (!modifiers.some((modifier) => modifier.startsWith('base64'))) return bytes.toString('utf8');
  return bytes.toString('base64');
}

/** Text that a wildcard text matches. */
const concrete = (value: unknown, modifiers: readonly string[] = []): string =>
  (modifiers.includes('expand') ? String(value).replaceAll('\\%', '%') : String(value)).replace(
    /\\([*?\\])|[*?]/g,
    (all, escaped?: string) => escaped ?? (all === '?' ? 'q' : ''),
  );

function demand(needs: Needs, key: string, raw: unknown, pick: (count: number) => number): void {
  const [name = '', ...modifiers] = key.split('|');
  const values = Array.isArray(raw) ? raw : [raw];
  const need = needs.get(name) ?? { prefix: [], suffix: [], parts: [] };
  needs.set(name, need);
  for (const value of modifiers.includes('all') ? values : [values[pick(values.length)]]) {
    const order = modifiers.find((modifier) => /^[lg]te?$/.test(modifier));
    if (modifiers.includes('neq')) need.parts.push('other');
    else if (modifiers.includes('fieldref')) {
      need.parts.push('same');
      needs.set(String(value), { prefix: [], suffix: [], parts: ['same'] });
    } else if (order !== undefined) need.exact = String(Number(value) + ({ lt: -1, gt: 1 }[order] ?? 0));
    else if (value === null || (modifiers.includes('exists') && value === false)) need.absent = true;
    else if (modifiers.includes('exists')) need.parts.push('');
    else if (modifiers.includes('re')) need.parts.push(sample(String(value)));
    else if (modifiers.includes('cidr')) need.exact = String(value).split('/')[0] as string;
    else if (modifiers.some((modifier) => /^base64|^wide/.test(modifier))) need.parts.push(encoded(value, modifiers));
    else if (modifiers.includes('contains') || name === '') need.parts.push(concrete(value, modifiers));
    else if (modifiers.includes('startswith')) need.prefix.push(concrete(value));
    else if (modifiers.includes('endswith')) need.suffix.push(concrete(value));
    else need.exact = concrete(value);
  }
}

const longest = (texts: readonly string[]) => texts.reduce((a, b) => (b.length > a.length ? b : a), '');

function textOf(need: Need, filler: boolean): string {
  if (need.exact !== undefined) return need.exact;
  const head = need.prefix.length === 0 && filler ? '/srv/x' : longest(need.prefix);
  return head + need.parts.join('') + longest(need.suffix);
}

function put(event: Json, path: string, value: unknown): Json {
  const [head = '', ...rest] = path.split('.');
  const inner = rest.length === 0 ? value : put((event[head] ?? {}) as Json, rest.join('.'), value);
  return { ...event, [head]: inner };
}

const INTEGERS = /\.(?:pid|ppid|auid|port)$/;

function assemble(type: string, needs: Needs, filler: boolean): Json {
  let event: Json = { event: { type } };
  if (filler) {
    event = { event: { type, error: '' }, process: { pid: 4242, uid: 1000, parent: { pid: 1 } }, host: { name: 'h' } };
  }
  if (type === 'file_open') event = put(event, 'file.access', 'write');
  for (const [name, need] of needs) {
    if (need.absent === true) continue;
    if (name === 'Initiated') {
      event = put(event, 'network.direction', need.exact === 'false' ? 'inbound' : 'outbound');
      continue;
    }
    let path = PATHS[name] ?? name;
    if (name === '') path = 'process.command_line';
    if (name === 'TargetFilename') path = type === 'file_rename' ? 'file.new_path' : 'file.path';
    const text = textOf(need, filler);
    event = put(event, path, INTEGERS.test(path) && /^\d+$/.test(text) ? Number(text) : text);
  }
  return event;
}

/** The truths of the searches under which the condition holds, those with the fewest true ones first. */
function* truths(condition: string, names: readonly string[]): Generator<ReadonlyMap<string, boolean>> {
  const masks = Array.from({ length: 2 ** Math.min(names.length, 14) }, (_, mask) => mask);
  const weight = (mask: number) => mask.toString(2).replaceAll('0', '').length;
  for (const mask of masks.sort((a, b) => weight(a) - weight(b))) {
    const truth = new Map(names.map((name, i) => [name, ((mask >> i) & 1) === 1]));
    if (conditionHolds(condition, truth)) yield truth;
  }
}

export interface Generated {
  readonly event: Json;
  /** Fields that the rule asks for. */
  readonly paths: readonly string[];
}

/** Events that satisfy the rule, as many as are asked for or can be found. */
export function satisfying(rule: ParsedRule, wanted: number, random: () => number): Generated[] {
  const searches = new Map(searchesOf(rule));
  const found: Generated[] = [];
  const types = TYPES[rule.logsource.category] ?? [];
  for (let round = 0; round < 60 && found.length < wanted; round++) {
    const pick = (count: number) => (round === 0 ? 0 : Math.floor(random() * count));
    for (const condition of conditionsOf(rule)) {
      let tried = 0;
      for (const truth of truths(condition, [...searches.keys()])) {
        if (++tried > 40 || found.length >= wanted) break;
        const needs: Needs = new Map();
        for (const [name, holds] of truth) {
          if (!holds) continue;
          const search = searches.get(name);
          const part = Array.isArray(search) ? search[pick(search.length)] : search;
          if (typeof part === 'object' && part !== null) {
            for (const [key, value] of Object.entries(part)) demand(needs, key, value, pick);
          } else demand(needs, '', part, pick);
        }
        const event = assemble(types[round % types.length] ?? '', needs, round % 2 === 1);
        if (ruleHolds(rule, event)) found.push({ event, paths: leaves(event) });
      }
    }
  }
  return found;
}

function leaves(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path === '' ? key : `${path}.${key}`));
}

/** Events next to a satisfying one: a character changed, cut off or added, a field absent or empty, another kind, a failure. */
export function* neighbours({ event, paths }: Generated): Generator<Json> {
  for (const path of paths.filter((one) => !one.startsWith('event.'))) {
    const value = at(event, path);
    yield put(event, path, undefined);
    if (typeof value === 'number') {
      yield put(event, path, value + 1);
      continue;
    }
    if (typeof value !== 'string') continue;
    yield put(event, path, '');
    yield put(event, path, value.toUpperCase());
    yield put(event, path, value.slice(1));
    yield put(event, path, value.slice(0, -1));
    yield put(event, path, `${value}~`);
    yield put(event, path, `~${value}`);
    for (let i = 0; i < value.length; i += Math.ceil(value.length / 24)) {
      yield put(event, path, `${value.slice(0, i)}~${value.slice(i + 1)}`);
    }
  }
  yield put(event, 'event.error', 'EACCES');
  for (const type of [
    'process_fork',
    'file_unlink',
    'file_rename',
    'net_listen',
    'net_accept',
    'file_open',
    'file_read',
  ]) {
    yield put(event, 'event.type', type);
  }
  yield put(put(event, 'event.type', 'file_open'), 'file.access', 'read');
}
