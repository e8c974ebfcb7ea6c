import { BatchDecoder } from '../schema/batch.ts';
import type { HostContext } from '../schema/context.ts';
import type { LiveView } from '../schema/view.ts';
import type { LoadedObject, SensorConfig } from './load.ts';
import { answered, checked, type RingStats } from './native.ts';

const BULK_BYTES = 1_048_576;
/** What the addon wants beyond one drain of both rings, see native/addon.d.ts. */
const DRAIN_MARGIN = 131_072;
const LAST_DRAINS = 1000;

/** From the rings to batches of views, in one buffer that every drain uses again. */
export class Drain {
  readonly #object: LoadedObject;
  readonly #buffer: ArrayBuffer;
  readonly #decoder: BatchDecoder;

  constructor(object: LoadedObject, { kernel }: Pick<SensorConfig, 'kernel'>, host: HostContext) {
    this.#object = object;
    this.#buffer = new ArrayBuffer(BULK_BYTES + kernel.priority_ring_bytes + DRAIN_MARGIN);
    this.#decoder = new BatchDecoder(object.layout, this.#buffer, host);
  }

  /** Begins to hand over records. The views are invalid when the callback returns. */
  start(onBatch: (batch: readonly LiveView[]) => void): void {
    const { native } = this.#object;
    const drained = (bulkBytes: number, priorityBytes: number) =>
      onBatch(this.#decoder.decode(bulkBytes, priorityBytes));
    checked(native, 'start draining', native.start(drained, this.#buffer, BULK_BYTES));
  }

  /** Hands over what is left once nothing is attached any more. */
  finish(): void {
    for (let round = 0; round < LAST_DRAINS && this.#object.native.drain() > 0; round++);
  }

  /** Records that could not be read, by reason. */
  get errors(): BatchDecoder['errors'] {
    return this.#decoder.errors;
  }

  stats(): RingStats {
    return answered(this.#object.native, 'ring statistics', this.#object.native.ringStats());
  }
}
