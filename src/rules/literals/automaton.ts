/**
 * Finds which of many literals a text has, in one pass over the text: the
 * Aho-Corasick automaton as a table, so that cost hardly depends on the number
 * of literals. Text is folded on the way. `startsWith` and `endsWith` are
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

/** 8 MiB of table. Literals are cut until they fit; a part of a literal is as necessary as the whole. */
const MAX_CELLS = 2 * 1024 * 1024;
const MAX_LITERAL = 24;
const ASCII = 128;
/** In a cell, beside the offset of a row. */
const ENDS = 1 << 30;
const OFFSET = ENDS - 1;
/** Where the rows begin. */
const ROWS = 256;
const BEGIN = 1;
const END = 2;
/** Of the bytes that are not; none of the literals' columns. Leads to where something ends that is none. */
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

/** Numbers the columns that the words have, and puts the numbers into them; how many there are. 128 of ASCII and 32 others: a byte has room. */
function narrow(words: readonly number[][], own: Uint8Array): number {
  own[BEGIN] = BEGIN;
  own[END] = END;
  let width = NOT_ASCII + 1;
  for (const word of words) {
    word.forEach((column, at) => {
      if (column > END && own[column] === 0) own[column] = width++;
      word[at] = own[column] ?? 0;
    });
  }
  return width;
}

/** The states as a tree, by numbers; 0 is the root, and none. */
interface Trie {
  readonly first: Int32Array;
  readonly sibling: Int32Array;
  /** By which one comes to a state. */
  readonly column: Int32Array;
  /** Index into the outputs + 1, or 0. */
  readonly output: Int32Array;
}

function newTrie(states: number): Trie {
  const ofStates = () => new Int32Array(states);
  return { first: ofStates(), sibling: ofStates(), column: ofStates(), output: ofStates() };
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
  /** Of all units, and of its columns the own ones: only what some literal here has takes room in a row. */
  readonly #alphabet: Alphabet;
  readonly #own: Uint8Array;
  readonly #width: number;
  /**
   * By byte, its column; from ROWS on, by row offset and column, the row offset of the next state, and ENDS where
   * literals end. One table for both: with one more the loop over the bytes runs out of registers, and takes twice as long.
   */
  readonly #table: Int32Array;
  /** By state: index into #outputs + 1, or 0. */
  readonly #output: Int32Array;
  /** By state: the nearest shorter state with outputs, or 0. */
  readonly #shorter: Int32Array;
  readonly #outputs: number[][] = [];

  constructor(patterns: readonly Pattern[], alphabet: Alphabet) {
    this.#alphabet = alphabet;
    let limit = MAX_LITERAL;
    let words = patterns.map((pattern) => this.#word(pattern, limit));
    while (limit > 1 && alphabet.size * (1 + words.reduce((sum, word) => sum + word.length, 0)) > MAX_CELLS) {
      limit = limit >> 1;
      words = patterns.map((pattern) => this.#word(pattern, limit));
    }
    this.#own = new Uint8Array(alphabet.size);
    this.#width = narrow(words, this.#own);
    const states = this.#countStates(words);
    this.#table = new Int32Array(ROWS + states * this.#width).fill(NOT_ASCII, 0, ROWS);
    for (let unit = 0; unit < ASCII; unit++) this.#table[unit] = this.#own[alphabet.columns[unit] ?? 0] ?? 0;
    this.#output = new Int32Array(states);
    this.#shorter = new Int32Array(states);
    this.#link(this.#insert(words, patterns, states));
  }

  /** The columns of a pattern. A long prefix is cut to its end, where prefixes differ most, and may then stand anywhere. */
  #word({ how, text }: Pattern, limit: number): number[] {
    const cut = text.length > limit;
    const word: number[] = (how === 'startsWith' || how === 'equal') && !cut ? [BEGIN] : [];
    for (const unit of (cut ? text.slice(-limit) : text).split('')) {
      word.push(this.#alphabet.columns[unit.charCodeAt(0)] ?? 0);
    }
    if (how === 'endsWith' || how === 'equal') word.push(END);
    return word;
  }

  /** States of the trie: one per different prefix. Sorted, a word adds what it does not share with the one before. */
  #countStates(words: readonly number[][]): number {
    const sorted = words.map((word) => String.fromCharCode(...word)).sort();
    let states = 1;
    let before = '';
    for (const word of sorted) {
      let shared = 0;
      while (shared < word.length && shared < before.length && word[shared] === before[shared]) shared++;
      states += word.length - shared;
      before = word;
    }
    return states;
  }

  /** The words as a tree, and what is reported where one ends. */
  #insert(words: readonly number[][], patterns: readonly Pattern[], states: number): Trie {
    const trie = newTrie(states);
    const { first, sibling, column, output } = trie;
    let free = 1;
    words.forEach((word, index) => {
      let state = 0;
      for (const each of word) {
        let child = first[state] ?? 0;
        while (child !== 0 && column[child] !== each) child = sibling[child] ?? 0;
        if (child === 0) {
          child = free++;
          column[child] = each;
          sibling[child] = first[state] ?? 0;
          first[state] = child;
        }
        state = child;
      }
      let number = output[state] ?? 0;
      if (number === 0) {
        number = this.#outputs.push([]);
        output[state] = number;
      }
      const target = patterns[index]?.target ?? 0;
      const targets = this.#outputs[number - 1];
      if (targets?.at(-1) !== target) targets?.push(target);
    });
    return trie;
  }

  /**
   * Breadth first, which is also the order of the rows: those near the beginning, that
   * most texts lead to, share the caches. A row is that of the state where a failed
   * match goes on, but for the state's own children: so it is copied, not gone through.
   * A cell is a row offset, with a bit beside it where some literal ends: the scan then
   * reads one cell a unit.
   */
  #link(trie: Trie): void {
    const width = this.#width;
    const table = this.#table;
    const output = this.#output;
    const shorter = this.#shorter;
    const fail = new Int32Array(output.length);
    /** By row: the state of the tree. */
    const states = new Int32Array(output.length);
    let rows = 1;
    table.fill(ROWS, ROWS, ROWS + width);
    table[ROWS + NOT_ASCII] = ROWS | ENDS;
    for (let row = 0; row < rows; row++) {
      const state = states[row] ?? 0;
      const back = ROWS + (fail[row] ?? 0) * width;
      const begin = ROWS + row * width;
      if (row !== 0) table.copyWithin(begin, back, back + width);
      for (let child = trie.first[state] ?? 0; child !== 0; child = trie.sibling[child] ?? 0) {
        const column = trie.column[child] ?? 0;
        const failed = row === 0 ? 0 : this.#rowOf(table[back + column] ?? ROWS);
        const own = rows++;
        states[own] = child;
        fail[own] = failed;
        output[own] = trie.output[child] ?? 0;
        shorter[own] = output[failed] === 0 ? (shorter[failed] ?? 0) : failed;
        const offset = ROWS + own * width;
        table[begin + column] = output[own] !== 0 || shorter[own] !== 0 ? offset | ENDS : offset;
      }
    }
  }

  #rowOf(cell: number): number {
    return ((cell & OFFSET) - ROWS) / this.#width;
  }

  /** Adds to `found` the targets of all literals that the text has; a target can come twice. */
  scan(text: string, found: Hits): void {
    const table = this.#table;
    let cell = table[ROWS + BEGIN] ?? 0;
    if (cell >= ENDS) this.#report(cell, found);
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      cell = table[(cell & OFFSET) + (unit < ASCII ? (table[unit] ?? 0) : this.#beyond(unit))] ?? 0;
      if (cell >= ENDS) this.#report(cell, found);
    }
    cell = table[(cell & OFFSET) + END] ?? 0;
    if (cell >= ENDS) this.#report(cell, found);
  }

  /**
   * The same of bytes, as long as they are ASCII; false where they are not: then the text has to be looked at.
   * Most have nothing, so whether they have is found out first.
   */
  scanBytes({ bytes, at, length }: Span, found: Hits): boolean {
    const table = this.#table;
    const end = at + length;
    if (cellsOf(table, bytes, at, end) < ENDS) return true;
    let cell = table[ROWS + BEGIN] ?? 0;
    if (cell >= ENDS) this.#report(cell, found);
    for (let index = at; index < end; index++) {
      const column = table[bytes[index] ?? 0] ?? 0;
      if (column === NOT_ASCII) return false;
      cell = table[(cell & OFFSET) + column] ?? 0;
      if (cell >= ENDS) this.#report(cell, found);
    }
    cell = table[(cell & OFFSET) + END] ?? 0;
    if (cell >= ENDS) this.#report(cell, found);
    return true;
  }

  /** The column of a unit beyond ASCII. */
  #beyond(unit: number): number {
    return this.#own[this.#alphabet.columns[unit] ?? 0] ?? 0;
  }

  /** Reports what ends at a state. */
  #report(cell: number, found: Hits): void {
    for (let at = this.#rowOf(cell); at !== 0; at = this.#shorter[at] ?? 0) {
      const targets = this.#outputs[(this.#output[at] ?? 0) - 1];
      if (targets !== undefined) for (let one = 0; one < targets.length; one++) found.add(targets[one] ?? 0);
    }
  }
}
