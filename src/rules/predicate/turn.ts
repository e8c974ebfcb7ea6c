/**
 * Which event it is, and what was found before of whoever acts in it. Most of
 * what rules ask about a process (its program, arguments, creators) stays the
 * same from event to event, and is the same for every process that runs the
 * same in the same way; what they found of it is one byte to look at. Rows are
 * for all actors that are alike, seats say which row a process has now.
 */
import type { CgroupContext, ProcessContext, ProgramContext } from '../../schema/context.ts';
import type { EventView, FieldSource, ProcessSummary } from '../../schema/event.ts';
import { id } from '../../schema/record.ts';

/** `own`: of the process, its program and its creator; `lineage`: of its ancestors too. */
export type ActorScope = 'own' | 'lineage';

/** Rows and seats remembered, and bytes for what was found of them. */
const MAX_ROWS = 1024;
const MAX_SEATS = 1024;
const MAX_BYTES = 2 * 1024 * 1024;
/** Actors seen once: only those that come again are worth a row. */
const MAX_ONCE = 512;
/** Package lists and copies of programs are looked at again now and then: a process keeps its row for no longer than this. */
const KEPT_NS = 15e9;
/** Events of a process until it is looked at again whether its program is known for good. */
const UNSETTLED_EVENTS = 8;

/** Cells for questions that are compiled once events have come. */
const SPARE = 128;

const UID = id('process.uid');
const EUID = id('process.euid');
/** They follow from the ids, until somebody changes the accounts. */
const USER = id('user.name');
const EFFECTIVE_USER = id('user.effective.name');

export const UNKNOWN = 0;
export const FAILS = 1;
export const HOLDS = 2;

/** What was found of actors that are alike. */
export class Row {
  /** Its first cell. */
  readonly base: number;
  /** By the number of a plan: rules that have an anchor in the actor. */
  readonly found: (readonly number[] | undefined)[] = [];

  constructor(base: number) {
    this.base = base;
  }
}

/** A process as it was when its row was looked up, and what was found of its ancestors. Another process gets it when all are taken. */
class Seat {
  process: ProcessContext | undefined = undefined;
  /** Its first cell for questions about the ancestors. */
  readonly base: number;
  program: ProgramContext | undefined = undefined;
  parent: ProcessContext | undefined = undefined;
  parentProgram: ProgramContext | undefined = undefined;
  cgroup: CgroupContext | undefined = undefined;
  hostNamespaces: boolean | undefined = undefined;
  uid: unknown = undefined;
  euid: unknown = undefined;
  user: unknown = undefined;
  effectiveUser: unknown = undefined;
  /** Kernel time. */
  since = Number.POSITIVE_INFINITY;
  /** Events to come before it is looked up again. */
  waits = 0;
  /** Of its program and its creator's. */
  likeness = 0;
  parentLikeness = 0;
  /** What it was then. */
  key: string | undefined = undefined;
  row: Row | undefined = undefined;
  ancestors: readonly ProcessSummary[] | undefined = undefined;
  /** By the number of a plan: rules that have an anchor in the ancestors. */
  found: (readonly number[] | undefined)[] = [];

  constructor(base: number) {
    this.base = base;
  }

  give(process: ProcessContext): void {
    this.process = process;
    this.program = undefined;
    this.waits = 0;
    this.key = undefined;
    this.row = undefined;
    this.ancestors = undefined;
  }
}

export class Turn {
  /** What was found of one event holds until this changes. */
  number = 0;
  cells = new Uint8Array(0);
  /** Of the actor of the event, where it has one. */
  row: Row | undefined = undefined;
  /** Index of the row's first cell, or -1: for predicates, which ask often. */
  own = -1;
  #seat: Seat | undefined = undefined;
  #process: ProcessContext | undefined = undefined;
  /** Number of the turn for which the ancestors were compared. */
  #compared = -1;
  /** Number of the turn for which the row was looked up. */
  #lookedUp = -1;
  readonly #rows = new Map<string, Row>();
  /** A process knows the number of its seat. */
  readonly #seats: Seat[] = [];
  #given = 0;
  readonly #once = new Set<string>();
  readonly #sizes: Record<ActorScope, number> = { own: 0, lineage: 0 };
  /** Cells that a row, a seat has. */
  readonly #room: Record<ActorScope, number> = { own: 0, lineage: 0 };
  #mostRows = 0;
  #mostSeats = 0;

  /** Kinds of actors of which something is remembered. */
  get remembered(): number {
    return this.#rows.size;
  }

  /** A cell for one question about the actor: an offset for `own` or `lineage`. Where there is no more room, all begin anew. */
  cell(scope: ActorScope): number {
    const cell = this.#sizes[scope]++;
    if (this.cells.length > 0 && cell >= this.#room[scope]) {
      this.#forget();
      this.cells = new Uint8Array(0);
    }
    return cell;
  }

  #forget(): void {
    this.#rows.clear();
    this.#seats.length = 0;
    this.#given = 0;
    this.cells.fill(UNKNOWN);
    this.row = undefined;
    this.own = -1;
    this.#seat = undefined;
  }

  /** Another event, of which nothing is remembered. */
  next(): void {
    this.number++;
    this.row = undefined;
    this.own = -1;
  }

  /** The row of whoever acts in the event of this turn: looked up when it is first asked for. */
  actorOf(event: FieldSource): Row | undefined {
    if (this.#lookedUp !== this.number) {
      this.#lookedUp = this.number;
      this.#lookUp(event as FieldSource & Partial<EventView>);
    }
    return this.row;
  }

  #lookUp(event: FieldSource & Partial<EventView>): void {
    const { live, process, program, ktime = 0 } = event;
    if (live !== true || process === undefined || program === undefined) return;
    const known = this.#seats[process.seat];
    const seat = known?.process === process ? known : this.#newSeat(process);
    const same =
      seat.program === program &&
      seat.parent === process.parent &&
      seat.parentProgram === process.parent?.program &&
      seat.cgroup === process.cgroup &&
      seat.hostNamespaces === process.hostNamespaces &&
      seat.uid === event.value(UID) &&
      seat.euid === event.value(EUID) &&
      ktime - seat.since < KEPT_NS &&
      ktime >= seat.since;
    if (!same) this.#place(seat, process, program, event, ktime);
    const row = seat.row ?? this.#rowOf(seat);
    if (row === undefined) return;
    this.row = row;
    this.own = row.base;
    this.#seat = seat;
    this.#process = process;
  }

  /** Looks up what the process is now. */
  #place(seat: Seat, process: ProcessContext, program: ProgramContext, event: FieldSource, ktime: number): void {
    const { row } = seat;
    seat.row = undefined;
    seat.since = Number.POSITIVE_INFINITY;
    if (seat.program === program && seat.waits-- > 0) return;
    seat.waits = UNSETTLED_EVENTS;
    seat.program = program;
    const { parent, cgroup, hostNamespaces } = process;
    const likeness = program.likeness(ktime);
    const parentLikeness = parent === undefined ? 0 : parent.program.likeness(ktime);
    // While the host's programs are still being read, what a program is may be found out later.
    if (likeness === undefined || parentLikeness === undefined) return;
    const uid = event.value(UID);
    const euid = event.value(EUID);
    const user = event.value(USER);
    const effectiveUser = event.value(EFFECTIVE_USER);
    const isAlike =
      seat.likeness === likeness &&
      seat.parentLikeness === parentLikeness &&
      seat.cgroup === cgroup &&
      seat.hostNamespaces === hostNamespaces &&
      seat.uid === uid &&
      seat.euid === euid &&
      seat.user === user &&
      seat.effectiveUser === effectiveUser;
    seat.waits = 0;
    seat.parent = parent;
    seat.parentProgram = parent?.program;
    seat.since = ktime;
    if (isAlike && row !== undefined) {
      seat.row = row;
      return;
    }
    seat.likeness = likeness;
    seat.parentLikeness = parentLikeness;
    seat.cgroup = cgroup;
    seat.hostNamespaces = hostNamespaces;
    seat.uid = uid;
    seat.euid = euid;
    seat.user = user;
    seat.effectiveUser = effectiveUser;
    const place =
      cgroup === undefined ? '' : [cgroup.path, cgroup.containerId, cgroup.runtime, cgroup.podUid].join('\0');
    const key = `${likeness} ${parentLikeness} ${seat.uid} ${seat.euid} ${hostNamespaces} ${user}\0${effectiveUser}\0${place}`;
    // What was asked of the ancestors may have been asked of the process at the same time.
    if (seat.key !== key) seat.ancestors = undefined;
    seat.key = key;
  }

  #rowOf(seat: Seat): Row | undefined {
    const { key } = seat;
    if (key === undefined || seat.since === Number.POSITIVE_INFINITY) return undefined;
    seat.row = this.#rows.get(key);
    if (seat.row !== undefined) return seat.row;
    if (!this.#once.delete(key)) {
      if (this.#once.size >= MAX_ONCE) this.#once.clear();
      this.#once.add(key);
      return undefined;
    }
    if (this.#rows.size >= this.#mostRows) {
      // Those that go on are found again.
      this.#forget();
      return undefined;
    }
    const row = new Row(this.#rows.size * this.#room.own);
    this.#rows.set(key, row);
    seat.row = row;
    return row;
  }

  /** Index of the first cell of what was found of the actor's ancestors, or -1. They are compared once in a turn. */
  lineage(): number {
    const seat = this.#seat;
    if (seat === undefined || this.own < 0) return -1;
    if (this.#compared === this.number) return seat.base;
    this.#compared = this.number;
    const ancestors = this.#process?.ancestors.processes;
    if (seat.ancestors !== ancestors || ancestors === undefined) {
      seat.ancestors = ancestors;
      seat.found = [];
      this.cells.fill(UNKNOWN, seat.base, seat.base + this.#room.lineage);
    }
    return seat.base;
  }

  /** By the number of a plan: rules that have an anchor in the actor's ancestors. */
  get foundInLineage(): (readonly number[] | undefined)[] {
    return this.lineage() < 0 ? [] : (this.#seat?.found ?? []);
  }

  #newSeat(process: ProcessContext): Seat {
    if (this.cells.length === 0) this.#makeRoom();
    const number = this.#given++ % this.#mostSeats;
    const seat = this.#seats[number] ?? new Seat(this.#mostRows * this.#room.own + number * this.#room.lineage);
    this.#seats[number] = seat;
    seat.give(process);
    process.seat = number;
    return seat;
  }

  #makeRoom(): void {
    for (const scope of ['own', 'lineage'] as const) this.#room[scope] = this.#sizes[scope] + SPARE;
    const most = (room: number, limit: number, bytes: number) => Math.max(1, Math.min(limit, Math.floor(bytes / room)));
    this.#mostRows = most(this.#room.own, MAX_ROWS, (MAX_BYTES * 3) / 4);
    this.#mostSeats = most(this.#room.lineage, MAX_SEATS, MAX_BYTES / 4);
    this.cells = new Uint8Array(this.#mostRows * this.#room.own + this.#mostSeats * this.#room.lineage);
  }
}
