/** Values of Falco's evt.* fields that our events have in other forms. */
import { constants } from 'node:os';
import type { FieldValue } from '../../schema/event.ts';

const ERRNO: Readonly<Record<string, number>> = constants.errno;

/** The return value; of an event without one, what follows from its error: a success is taken to be 0. */
export function resultOf(result: FieldValue, error: FieldValue, success = 0): number {
  if (typeof result === 'number') return result;
  if (typeof error !== 'string' || error === '') return success;
  const named = Object.hasOwn(ERRNO, error) ? ERRNO[error] : Number(error.replace(/^E/, ''));
  return named === undefined || Number.isNaN(named) ? -1 : -named;
}

/** Falco's evt.res. */
export function resultName(error: FieldValue): string {
  return typeof error === 'string' && error !== '' ? error : 'SUCCESS';
}

/** Falco's evt.arg.res: the error's name, or the number. */
export function resultText(result: FieldValue, error: FieldValue): string {
  return typeof error === 'string' && error !== '' ? error : String(resultOf(result, error));
}

const MODES: readonly (readonly [number, string])[] = [
  [0o1, 'S_IXOTH'],
  [0o2, 'S_IWOTH'],
  [0o4, 'S_IROTH'],
  [0o10, 'S_IXGRP'],
  [0o20, 'S_IWGRP'],
  [0o40, 'S_IRGRP'],
  [0o100, 'S_IXUSR'],
  [0o200, 'S_IWUSR'],
  [0o400, 'S_IRUSR'],
  [0o1000, 'S_ISVTX'],
  [0o2000, 'S_ISGID'],
  [0o4000, 'S_ISUID'],
];

export function modeNumber(mode: FieldValue): number | undefined {
  if (typeof mode === 'number') return mode;
  return typeof mode === 'string' && /^[0-7]+$/.test(mode) ? Number.parseInt(mode, 8) : undefined;
}

/** The names of a mode's bits, as Falco writes the mode of a chmod. */
export function modeNames(mode: FieldValue): string | undefined {
  const bits = modeNumber(mode);
  if (bits === undefined) return undefined;
  return MODES.filter(([bit]) => (bits & bit) !== 0)
    .map(([, name]) => name)
    .join('|');
}

/** A mode as Falco writes that of an open. */
export function modeText(mode: FieldValue): string | undefined {
  const bits = modeNumber(mode);
  return bits === undefined ? undefined : `0${bits.toString(8)}`.replace(/^00$/, '0');
}

export function joined(names: FieldValue): string | undefined {
  return Array.isArray(names) ? names.join('|') : undefined;
}

const two = (value: number, length = 2) => String(value).padStart(length, '0');

/** Local time of day, with nanoseconds. */
export function timeOfDay(seconds: FieldValue, fraction: boolean): string | undefined {
  if (typeof seconds !== 'number') return undefined;
  const date = new Date(Math.floor(seconds) * 1000);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return fraction ? `${time}.${fractionOf(seconds)}` : time;
}

export function dateAndTime(seconds: FieldValue, fraction: boolean): string | undefined {
  const time = timeOfDay(seconds, fraction);
  if (typeof seconds !== 'number' || time === undefined) return undefined;
  const date = new Date(Math.floor(seconds) * 1000);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
}

export function isoTime(seconds: FieldValue): string | undefined {
  if (typeof seconds !== 'number') return undefined;
  const date = new Date(Math.floor(seconds) * 1000).toISOString();
  return `${date.slice(0, 19)}.${fractionOf(seconds)}+0000`;
}

/** A time in seconds is exact to about a microsecond. */
function fractionOf(seconds: number): string {
  return `${two(Math.min(999_999, Math.round((seconds - Math.floor(seconds)) * 1e6)), 6)}000`;
}

const DOMAINS: Readonly<Record<string, string>> = {
  ipv4: 'AF_INET',
  ipv6: 'AF_INET6',
  packet: 'AF_PACKET',
  vsock: 'AF_VSOCK',
  netlink: 'AF_NETLINK',
  unix: 'AF_UNIX',
};

export function domainName(family: FieldValue): string | undefined {
  return typeof family === 'string' ? (DOMAINS[family] ?? `AF_${family.toUpperCase()}`) : undefined;
}

const SOCKET_TYPES: Readonly<Record<string, string>> = { stream: '1', dgram: '2', raw: '3', packet: '10' };

export function socketType(type: FieldValue): string | undefined {
  return typeof type === 'string' ? (SOCKET_TYPES[type] ?? type) : undefined;
}
