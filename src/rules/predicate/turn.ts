/**
 * Which event it is, and what was found before of whoever acts in it. Most of
 * what rules ask about a process (its program, arguments, creators) stays the
 * same from event to event; what they found of it is one byte to look at, as
 * long as everything is the same object that it was found of.
 */
import type { CgroupContext, ProcessContext, ProgramContext } from '../../schema/context.ts';
import type { EventView, FieldSource, ProcessSummary } from '../../schema/event.ts';
import { id } from '../../schema/record.ts';

/** `own`: of the process, its program and its creator; `lineage`: of its ancestors too. */
export type ActorScope = 'own' | 'lineage';

/** Processes remembered, and bytes for what was found of them. */
const MAX_ROWS = 1024;
const MAX_BYTES = 2 * 1024 * 1024;
/** A process with fewer events is not worth a row. */
const WORTH_EVENTS = 3;
/** Slots, by pid, in which events of processes without a row are counted. */
const COUNTED = 256;
/** Package lists and copies of programs are looked at again now and then: for no longer than this an answer is kept. */
const KEPT_NS = 30e9;

/** Cells of a row for questions that are compiled once events have come. */
const SPARE = 128;
const SCOPES = ['own', 'lineage'] as const;

const UID = id('process.uid');
const EUID = id('process.euid');

export const UNKNOWN = 0;
export const FAILS = 1;
export const HOLDS = 2;

/** What was found of a process, and of what state of it. */
export class Row {
  /** Its first cell. */
  readonly base: number;
  program: ProgramContext | undefined = undefined;
  parent: ProcessContext | undefined = undefined;
  parentProgram: ProgramContext | undefined = undefined;
  cgroup: CgroupContext | undefined = undefined;
  hostNamespaces: boolean | undefined = undefined;
  uid: unknown = undefined;
  euid: unknown = undefined;
  ancestors: readonly ProcessSummary[] | undefined = undefined;
  /** Kernel time. */
  since = Number.POSITIVE_INFINITY;
  /** Events to come before anything is kept. */
  waits = 0;
  /** By the number of a plan: rules that have an anchor in the process, in its ancestors. */
  found: (readonly number[] | undefined)[] = [];
  foundInLineage: (readonly number[] | undefined)[] = [];

  constructor(base: number) {
    this.base = base;
  }
}

export class Turn {
  /** What was found of one event holds until this changes. */
  number = 0;
  cells = new Uint8Array(0);
  /** Of the actor of the event, where it has one. */
  row: Row | undefined = undefined;
  /** Index of its first cell, or -1: for predicates, which ask often. */
  own = -1;
  #process: ProcessContext | undefined = undefined;
  /** Number of the turn for which the ancestors were compared, and what came of it. */
  #compared = -1;
  readonly #rows = new Map<ProcessContext, Row>();
  readonly #candidates: (ProcessContext | undefined)[] = new Array(COUNTED).fill(undefined);
  readonly #counts = new Uint8Array(COUNTED);
  readonly #sizes: Record<ActorScope, number> = { own: 0, lineage: 0 };
  /** Cells that a row has. */
  readonly #room: Record<ActorScope, number> = { own: 0, lineage: 0 };

  /** Processes of which something is remembered. */
  get remembered(): number {
    return this.#rows.size;
  }

  /** A cell for one question about the actor: an offset for `own` or `lineage`. Where the rows have no more room, they begin anew. */
  cell(scope: ActorScope): number {
    const cell = this.#sizes[scope]++;
    if (this.cells.length > 0 && cell >= this.#room[scope]) this.#forget();
    return cell;
  }

  #forget(): void {
    this.#rows.clear();
    this.cells = new Uint8Array(0);
    this.row = undefined;
    this.own = -1;
  }

  /** Another event, of which nothing is remembered. */
  next(): void {
    this.number++;
    this.row = undefined;
    this.own = -1;
  }

  /** The event of this turn, with what is remembered of its actor. */
  begin(event: FieldSource): void {
    this.next();
    const { live, process, program, ktime = 0 } = event as Partial<EventView>;
    if (live !== true || process === undefined || program?.name === undefined) return;
    let row = this.#rows.get(process);
    if (row === undefined) {
      if (!this.#isWorth(process)) return;
      row = this.#newRow(process);
    }
    const parentProgram = process.parent?.program;
    const same =
      row.program === program &&
      row.parent === process.parent &&
      row.parentProgram === parentProgram &&
      row.cgroup === process.cgroup &&
      row.hostNamespaces === process.hostNamespaces &&
      row.uid === event.value(UID) &&
      row.euid === event.value(EUID) &&
      ktime - row.since < KEPT_NS &&
      ktime >= row.since;
    if (!same) {
      // What is new has to show that it stays: many a process does little more than start the next program.
      row.waits = row.program === program ? row.waits - 1 : WORTH_EVENTS - 1;
      row.program = program;
      row.since = Number.POSITIVE_INFINITY;
      // While the host's programs are still being read, what a program is may be found out later.
      if (row.waits > 0 || !program.settled || parentProgram?.settled === false) return;
      this.#fill(row, process, event, ktime);
    }
    this.row = row;
    this.own = row.base;
    this.#process = process;
  }

  #fill(row: Row, process: ProcessContext, event: FieldSource, ktime: number): void {
    row.waits = WORTH_EVENTS;
    row.parent = process.parent;
    row.parentProgram = process.parent?.program;
    row.cgroup = process.cgroup;
    row.hostNamespaces = process.hostNamespaces;
    row.uid = event.value(UID);
    row.euid = event.value(EUID);
    row.since = ktime;
    row.ancestors = undefined;
    row.found = [];
    row.foundInLineage = [];
    this.cells.fill(UNKNOWN, row.base, row.base + this.#room.own);
  }

  /** Index of the first cell of what was found of the actor's ancestors, or -1. They are compared once in a turn. */
  lineage(): number {
    const { row } = this;
    if (row === undefined) return -1;
    const first = row.base + this.#room.own;
    if (this.#compared === this.number) return first;
    this.#compared = this.number;
    const ancestors = this.#process?.ancestors.processes;
    if (row.ancestors !== ancestors || ancestors === undefined) {
      row.ancestors = ancestors;
      row.foundInLineage = [];
      this.cells.fill(UNKNOWN, first, first + this.#room.lineage);
    }
    return first;
  }

  #isWorth(process: ProcessContext): boolean {
    const slot = process.pid & (COUNTED - 1);
    if (this.#candidates[slot] !== process) {
      this.#candidates[slot] = process;
      this.#counts[slot] = 1;
      return false;
    }
    const count = (this.#counts[slot] ?? 0) + 1;
    this.#counts[slot] = count;
    if (count < WORTH_EVENTS) return false;
    this.#candidates[slot] = undefined;
    return true;
  }

  #newRow(process: ProcessContext): Row {
    if (this.cells.length === 0) for (const scope of SCOPES) this.#room[scope] = this.#sizes[scope] + SPARE;
    const size = this.#room.own + this.#room.lineage;
    const most = Math.max(1, Math.min(MAX_ROWS, Math.floor(MAX_BYTES / size)));
    if (this.cells.length === 0) this.cells = new Uint8Array(most * size);
    // Those that go on get a new one after a few events.
    if (this.#rows.size >= most) this.#rows.clear();
    const row = new Row(this.#rows.size * size);
    this.#rows.set(process, row);
    return row;
  }
}
