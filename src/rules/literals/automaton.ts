/**
 * Finds which of many literals a text has, in one pass over the text: the
 * Aho-Corasick automaton as a table, so that cost hardly depends on the number
 * of literals. Of the table is made what texts get to: the most of it no text
 * ever does, and making all of it was a quarter of a start. Text is folded on the way. `startsWith` and `endsWith` are
 * literals with a mark for the beginning or end of the text,
 * `equal` with both.
 */
import type { Span } from '../../schema/event.ts';
import { FOLD_TABLE } from '../predicate/fold.ts';
import type { TextOperator } from '../tree.ts';

export interface Pattern {
  readonly how: 'equal' | TextOperator;
  /** Folded; empty only for `equal`. */
  readonly text: string;
  /** What is reported when the text has it. */
  readonly target: number;
}

/** What a scan finds. The list is used again and again: emptied, it would give its memory back and take it anew. */
export class Hits {
  readonly targets: number[] = [];
  count = 0;

  add(target: number): void {
    this.targets[this.count++] = target;
  }
}

/**
 * 32 MiB, were all of the table made, which no text does. Literals are cut until they fit; a part of a literal is as
 * necessary as the whole.
 */
const MAX_CELLS = 8 * 1024 * 1024;
const MAX_LITERAL = 24;
const ASCII = 128;
/** In a cell, beside the offset of a row. */
const ENDS = 1 << 30;
const OFFSET = ENDS - 1;
/** Where the rows begin: with that of the root. */
const ROWS = 256;
/** Leads to the root, as if something ended there: nothing does. Which cell it is to be is found out by the first text that comes to it. */
const UNKNOWN = ROWS | ENDS;
/** Room for so many rows at first. */
const FIRST_ROWS = 64;
const BEGIN = 1;
const END = 2;
/** Of the bytes that are not; none of the literals' columns. Always unknown. */
const NOT_ASCII = 3;

/** Units beyond ASCII share so many columns, which bounds the width of the tables and only makes matches less sharp. */
const SHARED_COLUMNS = 32;

/** Maps UTF-16 units to the columns of the tables: 0 stands for all units that no literal has. */
export class Alphabet {
  readonly #shared = new Map<number, number>();
  readonly columns = new Uint16Array(65536);
  size = 3;

  add(folded: string): void {
    for (let at = 0; at < folded.length; at++) {
      const unit = folded.charCodeAt(at);
      if (this.columns[unit] === 0) this.columns[unit] = unit < ASCII ? this.size++ : this.#sharedColumn(unit);
    }
  }

  #sharedColumn(unit: number): number {
    const column = this.#shared.get(unit % SHARED_COLUMNS) ?? this.size++;
    this.#shared.set(unit % SHARED_COLUMNS, column);
    return column;
  }

  /** Gives each unit the column of its folded form; no literal can be added after this. */
  close(): void {
    for (let unit = 0; unit < 65536; unit++) this.columns[unit] = this.columns[FOLD_TABLE[unit] ?? unit] ?? 0;
  }
}

/** What literals of which all have the same beginning have in common; the root is that of all. */
interface State {
  /** Those that are longer than this beginning: from which to before which, in their order. */
  readonly from: number;
  readonly to: number;
  /** Length of the beginning. */
  readonly depth: number;
  readonly offset: number;
  /** That of the longest end of the beginning that is one, too: where a failed match goes on. Of the root itself. */
  readonly fail: State | undefined;
  /** Of the literals that the beginning is the whole of. */
  readonly targets: readonly number[];
  /** The nearest shorter state where literals end. */
  readonly shorter: State | undefined;
}

const NO_TARGETS: readonly number[] = Object.freeze([]);

/** How much of a literal is looked for where that is limited, with its marks. */
function lengthOf({ how, text }: Pattern, limit: number): number {
  const begins = (how === 'startsWith' || how === 'equal') && text.length <= limit;
  const ends = how === 'endsWith' || how === 'equal';
  return Math.min(text.length, limit) + Number(begins) + Number(ends);
}

/** The literals of an automaton, sorted, in its own columns. */
interface Words {
  /** All, one behind the other. */
  readonly letters: Uint8Array;
  /** By word, where it begins; and the end. */
  readonly begins: Int32Array;
  readonly targets: Int32Array;
  /** By column of the alphabet. 128 of ASCII and 32 others: a byte has room. */
  readonly own: Uint8Array;
  readonly width: number;
}

function wordsOf(patterns: readonly Pattern[], { columns, size }: Alphabet): Words {
  let limit = MAX_LITERAL;
  const cells = () => size * patterns.reduce((sum, pattern) => sum + lengthOf(pattern, limit), 1);
  while (limit > 1 && cells() > MAX_CELLS) limit = limit >> 1;
  const own = new Uint8Array(size);
  let width = NOT_ASCII + 1;
  const columnOf = (unit: number): number => {
    const column = columns[unit] ?? 0;
    if (column !== 0 && own[column] === 0) own[column] = width++;
    return own[column] ?? 0;
  };
  const words = patterns.map(({ how, text, target }) => {
    // A long prefix is cut to its end, where prefixes differ most, and may then stand anywhere.
    const cut = text.length > limit;
    const word: number[] = (how === 'startsWith' || how === 'equal') && !cut ? [BEGIN] : [];
    for (let at = cut ? text.length - limit : 0; at < text.length; at++) word.push(columnOf(text.charCodeAt(at)));
    if (how === 'endsWith' || how === 'equal') word.push(END);
    return { word: String.fromCharCode(...word), target };
  });
  words.sort((a, b) => (a.word < b.word ? -1 : a.word > b.word ? 1 : 0));
  const begins = new Int32Array(words.length + 1);
  words.forEach(({ word }, at) => {
    begins[at + 1] = (begins[at] ?? 0) + word.length;
  });
  const letters = new Uint8Array(Buffer.from(words.map(({ word }) => word).join(''), 'latin1'));
  return { letters, begins, targets: Int32Array.from(words, ({ target }) => target), own, width };
}

/** All cells that the bytes lead to, one laid over the other: without a branch in the loop. */
function cellsOf(table: Int32Array, bytes: Uint8Array, at: number, end: number): number {
  let cell = table[ROWS + BEGIN] ?? 0;
  let cells = cell;
  for (let index = at; index < end; index++) {
    cell = table[(cell & OFFSET) + (table[bytes[index] ?? 0] ?? 0)] ?? 0;
    cells |= cell;
  }
  return cells | (table[(cell & OFFSET) + END] ?? 0);
}

export class Automaton {
  readonly #words: Words;
  /** Of all units; of its columns, only what some literal here has takes room in a row. */
  readonly #alphabet: Alphabet;
  /**
   * By byte, its column; from ROWS on, by row offset and column, the row offset of the next state, and ENDS where
   * literals end: the scan then reads one cell a unit. One table for both: with one more the loop over the bytes runs out
   * of registers, and takes twice as long. Rows are in the order in which texts got to them.
   */
  #table: Int32Array;
  /** By row. */
  readonly #states: State[] = [];
  readonly #root: State;

  constructor(patterns: readonly Pattern[], alphabet: Alphabet) {
    this.#alphabet = alphabet;
    this.#words = wordsOf(patterns, alphabet);
    const { own, width } = this.#words;
    this.#table = new Int32Array(ROWS + FIRST_ROWS * width).fill(NOT_ASCII, 0, ROWS);
    for (let unit = 0; unit < ASCII; unit++) this.#table[unit] = own[alphabet.columns[unit] ?? 0] ?? 0;
    this.#root = this.#newState(0, patterns.length, 0, undefined);
  }

  /** What leads on from the state is unknown; all else is as where a failed match goes on. */
  #newState(first: number, to: number, depth: number, fail: State | undefined): State {
    const { letters, begins, targets, width } = this.#words;
    const offset = ROWS + this.#states.length * width;
    if (offset + width > this.#table.length) this.#grow();
    const table = this.#table;
    if (fail !== undefined) table.copyWithin(offset, fail.offset, fail.offset + width);
    else table.fill(ROWS, offset, offset + width)[offset + NOT_ASCII] = UNKNOWN;
    let from = first;
    // Shorter words come first.
    while (from < to && (begins[from + 1] ?? 0) - (begins[from] ?? 0) === depth) from++;
    for (let at = from; at < to; at++) table[offset + (letters[(begins[at] ?? 0) + depth] ?? 0)] = UNKNOWN;
    const state = {
      from,
      to,
      depth,
      offset,
      fail,
      targets: from === first ? NO_TARGETS : [...new Set(targets.subarray(first, from))],
      shorter: fail === undefined || fail.targets.length > 0 ? fail : fail.shorter,
    };
    this.#states.push(state);
    return state;
  }

  /** Twice the room; there are never more states than letters. */
  #grow(): void {
    const { letters, width } = this.#words;
    const most = ROWS + (letters.length + 1) * width;
    const wider = new Int32Array(Math.min(2 * this.#table.length, most));
    wider.set(this.#table);
    this.#table = wider;
  }

  /** The cell of a state and column, which is found out where it is unknown. */
  #cell(state: State, column: number): number {
    const { offset, depth, fail, to } = state;
    const known = this.#table[offset + column] ?? 0;
    if (known !== UNKNOWN) return known;
    const { letters, begins } = this.#words;
    const letter = (at: number) => letters[(begins[at] ?? 0) + depth] ?? 0;
    let { from } = state;
    while (from < to && letter(from) < column) from++;
    let end = from;
    while (end < to && letter(end) === column) end++;
    const failed = fail === undefined ? ROWS : this.#cell(fail, column);
    let cell = failed;
    if (from < end) {
      const next = this.#newState(from, end, depth + 1, this.#stateAt(failed));
      cell = next.targets.length > 0 || next.shorter !== undefined ? next.offset | ENDS : next.offset;
    }
    this.#table[offset + column] = cell;
    return cell;
  }

  #stateAt(cell: number): State {
    return this.#states[((cell & OFFSET) - ROWS) / this.#words.width] ?? this.#root;
  }

  /** Adds to `found` the targets of all literals that the text has; a target can come twice. */
  scan(text: string, found: Hits): void {
    let cell = this.#first(found);
    for (let at = 0; at < text.length; at++) {
      const table = this.#table;
      const unit = text.charCodeAt(at);
      const column = unit < ASCII ? (table[unit] ?? 0) : this.#beyond(unit);
      const row = cell & OFFSET;
      cell = table[row + column] ?? 0;
      if (cell >= ENDS) cell = this.#arrive(row, column, found);
    }
    this.#last(cell, found);
  }

  /**
   * The same of bytes, as long as they are ASCII; false where they are not: then the text has to be looked at.
   * Most have nothing, so whether they have is found out first.
   */
  scanBytes({ bytes, at, length }: Span, found: Hits): boolean {
    const end = at + length;
    if (cellsOf(this.#table, bytes, at, end) < ENDS) return true;
    let cell = this.#first(found);
    for (let index = at; index < end; index++) {
      const table = this.#table;
      const column = table[bytes[index] ?? 0] ?? 0;
      if (column === NOT_ASCII) return false;
      const row = cell & OFFSET;
      cell = table[row + column] ?? 0;
      if (cell >= ENDS) cell = this.#arrive(row, column, found);
    }
    this.#last(cell, found);
    return true;
  }

  /** The cell that a text begins with. */
  #first(found: Hits): number {
    const cell = this.#table[ROWS + BEGIN] ?? 0;
    return cell < ENDS ? cell : this.#arrive(ROWS, BEGIN, found);
  }

  #last(cell: number, found: Hits): void {
    const row = cell & OFFSET;
    if ((this.#table[row + END] ?? 0) >= ENDS) this.#arrive(row, END, found);
  }

  /** The column of a unit beyond ASCII. */
  #beyond(unit: number): number {
    return this.#words.own[this.#alphabet.columns[unit] ?? 0] ?? 0;
  }

  /** The cell, made known; what ends at its state is reported. */
  #arrive(row: number, column: number, found: Hits): number {
    const cell = this.#cell(this.#stateAt(row), column);
    if (cell < ENDS) return cell;
    for (let state: State | undefined = this.#stateAt(cell); state !== undefined; state = state.shorter) {
      const { targets } = state;
      for (let at = 0; at < targets.length; at++) found.add(targets[at] ?? 0);
    }
    return cell;
  }
}
