import type { AlertFilter, AlertQuery, EventFilter, EventQuery } from '../alerts/history.ts';
import { EVENT_KINDS } from '../metrics/kinds.ts';
import { nearest } from '../nearest.ts';
import { SEVERITIES } from '../rules/types.ts';

/** A query parameter is wrong; the client gets 400 with these words. */
export class ParameterError extends Error {
  override readonly name = 'ParameterError';
  readonly parameter: string;
  readonly remedy: string;

  constructor(parameter: string, message: string, remedy: string) {
    super(message);
    this.parameter = parameter;
    this.remedy = remedy;
  }
}

const MAX_LIMIT = 1000;
const DEFAULT_LIMIT = 100;
const MAX_TEXT = 512;

type Reader<T> = (text: string, name: string) => T;

const limit: Reader<number> = (text, name) => {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > MAX_LIMIT)
    throw new ParameterError(name, `"${clip(text)}" is not a limit`, `give a whole number from 1 to ${MAX_LIMIT}`);
  return value;
};
const pid: Reader<number> = (text, name) => {
  if (!/^\d{1,10}$/.test(text))
    throw new ParameterError(name, `"${clip(text)}" is not a process id`, 'give a whole number');
  return Number(text);
};
const time: Reader<number> = (text, name) => {
  const value = /^\d{1,12}(?:\.\d{1,9})?$/.test(text) ? Number(text) : Date.parse(text) / 1000;
  if (!Number.isFinite(value) || !/^\d/.test(text))
    throw new ParameterError(
      name,
      `"${clip(text)}" is not a time`,
      'give Unix seconds or RFC 3339, such as 2026-01-31T12:00:00Z',
    );
  return value;
};
const severity: Reader<(typeof SEVERITIES)[number]> = (text, name) => {
  const found = SEVERITIES.find((entry) => entry === text);
  if (found === undefined)
    throw new ParameterError(name, `"${clip(text)}" is not a severity`, `give ${SEVERITIES.join(', ')}`);
  return found;
};
const event: Reader<string> = (text, name) => {
  const found = EVENT_KINDS.find((entry) => entry === text);
  if (found !== undefined) return found;
  const near = nearest(text, EVENT_KINDS);
  const hint = near === undefined ? 'see docs/events.md for the kinds' : `did you mean ${near}?`;
  throw new ParameterError(name, `"${clip(text)}" is not an event kind`, hint);
};
const text: Reader<string> = (value, name) => {
  if (value === '' || value.length > MAX_TEXT)
    throw new ParameterError(name, 'the value is empty or too long', `give 1 to ${MAX_TEXT} characters`);
  return value;
};

const ALERT_FILTER = { severity, rule: text, event };
const EVENT_FILTER = { event, pid };
const PAGE = { limit, since: time, until: time };

export const alertFilter = (query: string): AlertFilter => read(query, ALERT_FILTER);
export const eventFilter = (query: string): EventFilter => read(query, EVENT_FILTER);
export const alertQuery = (query: string): AlertQuery => ordered(read(query, { ...ALERT_FILTER, ...PAGE }));
export const eventQuery = (query: string): EventQuery => ordered(read(query, { ...EVENT_FILTER, ...PAGE }));
/** How many of a list. */
export const limitOf = (query: string): number => read(query, { limit }).limit ?? DEFAULT_LIMIT;
/** Refuses every parameter. */
export const noQuery = (query: string): void => {
  read(query, {});
};

type Readers = Readonly<Record<string, Reader<unknown>>>;
type Values<R extends Readers> = { -readonly [K in keyof R]?: ReturnType<R[K]> };

function read<R extends Readers>(query: string, readers: R): Values<R> {
  const values: Record<string, unknown> = {};
  for (const [name, value] of new URLSearchParams(query)) {
    const reader = Object.hasOwn(readers, name) ? readers[name] : undefined;
    if (reader === undefined) {
      const near = nearest(name, Object.keys(readers));
      const known = Object.keys(readers).join(', ') || 'none';
      throw new ParameterError(
        clip(name),
        'there is no such parameter',
        near === undefined ? `known here: ${known}` : `did you mean ${near}?`,
      );
    }
    if (Object.hasOwn(values, name)) throw new ParameterError(name, 'the parameter is given twice', 'give it once');
    values[name] = reader(value, name);
  }
  return values as Values<R>;
}

function ordered<T extends { limit?: number; since?: number; until?: number }>(query: T): T & { limit: number } {
  if (query.since !== undefined && query.until !== undefined && query.since > query.until)
    throw new ParameterError('since', 'it is after "until"', 'give since before until');
  return { ...query, limit: query.limit ?? DEFAULT_LIMIT };
}

function clip(value: string): string {
  return value.length > 64 ? `${value.slice(0, 64)}…` : value;
}
