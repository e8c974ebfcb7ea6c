import { RE2JS } from 're2js';
import type { Config } from '../config/options.ts';
import { messageOf, WardenError } from '../errors.ts';
import type { EventJson } from '../schema/event.ts';
import { valueAt } from './line.ts';
import { whenAsked } from './re2.ts';
import { MAY_BE_COMMAND, secretOption, secretsIn, secretsInArguments } from './redact-command.ts';
import { SECRET_PATTERNS } from './redact-patterns.ts';
import type { Alert } from './types.ts';

export const REDACTED = '[REDACTED]';
/** Longer strings are cut before they are searched: the cost of one alert stays bounded whatever a process passes. */
const MAX_STRING = 32_768;
const MAX_ITEMS = 4_096;
const MAX_DEPTH = 12;
/** Characters of texts whose result is remembered. */
const MAX_REMEMBERED = 1_048_576;

interface RedactionOptions {
  readonly enabled: boolean;
  /** Further RE2 patterns: what matches, or the first group, is replaced. */
  readonly patterns: readonly string[];
  /** Environment variables that may leave the daemon. */
  readonly environment: readonly string[];
}

interface Compiled {
  readonly regexp: () => RE2JS;
  readonly needs: readonly string[];
}

/** The redactor of a configuration. Throws CONFIG_INVALID like its constructor. */
export function redactorOf({ redaction, enrich }: Pick<Config, 'redaction' | 'enrich'>): Redactor {
  return new Redactor({ ...redaction, environment: enrich.environment });
}

/**
 * Replaces secrets in what leaves the daemon. Rules never see its result: they
 * judge what the kernel reported. Objects are copied, never changed.
 */
export class Redactor {
  readonly #enabled: boolean;
  readonly #patterns: readonly Compiled[];
  readonly #hasOwn: boolean;
  readonly #allowed: ReadonlySet<string>;
  readonly #known = new Recent<string>();
  readonly #knownArgs = new Recent<readonly string[]>();
  /** Ancestors come as the same objects with every event of their descendants, and change never. */
  readonly #knownAncestors = new WeakMap<object, unknown>();

  /** Throws CONFIG_INVALID when one of the configured patterns is no RE2 pattern. */
  constructor(options: RedactionOptions) {
    const own = options.patterns.map((pattern) => {
      const regexp = compileOwn(pattern);
      return { regexp: () => regexp, needs: [] };
    });
    this.#enabled = options.enabled;
    this.#patterns = options.enabled ? [...BUILT_IN, ...own] : [];
    this.#hasOwn = own.length > 0;
    this.#allowed = new Set(options.environment);
  }

  text(value: string): string {
    const bounded = value.length > MAX_STRING ? `${value.slice(0, MAX_STRING)}…` : value;
    if (this.#patterns.length === 0) return bounded;
    const before = this.#known.get(bounded);
    if (before !== undefined) return before;
    const suspect = this.#hasOwn || maySecret.test(bounded) || MAY_BE_COMMAND.test(bounded);
    const result = suspect ? this.#search(bounded) : bounded;
    this.#known.set(bounded, result);
    return result;
  }

  /** An argument list: a secret can stand in the argument after its option. */
  args(values: readonly string[]): string[] {
    // Two lists never share a key: a recording may hold what execve(2) cannot pass, such as a NUL.
    const key = JSON.stringify(values);
    const before = this.#knownArgs.get(key);
    if (before !== undefined) return [...before];
    const result = this.#searchArgs(values);
    this.#knownArgs.set(key, result);
    return [...result];
  }

  #searchArgs(values: readonly string[]): string[] {
    const result = values.slice(0, MAX_ITEMS).map((value) => this.text(value));
    if (!this.#enabled || values.length < 2) return result;
    for (const { index, span } of secretsInArguments(values)) {
      const value = values[index] ?? '';
      const found = value.slice(0, span.start) + REDACTED + value.slice(span.end);
      // A pattern may have found more of the same argument.
      result[index] = span.start === 0 ? REDACTED : this.text(found);
    }
    return result;
  }

  event(event: EventJson): EventJson {
    return this.#walk(event, 0) as EventJson;
  }

  alert(alert: Alert): Alert {
    // What the rule's author wrote is no secret of the host; everything else may hold one.
    const { label, recommendation, rule, matched, ...rest } = alert;
    const redacted = this.#walk(rest, 0) as typeof rest;
    const conditions = matched.map((condition) => {
      const { field, actual } = condition;
      if (field === 'process.env') return { ...condition, actual: this.#environment(actual) };
      const joined = field.endsWith('.command_line') ? valueAt(redacted, field) : undefined;
      return { ...condition, actual: joined ?? this.#walk(actual, 1) };
    });
    // The order of keys that every output has: people read these lines.
    const { risk_score, detection_method, confidence, severity, ...groups } = redacted;
    const head = { label, risk_score, detection_method, recommendation, confidence, severity };
    return { ...head, rule, matched: conditions, ...groups } as Alert;
  }

  #search(value: string): string {
    const lower = value.toLowerCase();
    let result = this.#enabled && /\s/.test(value) ? hideCommands(value) : value;
    for (const { regexp, needs } of this.#patterns) {
      if (needs.length === 0 || needs.some((need) => lower.includes(need))) result = replaceAll(regexp(), result);
    }
    return result;
  }

  #walk(value: unknown, depth: number): unknown {
    if (typeof value === 'string') return this.text(value);
    if (typeof value !== 'object' || value === null) return value;
    if (depth > MAX_DEPTH) return REDACTED;
    if (Array.isArray(value)) {
      return value.every((entry) => typeof entry === 'string')
        ? this.args(value)
        : value.slice(0, MAX_ITEMS).map((entry) => this.#walk(entry, depth + 1));
    }
    const copy: Record<string, unknown> = {};
    for (const [key, entry] of Object.entries(value)) {
      if (key === '__proto__') continue;
      if (key === 'env') copy[key] = this.#environment(entry);
      else if (key === 'ancestors') copy[key] = this.#ancestors(entry, depth + 1);
      else copy[key] = this.#walk(entry, depth + 1);
    }
    // The joined form has lost where an argument ends; the list knows.
    if (Array.isArray(copy.args) && typeof copy.command_line === 'string') copy.command_line = copy.args.join(' ');
    return copy;
  }

  #ancestors(value: unknown, depth: number): unknown {
    if (!Array.isArray(value) || value.some((entry) => typeof entry !== 'object' || entry === null))
      return this.#walk(value, depth);
    return value.slice(0, MAX_ITEMS).map((entry: object) => {
      const redacted = this.#knownAncestors.get(entry) ?? this.#walk(entry, depth + 1);
      this.#knownAncestors.set(entry, redacted);
      return redacted;
    });
  }

  #environment(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return {};
    const kept = Object.entries(value).filter(([name]) => this.#allowed.has(name));
    return Object.fromEntries(
      kept.map(([name, entry]) => [
        name,
        this.#enabled && secretOption().test(`-${name.toLowerCase()}`) ? REDACTED : this.text(String(entry)),
      ]),
    );
  }
}

/** The same arguments come again and again, with every event of a process and of its descendants. */
class Recent<Result> {
  readonly #texts = new Map<string, Result>();
  #characters = 0;

  get(value: string): Result | undefined {
    return this.#texts.get(value);
  }

  set(value: string, result: Result): void {
    this.#texts.set(value, result);
    this.#characters += value.length;
    for (const oldest of this.#texts.keys()) {
      if (this.#characters <= MAX_REMEMBERED) break;
      this.#texts.delete(oldest);
      this.#characters -= oldest.length;
    }
  }
}

/** One look for all literals at once: an alternation of plain texts cannot backtrack, so JavaScript's own engine will do. */
const maySecret = new RegExp(
  [...new Set(SECRET_PATTERNS.flatMap(({ needs }) => needs))]
    .map((need) => need.replaceAll(/[.()\-/:]/g, '\\$&'))
    .join('|'),
  'i',
);

/** Texts are often commands: the value of `sh -c`, a script in an argument. */
function hideCommands(text: string): string {
  const spans = secretsIn(text).sort((a, b) => a.start - b.start);
  let result = '';
  let at = 0;
  for (const { start, end } of spans) {
    if (end <= at) continue;
    result += text.slice(at, Math.max(at, start)) + REDACTED;
    at = end;
  }
  return result + text.slice(at);
}

/** Compiled once per process: RE2 programs are immutable. */
const BUILT_IN: readonly Compiled[] = SECRET_PATTERNS.map(({ pattern, needs }) => ({
  regexp: whenAsked(pattern),
  needs,
}));

function compileOwn(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    throw new WardenError('CONFIG_INVALID', `redaction.patterns: "${pattern}" is no RE2 pattern: ${messageOf(error)}`, {
      problems: [{ subject: 'redaction.patterns', message: `"${pattern}" is no RE2 pattern: ${messageOf(error)}` }],
      cause: error,
    });
  }
}

/** Replaces the first group of each match, or the whole match where there is no group. */
function replaceAll(regexp: RE2JS, value: string): string {
  const matcher = regexp.matcher(value);
  let result = '';
  let end = 0;
  let from = 0;
  while (from <= value.length && matcher.find(from)) {
    const group = matcher.groupCount() > 0 && matcher.start(1) >= 0 ? 1 : 0;
    const start = matcher.start(group);
    const stop = matcher.end(group);
    if (stop > start && value.slice(start, stop) !== REDACTED && start >= end) {
      result += value.slice(end, start) + REDACTED;
      end = stop;
    }
    from = Math.max(stop, matcher.start(0) + 1);
  }
  return end === 0 ? value : result + value.slice(end);
}
