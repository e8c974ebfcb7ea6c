import { storedBytes } from './pieces.ts';
import type { DeadLetter, DeadLetterRequest, Settlement } from './types.ts';

/** Alerts that a sink never took, kept for a person to look at: bounded by number and bytes, the oldest go first. */
export class DeadLetters {
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  readonly #sizes = new Map<number, number>();
  readonly #added = new Map<number, string>();
  readonly #removed = new Set<number>();
  #next = 1;
  #bytes = 0;
  evicted = 0;

  constructor(limits: { readonly maxEntries: number; readonly maxBytes: number }) {
    this.#maxEntries = limits.maxEntries;
    this.#maxBytes = limits.maxBytes;
  }

  load(entries: Iterable<readonly [id: number, value: string]>): void {
    for (const [id, value] of entries) {
      const size = storedBytes(Buffer.byteLength(value));
      this.#sizes.set(id, size);
      this.#bytes += size;
      this.#next = id + 1;
    }
  }

  add(sink: string, reason: Settlement, at: number, json: string): void {
    const value = `{"sink":${JSON.stringify(sink)},"reason":"${reason}","at":${at},"alert":${json}}`;
    const id = this.#next++;
    this.#added.set(id, value);
    const size = storedBytes(Buffer.byteLength(value));
    this.#sizes.set(id, size);
    this.#bytes += size;
    for (const oldest of this.#sizes.keys()) {
      if (this.#sizes.size <= this.#maxEntries && this.#bytes <= this.#maxBytes) break;
      this.remove(oldest);
      this.evicted += 1;
    }
  }

  /** False when there is none of this id. */
  remove(id: number): boolean {
    const size = this.#sizes.get(id);
    if (size === undefined) return false;
    this.#sizes.delete(id);
    this.#bytes -= size;
    if (!this.#added.delete(id)) this.#removed.add(id);
    return true;
  }

  /** The letter of this id. `read` gives the stored one. */
  get(id: number, read: (id: number) => string | undefined): DeadLetter | undefined {
    if (!this.#sizes.has(id)) return undefined;
    const value = this.#added.get(id) ?? read(id);
    return value === undefined ? undefined : deadLetterFromText(id, value);
  }

  get size(): number {
    return this.#sizes.size;
  }

  /** What is not on disk yet. */
  get changes(): { readonly put: ReadonlyMap<number, string>; readonly remove: ReadonlySet<number> } {
    return { put: this.#added, remove: this.#removed };
  }

  get changed(): boolean {
    return this.#added.size > 0 || this.#removed.size > 0;
  }

  committed(): void {
    this.#added.clear();
    this.#removed.clear();
  }

  /** Newest first. `read` gives the stored entries, oldest first. */
  list(stored: Iterable<readonly [id: number, value: string]>, limit: number): DeadLetter[] {
    const all = new Map<number, string>();
    for (const [id, value] of stored) if (this.#sizes.has(id)) all.set(id, value);
    for (const [id, value] of this.#added) all.set(id, value);
    return [...all]
      .slice(-limit)
      .reverse()
      .map(([id, value]) => deadLetterFromText(id, value));
  }
}

export function deadLetterFromText(id: number, text: string): DeadLetter {
  return { id, ...(JSON.parse(text) as Omit<DeadLetter, 'id'>) };
}

/** Undefined where the text is no request; the caller tells, with the text. */
export function requestFromText(text: string): DeadLetterRequest | undefined {
  let value: Partial<Record<'do' | 'id' | 'sink', unknown>> | null;
  try {
    value = JSON.parse(text) as typeof value;
  } catch {
    return undefined;
  }
  const { do: action, id, sink } = value ?? {};
  if (typeof id !== 'number' || !Number.isSafeInteger(id)) return undefined;
  if (action === 'drop') return { do: 'drop', id };
  return action === 'resend' && typeof sink === 'string' ? { do: 'resend', id, sink } : undefined;
}
