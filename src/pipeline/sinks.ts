import { Delivery } from '../alerts/delivery.ts';
import { createSink, sinkConfigs } from '../alerts/sinks/registry.ts';
import type { Sink, SinkContext } from '../alerts/sinks/types.ts';
import type { Spool } from '../alerts/spool/spool.ts';
import type { SpooledAlert } from '../alerts/spool/types.ts';
import type { Config, SinkConfig } from '../config/options.ts';
import { messageOf } from '../errors.ts';
import type { PipelineOptions } from './types.ts';

interface Prepared {
  readonly config: SinkConfig;
  readonly sink: Sink;
}

/** The sinks in force and their deliveries. */
export class Deliveries {
  readonly #options: PipelineOptions;
  readonly #spool: Spool;
  #running: { readonly sink: Sink; readonly delivery: Delivery }[] = [];

  constructor(options: PipelineOptions, spool: Spool) {
    this.#options = options;
    this.#spool = spool;
  }

  get names(): string[] {
    return this.#running.map(({ sink }) => sink.name);
  }

  /** Makes the sinks of a configuration without starting them. Throws CONFIG_INVALID, with nothing left open. */
  async prepare(config: Config, plugin: SinkContext['plugin']): Promise<Prepared[]> {
    const prepared: Prepared[] = [];
    try {
      for (const entry of sinkConfigs(config)) {
        const sink = createSink(entry, {
          hostName: this.#options.hostName,
          externalUrl: externalUrlOf(config.web),
          version: this.#options.version,
          log: this.#options.log,
          env: this.#options.env ?? process.env,
          stdout: process.stdout,
          state: {
            load: () => this.#spool.loadState(entry.name),
            save: (text) => this.#spool.saveState(entry.name, text),
          },
          plugin,
        });
        prepared.push({ config: entry, sink });
      }
    } catch (error) {
      await Promise.all(prepared.map(({ sink }) => sink.close()));
      throw error;
    }
    return prepared;
  }

  /** Puts the prepared sinks in the place of those that run. Queues of sinks that stay are kept. */
  async use(prepared: readonly Prepared[], deadLetterSeconds: number): Promise<void> {
    await this.stop();
    this.#spool.join(prepared.map(({ sink }) => sink.name));
    const { metrics, log } = this.#options;
    const seconds = metrics.histogram('alert_delivery_seconds');
    const deliveries = metrics.counter('alert_deliveries_total');
    this.#running = prepared.map(({ config, sink }) => ({
      sink,
      delivery: new Delivery({
        sink,
        spool: this.#spool,
        timeoutMs: config.timeout_seconds * 1000 + (sink.graceMs ?? 0),
        deadLetterMs: deadLetterSeconds * 1000,
        log,
        onDelivered: ({ alert, acceptedAt }: SpooledAlert, now) =>
          seconds.observe(Math.max(0, now - acceptedAt) / 1000, {}, { alert_id: alert.alert_id }),
        onRetried: (name) => deliveries.inc({ sink: name, outcome: 'retried' }),
      }),
    }));
  }

  states() {
    return Object.fromEntries(this.#running.map(({ sink, delivery }) => [sink.name, delivery.state]));
  }

  /** Attempts now what waits for its next attempt. */
  hurry(): void {
    for (const { delivery } of this.#running) delivery.hurry();
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = [];
    await Promise.all(
      running.map(async ({ sink, delivery }) => {
        await delivery.stop();
        try {
          await sink.close();
        } catch (error) {
          this.#options.log.warn({ sink: sink.name, error: messageOf(error) }, 'a sink did not close well');
        }
      }),
    );
  }
}

/** `web.external_url`, else the address that the daemon listens on. */
function externalUrlOf({ external_url, listen_address }: Config['web']): string {
  if (external_url !== '') return external_url.replace(/\/+$/, '');
  // Brackets belong to IPv6 in a URL, whatever they were put around.
  const address = listen_address.replace(/^\[([\d.]+)\]/, '$1');
  return `http://${address.startsWith(':') ? `localhost${address}` : address}`;
}
