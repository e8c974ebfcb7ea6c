import type { Database, RootDatabase } from 'lmdb';

/**
 * Bytes of a piece: three of them fill a page. Longer values get a run of pages
 * of their own in LMDB, and runs of different lengths leave holes that nothing
 * fits into: the file would grow to half as much again as what it holds.
 */
const PIECE = 1_300;
const PAGE = 4096;
/** Key, header and place of a piece that does not fill its share of a page. */
const PIECE_HEAD = 40;

type PieceKey = [id: number, piece: number];

/** What a text of so many bytes takes on disk. */
export const storedBytes = (length: number): number =>
  Math.floor(length / PIECE) * Math.ceil(PAGE / 3) + (length % PIECE) + PIECE_HEAD;

/** Texts by number, in pieces of one size. A text that an earlier version wrote has its number alone as key, and is whole. */
export class Pieces {
  readonly #table: Database<Buffer, number | PieceKey>;
  #highest = Number.NEGATIVE_INFINITY;

  constructor(root: RootDatabase<string>, name: string) {
    this.#table = root.openDB<Buffer, number | PieceKey>({ name, encoding: 'binary' });
    for (const key of this.#table.getKeys({ reverse: true, limit: 1 })) this.#highest = idOf(key);
  }

  *entries(): Generator<readonly [id: number, text: string]> {
    let current: number | undefined;
    let pieces: Buffer[] = [];
    for (const { key, value } of this.#table.getRange()) {
      const id = idOf(key);
      if (id !== current && current !== undefined) yield [current, textOf(pieces)];
      if (id !== current) pieces = [];
      current = id;
      pieces.push(Buffer.from(value));
    }
    if (current !== undefined) yield [current, textOf(pieces)];
  }

  get(id: number): string | undefined {
    const whole = this.#table.get(id);
    if (whole !== undefined) return whole.toString();
    const pieces: Buffer[] = [];
    for (let piece = this.#table.get([id, 0]); piece !== undefined; piece = this.#table.get([id, pieces.length]))
      pieces.push(Buffer.from(piece));
    return pieces.length === 0 ? undefined : textOf(pieces);
  }

  /** Within a transaction. Numbers rise; LMDB fills pages to their end only when it is told so, and refuses when it is not true. */
  put(id: number, text: string): void {
    const bytes = Buffer.from(text);
    const append = id > this.#highest;
    this.#highest = Math.max(id, this.#highest);
    for (let at = 0, piece = 0; piece === 0 || at < bytes.length; at += PIECE, piece++)
      this.#table.putSync([id, piece], bytes.subarray(at, at + PIECE), { append });
  }

  /** Within a transaction. */
  remove(id: number): void {
    if (this.#table.removeSync(id)) return;
    for (let piece = 0; this.#table.removeSync([id, piece]); piece++);
  }
}

const textOf = (pieces: readonly Buffer[]): string => Buffer.concat(pieces).toString();
const idOf = (key: number | PieceKey): number => (typeof key === 'number' ? key : key[0]);
