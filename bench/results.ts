/** What benchmarks measured, beside what the project allows itself: each says it in a line, `npm run bench` in one table. */
import { appendFileSync } from 'node:fs';

export interface Result {
  /** What is measured, as the table names it. */
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly limit: number;
  /** More is better; else less is. */
  readonly atLeast?: boolean;
  /** Lowest and highest of the rounds. */
  readonly spread?: readonly [number, number];
  /** The same without the daemon, with empty hooks, with another program: measured in the same rounds. */
  readonly beside?: Readonly<Record<string, number>>;
}

/** The file that collects them, when all benchmarks run. */
export const RESULTS_FILE = 'BPFWARDEN_BENCH_RESULTS';

export const isMet = ({ value, limit, atLeast }: Result): boolean =>
  atLeast === true ? value >= limit : value <= limit;

export function digits(value: number): string {
  if (!Number.isFinite(value)) return '?';
  const size = Math.abs(value);
  return size >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

export const limitText = ({ limit, atLeast }: Result): string => `${atLeast === true ? '≥' : '≤'} ${digits(limit)}`;

export function result(given: Result): void {
  const { what, value, unit } = given;
  console.log(`${isMet(given) ? 'met   ' : 'MISSED'} ${what}: ${digits(value)} ${unit} (${limitText(given)})`);
  const file = process.env[RESULTS_FILE];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(given)}\n`);
}

export function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

export const spreadOf = (numbers: readonly number[]): [number, number] => [Math.min(...numbers), Math.max(...numbers)];
