import { BatchDecoder } from '../schema/batch.ts';
import type { HostContext } from '../schema/context.ts';
import type { LiveView } from '../schema/view.ts';
import type { LoadedObject, SensorConfig } from './load.ts';
import { answered, checked, type RingStats } from './native.ts';

const BULK_BYTES = 1_048_576;
/** What the addon wants beyond one drain of both rings, see native/addon.d.ts. */
const DRAIN_MARGIN = 131_072;
const LAST_DRAINS = 1000;
/**
 * What one turn of the event loop takes at most of a batch: an answer to a
 * scrape needs half a dozen turns, whatever floods. The number bounds what the
 * decisions cost that run after the callback, the time what an event costs.
 */
const TURN_VIEWS = 256;
const TURN_MS = 10;
/** While somebody waits for an answer of the daemon: what that takes is a few turns. */
const SHORT_TURN_VIEWS = 64;
const SHORT_TURN_MS = 2;
/** The clock is read once for so many. */
const STEP = 32;

/** From the rings to batches of views, in one buffer that every drain uses again. */
export class Drain {
  readonly #object: LoadedObject;
  readonly #buffer: ArrayBuffer;
  readonly #decoder: BatchDecoder;
  /** What was copied and is not taken yet, the share of each ring in it, and how much of it was taken. */
  #copied: readonly LiveView[] = [];
  #bytes = { bulk: 0, priority: 0 };
  #taken = 0;
  #last = false;

  constructor(object: LoadedObject, { kernel }: Pick<SensorConfig, 'kernel'>, host: HostContext) {
    this.#object = object;
    this.#buffer = new ArrayBuffer(BULK_BYTES + kernel.priority_ring_bytes + DRAIN_MARGIN);
    this.#decoder = new BatchDecoder(object.layout, this.#buffer, host);
  }

  /**
   * Begins to hand over records, in parts that take little time each, less while
   * `isAwaited`. The views are invalid when the callback returns.
   */
  start(onBatch: (batch: readonly LiveView[]) => void, isAwaited: () => boolean = () => false): void {
    const { native } = this.#object;
    const drained = (bulk: number, priority: number): boolean => {
      if (bulk + priority > 0) {
        this.#copied = throttlesFirst(this.#decoder.decode(bulk, priority));
        this.#bytes = { bulk, priority };
        this.#taken = 0;
      }
      return this.#hand(onBatch, isAwaited());
    };
    checked(native, 'start draining', native.start(drained, this.#buffer, BULK_BYTES));
  }

  /** Hands over what one turn may take. True when something is left. */
  #hand(onBatch: (batch: readonly LiveView[]) => void, isAwaited: boolean): boolean {
    const { length } = this.#copied;
    const most = this.#last ? length : Math.min(length, this.#taken + (isAwaited ? SHORT_TURN_VIEWS : TURN_VIEWS));
    const end = performance.now() + (isAwaited ? SHORT_TURN_MS : TURN_MS);
    do {
      const from = this.#taken;
      this.#taken = Math.min(most, from + STEP);
      onBatch(this.#copied.slice(from, this.#taken));
    } while (this.#taken < most && (this.#last || performance.now() < end));
    return this.#taken < length;
  }

  /** Hands over what is left once nothing is attached any more. */
  finish(): void {
    this.#last = true;
    for (let round = 0; round < LAST_DRAINS && this.#object.native.drain() > 0; round++);
  }

  /** Records that could not be read, by reason. */
  get errors(): BatchDecoder['errors'] {
    return this.#decoder.errors;
  }

  /** What was copied out of a ring and is not handed over yet is still pending. */
  stats(): RingStats {
    const stats = answered(this.#object.native, 'ring statistics', this.#object.native.ringStats());
    const left = this.#copied.length === 0 ? 0 : 1 - this.#taken / this.#copied.length;
    return {
      ...stats,
      bulkPending: stats.bulkPending + Math.ceil(this.#bytes.bulk * left),
      priorityPending: stats.priorityPending + Math.ceil(this.#bytes.priority * left),
    };
  }
}

/**
 * That somebody floods is not told after his flood: what the priority ring had up
 * to the last throttle comes before the bulk records of that time. Programs that
 * have ended or changed since are remembered as with a backlog in the bulk ring.
 */
function throttlesFirst(batch: readonly LiveView[]): readonly LiveView[] {
  const last = batch.findLastIndex(({ kind }) => kind === 'throttle');
  if (last < SHORT_TURN_VIEWS) return batch;
  const head = batch.slice(0, last + 1);
  const isPrior = ({ ring }: LiveView) => ring === 'priority';
  return [...head.filter(isPrior), ...head.filter((view) => !isPrior(view)), ...batch.slice(last + 1)];
}
