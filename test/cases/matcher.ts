/** A value, a pattern, or a test of one field of an event; fields are named as in rules. */
export type Expected = Readonly<Record<string, string | number | boolean | RegExp | ((value: unknown) => boolean)>>;

/** One behaviour to provoke and the events it must give. */
export interface Case {
  /** Row of the public corpus it stands for, or a name of our own. */
  readonly id: string;
  readonly what: string;
  /** Bash script, run in an empty directory below /tmp as root; $D is the directory, $call the raw system call tool, $PYTHON the interpreter. */
  readonly script: string;
  /** Every entry must be met by an event of the script or a descendant. */
  readonly expect: readonly Expected[];
  /** Programs it cannot do without. */
  readonly needs?: readonly string[];
}

/** The value of a dotted field in an event's JSON. */
export function fieldOf(event: unknown, field: string): unknown {
  let value = event;
  for (const part of field.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

export function meets(event: unknown, expected: Expected): boolean {
  return Object.entries(expected).every(([field, want]) => {
    const value = fieldOf(event, field);
    if (want instanceof RegExp)
      return (typeof value === 'string' || typeof value === 'number') && want.test(String(value));
    return typeof want === 'function' ? want(value) : value === want;
  });
}

/** A list that has the entry. */
export const has = (entry: string) => (value: unknown) => Array.isArray(value) && value.includes(entry);
/** An octal mode with all these bits. */
export const modeWith = (bits: number) => (value: unknown) =>
  typeof value === 'string' && (Number.parseInt(value, 8) & bits) === bits;
/** An access that includes writing. */
export const writes = (value: unknown) => value === 'write' || value === 'read_write';
export const reads = (value: unknown) => value === 'read' || value === 'read_write';
