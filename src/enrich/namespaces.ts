import { NAMESPACES } from './exec-record.ts';

/** One array for each set of namespaces: a fork allocates none. */
const SETS = Array.from({ length: 1 << NAMESPACES.length }, (_, mask): readonly string[] =>
  NAMESPACES.filter((_name, bit) => (mask & (1 << bit)) !== 0),
);

/** The namespaces of pid 1, and which ones of a process are others. */
export class HostNamespaces {
  /** Inode numbers in the order of `NAMESPACES`; undefined when they may not be seen. */
  numbers: readonly number[] | undefined;

  constructor(numbers: readonly number[] | undefined) {
    this.numbers = numbers;
  }

  /** Namespaces that are not the host's, by name; undefined where either is unknown. */
  othersIn(numbers: readonly number[] | undefined): readonly string[] | undefined {
    const host = this.numbers;
    if (host === undefined || numbers === undefined) return undefined;
    return SETS[numbers.reduce((mask, number, bit) => (number === host[bit] ? mask : mask | (1 << bit)), 0)];
  }
}
