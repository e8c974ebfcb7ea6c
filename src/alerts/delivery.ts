import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { BACKOFF, Backoff, type BackoffOptions } from './backoff.ts';
import { DeliveryError, type Sink } from './sinks/types.ts';
import type { Spool } from './spool/spool.ts';
import type { SpooledAlert } from './spool/types.ts';

export interface DeliveryOptions {
  readonly sink: Sink;
  readonly spool: Spool;
  readonly timeoutMs: number;
  readonly deadLetterMs: number;
  readonly log: Logger;
  readonly onDelivered?: (alert: SpooledAlert, now: number) => void;
  readonly onRetried?: (sink: string) => void;
  readonly backoff?: BackoffOptions;
  readonly now?: () => number;
}

export interface DeliveryState {
  readonly breaker: 'closed' | 'open';
  readonly failures: number;
  readonly lastError: string | undefined;
}

/**
 * Takes the alerts of one sink from the spool, in order, one delivery at a
 * time. Each sink has its own: a receiver that hangs delays nobody else.
 */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #backoff: Backoff;
  readonly #unsubscribe: () => void;
  #running: Promise<void> | undefined;
  #wait: { readonly timer: NodeJS.Timeout; readonly end: () => void } | undefined;
  #stopped = false;
  #again = false;
  #lastError: string | undefined;
  /** A refused batch is taken apart: until here alerts go one by one. */
  #singlyUntil = 0;
  #giveUp: (() => void) | undefined;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.backoff ?? BACKOFF);
    this.#unsubscribe = options.spool.onReady(() => this.#wake());
    this.#wake();
  }

  get state(): DeliveryState {
    return {
      breaker: this.#backoff.open ? 'open' : 'closed',
      failures: this.#backoff.failures,
      lastError: this.#lastError,
    };
  }

  /** Ends after the delivery that runs now; one that takes longer than `graceMs` is given up and made again later. */
  async stop(graceMs = 1000): Promise<void> {
    this.#stopped = true;
    this.#unsubscribe();
    this.#wait?.end();
    const timer = setTimeout(() => this.#giveUp?.(), graceMs);
    await this.#running;
    clearTimeout(timer);
  }

  /** Tries at once what waits for its next attempt (shutdown). */
  hurry(): void {
    this.#wait?.end();
  }

  #wake(): void {
    if (this.#stopped) return;
    this.#again = true;
    if (this.#running !== undefined) return;
    this.#running = this.#run()
      .catch((error: unknown) => this.#options.log.error({ error: messageOf(error) }, 'delivery ended with a defect'))
      .finally(() => {
        this.#running = undefined;
        // Woken between the last look and here.
        if (this.#again) this.#wake();
      });
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      for (;;) {
        if (this.#stopped) return;
        const alerts = this.#take();
        if (alerts.length === 0) break;
        const waitMs = await this.#attempt(alerts);
        if (waitMs > 0) await this.#sleep(waitMs);
      }
    }
  }

  /** The next alerts for the sink; those that are not for it, or too old after a failure, are settled on the way. */
  #take(): SpooledAlert[] {
    const { sink, spool, deadLetterMs } = this.#options;
    const now = this.#now();
    for (;;) {
      const [head] = spool.read(sink.name, 1);
      if (head === undefined) return [];
      const max = this.#backoff.open || head.seq <= this.#singlyUntil ? 1 : sink.batch;
      if (!sink.accepts(head.alert)) spool.settle(sink.name, head.seq, 'skipped');
      else if (this.#backoff.failures > 0 && now - head.acceptedAt > deadLetterMs)
        spool.settle(sink.name, head.seq, 'expired');
      else {
        const alerts = max === 1 ? [head] : spool.read(sink.name, max);
        const end = alerts.findIndex(({ alert }) => !sink.accepts(alert));
        return end < 0 ? alerts : alerts.slice(0, end);
      }
    }
  }

  /** Milliseconds to wait before the next attempt. */
  async #attempt(alerts: readonly SpooledAlert[]): Promise<number> {
    const { sink, spool, log } = this.#options;
    try {
      const { rejected } = await this.#deliver(alerts);
      if (this.#backoff.open) log.info({ sink: sink.name }, 'the sink takes alerts again');
      this.#backoff.succeeded();
      this.#lastError = undefined;
      const now = this.#now();
      alerts.forEach((alert, index) => {
        const refused = index >= alerts.length - rejected;
        if (spool.settle(sink.name, alert.seq, refused ? 'rejected' : 'delivered') && !refused)
          this.#options.onDelivered?.(alert, now);
      });
      return 0;
    } catch (error) {
      this.#lastError = messageOf(error);
      if (error instanceof DeliveryError && error.permanent) return this.#refused(alerts);
      const waitMs = this.#backoff.failed(error instanceof DeliveryError ? error.retryAfterMs : undefined);
      this.#options.onRetried?.(sink.name);
      const facts = { sink: sink.name, error: this.#lastError, failures: this.#backoff.failures };
      if (this.#backoff.failures === 1) log.warn(facts, 'a delivery failed and is tried again');
      else if (this.#backoff.failures === (this.#options.backoff ?? BACKOFF).breakerAfter)
        log.error(facts, 'the sink is down; its alerts wait in the spool');
      return waitMs;
    }
  }

  #refused(alerts: readonly SpooledAlert[]): number {
    const { sink, spool, log } = this.#options;
    this.#backoff.succeeded();
    const [first] = alerts;
    const last = alerts.at(-1);
    if (first === undefined || last === undefined) return 0;
    if (alerts.length > 1) {
      this.#singlyUntil = last.seq;
      return 0;
    }
    spool.settle(sink.name, first.seq, 'rejected');
    log.error(
      { sink: sink.name, alert: first.alert.alert_id, error: this.#lastError },
      'the receiver refuses an alert; it is a dead letter',
    );
    return 0;
  }

  async #deliver(alerts: readonly SpooledAlert[]) {
    const { sink, timeoutMs } = this.#options;
    const abort = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<never>((_, reject) => {
      const end = (reason: string) => {
        reject(new DeliveryError(reason));
        abort.abort();
      };
      timer = setTimeout(() => end(`no answer within ${timeoutMs} ms`), timeoutMs);
      this.#giveUp = () => end('given up: the sink is being closed');
    });
    try {
      return await Promise.race([sink.deliver(alerts, abort.signal), limit]);
    } finally {
      clearTimeout(timer);
      this.#giveUp = undefined;
    }
  }

  #sleep(ms: number): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#wait = undefined;
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#wait = { timer, end };
    });
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }
}
