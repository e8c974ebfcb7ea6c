import { dirname, join } from 'node:path';
import { pluginSinks } from '../alerts/sinks/plugin.ts';
import { DELIVERED, DeliveryError, notifies, type SinkContext } from '../alerts/sinks/types.ts';
import type { Alert } from '../alerts/types.ts';
import type { Config } from '../config/options.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics/types.ts';
import type { EventJson } from '../schema/event.ts';
import { PluginHost, type StartWorker } from './host.ts';
import type { PluginKind, PluginResponse } from './types.ts';

interface PluginsOptions {
  readonly config: Config;
  readonly hostName: string;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly startWorker?: StartWorker | undefined;
}

/** Failures in a row after which an enricher or response is switched off. */
const DISABLE_AFTER = 5;
/** What an enricher may add to one alert, as JSON. */
const MAX_FACTS = 16_384;
const RESPOND_TAG = 'respond:';

/** Every plugin of a configuration, each in its own thread. */
export class Plugins {
  /** Event kinds that an enricher wants to see: they bypass the kernel filter. */
  readonly observes: ReadonlySet<string>;
  readonly #hosts: Hosts;
  readonly #enrichers: readonly PluginHost[];
  readonly #responses: ReadonlyMap<string, PluginHost>;
  readonly #log: Logger;

  private constructor(hosts: Hosts, log: Logger) {
    this.#hosts = hosts;
    this.#log = log;
    this.#enrichers = hosts.plugins.filter(({ kind }) => kind === 'enricher');
    this.#responses = new Map(
      hosts.plugins.filter(({ kind }) => kind === 'response').map((plugin) => [plugin.name, plugin]),
    );
    this.observes = new Set(this.#enrichers.flatMap(({ observes }) => observes));
  }

  /** Loads every plugin. Throws PLUGIN_INVALID, with nothing left running. */
  static async load(options: PluginsOptions): Promise<Plugins> {
    const hosts = hostsOf(options);
    try {
      await Promise.all(allOf(hosts).map((plugin) => plugin.start()));
    } catch (error) {
      await closeAll(hosts);
      throw error;
    }
    return new Plugins(hosts, options.log);
  }

  /** Whether an alert has to wait for an enricher. */
  get enriching(): boolean {
    return this.#enrichers.some(({ disabled }) => !disabled);
  }

  /** One event of a kind in `observes`, redacted. Costs a message to a thread. */
  observe(event: EventJson): void {
    const kind = (event.event as { type?: unknown } | undefined)?.type;
    for (const plugin of this.#enrichers) if (plugin.observes.includes(String(kind))) plugin.observe(event);
  }

  /** Events that each enricher was not given, because it did not keep up. */
  unobserved(): ReadonlyMap<string, number> {
    return new Map(this.#enrichers.map(({ name, unobserved }) => [name, unobserved]));
  }

  /** What the enrichers know of an alert, by plugin name. Never rejects. */
  async enrich(alert: Alert): Promise<Readonly<Record<string, unknown>>> {
    const facts: Record<string, unknown> = {};
    const asked = this.#enrichers.filter(({ disabled }) => !disabled);
    await Promise.all(
      asked.map(async (plugin) => {
        try {
          const value = await plugin.call('enrich', alert);
          if (value !== null && JSON.stringify(value).length <= MAX_FACTS) facts[plugin.name] = value;
        } catch (error) {
          // Counted and reported by the host; the alert goes on without these facts.
          this.#log.debug({ plugin: plugin.name, error: messageOf(error) }, 'an alert is not enriched');
        }
      }),
    );
    return facts;
  }

  /** Response plugins that the rule's tags name. */
  responding(tags: readonly string[]): readonly string[] {
    return tags
      .filter((tag) => tag.startsWith(RESPOND_TAG))
      .map((tag) => tag.slice(RESPOND_TAG.length))
      .filter((name) => this.#responses.has(name));
  }

  async respond(name: string, alert: Alert): Promise<PluginResponse> {
    try {
      return readResponse(await this.#responses.get(name)?.call('respond', alert));
    } catch (error) {
      return { outcome: 'failed', detail: messageOf(error) };
    }
  }

  readonly sink: SinkContext['plugin'] = (entry) => {
    const plugin = this.#hosts.sinks.get(entry.name);
    return {
      name: entry.name,
      batch: 64,
      // The host has the same limit and ends the thread with it: its word comes first.
      graceMs: 500,
      accepts: notifies(entry.min_severity),
      async deliver(alerts) {
        if (plugin === undefined) throw new DeliveryError('the plugin is not loaded');
        await plugin.call(
          'deliver',
          alerts.map(({ alert }) => alert),
        );
        return DELIVERED;
      },
      close: () => Promise.resolve(),
    };
  };

  close(): Promise<void> {
    return closeAll(this.#hosts);
  }
}

interface Hosts {
  readonly plugins: readonly PluginHost[];
  /** By the name of the sink. */
  readonly sinks: ReadonlyMap<string, PluginHost>;
}

function hostsOf({ config, hostName, metrics, log, startWorker }: PluginsOptions): Hosts {
  const base = join(dirname(config.spool.directory), 'plugins');
  const failures = metrics.counter('plugin_failures_total');
  const host = (
    entry: { name: string; module: string; options: string },
    limits: { readonly expects: readonly PluginKind[]; readonly timeoutMs: number; readonly disableAfter?: number },
  ) =>
    new PluginHost({
      module: entry.module,
      failures,
      log,
      context: {
        name: entry.name,
        options: entry.options,
        directory: join(base, entry.name.replaceAll(/[^\w.-]/g, '_')),
        hostName,
      },
      ...limits,
      ...(startWorker === undefined ? {} : { startWorker }),
    });
  return {
    plugins: config.plugins.map((entry) =>
      host(entry, { expects: ['enricher', 'response'], timeoutMs: entry.timeout_ms, disableAfter: DISABLE_AFTER }),
    ),
    sinks: new Map(
      pluginSinks(config).map((entry) => [
        entry.name,
        host(entry, { expects: ['sink'], timeoutMs: entry.timeout_seconds * 1000 }),
      ]),
    ),
  };
}

const allOf = ({ plugins, sinks }: Hosts): readonly PluginHost[] => [...plugins, ...sinks.values()];

async function closeAll(hosts: Hosts): Promise<void> {
  await Promise.all(allOf(hosts).map((plugin) => plugin.close()));
}

function readResponse(value: unknown): PluginResponse {
  const { outcome, detail } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  if (outcome !== 'done' && outcome !== 'failed' && outcome !== 'protected')
    return { outcome: 'failed', detail: 'the plugin gave no outcome' };
  return { outcome, ...(typeof detail === 'string' ? { detail: detail.slice(0, 500) } : {}) };
}
