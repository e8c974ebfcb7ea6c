import { dirname, join } from 'node:path';
import type { SinkFactory } from '../alerts/sinks/registry.ts';
import { DELIVERED, DeliveryError, notifies } from '../alerts/sinks/types.ts';
import type { Alert } from '../alerts/types.ts';
import type { Config } from '../config/options.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics/types.ts';
import type { EventJson } from '../schema/event.ts';
import { PluginHost, type StartWorker } from './host.ts';
import type { PluginKind, PluginResponse } from './types.ts';

export interface PluginsOptions {
  readonly config: Config;
  readonly hostName: string;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly startWorker?: StartWorker | undefined;
}

export interface Plugins {
  /** Whether an alert has to wait for an enricher. */
  readonly enriching: boolean;
  /** Event kinds that an enricher wants to see: they bypass the kernel filter. */
  readonly observes: ReadonlySet<string>;
  /** One event of a kind in `observes`, redacted. Costs a message to a thread. */
  observe(event: EventJson): void;
  /** What the enrichers know of an alert, by plugin name. Never rejects. */
  enrich(alert: Alert): Promise<Readonly<Record<string, unknown>>>;
  /** Response plugins that the rule's tags name. */
  responding(tags: readonly string[]): readonly string[];
  respond(name: string, alert: Alert): Promise<PluginResponse>;
  readonly sink: SinkFactory;
  close(): Promise<void>;
}

/** Failures in a row after which an enricher or response is switched off. */
const DISABLE_AFTER = 5;
/** What an enricher may add to one alert, as JSON. */
const MAX_FACTS = 16_384;
const RESPOND_TAG = 'respond:';

/** Loads every plugin of the configuration. Throws PLUGIN_INVALID, with nothing left running. */
export async function loadPlugins(options: PluginsOptions): Promise<Plugins> {
  const { config, log } = options;
  const base = join(dirname(config.spool.directory), 'plugins');
  const failures = options.metrics.counter('plugin_failures_total');
  const host = (
    entry: { name: string; module: string; options: string },
    expects: readonly PluginKind[],
    timeoutMs: number,
    disableAfter?: number,
  ) =>
    new PluginHost({
      module: entry.module,
      expects,
      timeoutMs,
      failures,
      log,
      context: {
        name: entry.name,
        options: entry.options,
        directory: join(base, entry.name.replaceAll(/[^\w.-]/g, '_')),
        hostName: options.hostName,
      },
      ...(disableAfter === undefined ? {} : { disableAfter }),
      ...(options.startWorker === undefined ? {} : { startWorker: options.startWorker }),
    });

  const hosts = config.plugins.map((entry) => host(entry, ['enricher', 'response'], entry.timeout_ms, DISABLE_AFTER));
  const sinks = new Map(
    config.sinks
      .filter(({ type }) => type === 'plugin')
      .map((entry) => [entry.name, host(entry, ['sink'], entry.timeout_seconds * 1000)]),
  );
  const all = [...hosts, ...sinks.values()];
  const closeAll = async () => {
    await Promise.all(all.map((plugin) => plugin.close()));
  };
  try {
    await Promise.all(all.map((plugin) => plugin.start()));
  } catch (error) {
    await closeAll();
    throw error;
  }
  const enrichers = hosts.filter(({ kind }) => kind === 'enricher');
  const responses = new Map(hosts.filter(({ kind }) => kind === 'response').map((plugin) => [plugin.name, plugin]));

  return {
    get enriching() {
      return enrichers.some(({ disabled }) => !disabled);
    },
    observes: new Set(enrichers.flatMap(({ observes }) => observes)),
    observe(event) {
      const kind = (event.event as { type?: unknown } | undefined)?.type;
      for (const plugin of enrichers) if (plugin.observes.includes(String(kind))) plugin.observe(event);
    },
    async enrich(alert) {
      const facts: Record<string, unknown> = {};
      await Promise.all(
        enrichers
          .filter(({ disabled }) => !disabled)
          .map(async (plugin) => {
            try {
              const value = await plugin.call('enrich', alert);
              if (value !== null && JSON.stringify(value).length <= MAX_FACTS) facts[plugin.name] = value;
            } catch (error) {
              // Counted and reported by the host; the alert goes on without these facts.
              log.debug({ plugin: plugin.name, error: messageOf(error) }, 'an alert is not enriched');
            }
          }),
      );
      return facts;
    },
    responding: (tags) =>
      tags
        .filter((tag) => tag.startsWith(RESPOND_TAG))
        .map((tag) => tag.slice(RESPOND_TAG.length))
        .filter((name) => responses.has(name)),
    async respond(name, alert) {
      try {
        return readResponse(await responses.get(name)?.call('respond', alert));
      } catch (error) {
        return { outcome: 'failed', detail: messageOf(error) };
      }
    },
    sink: (entry) => {
      const plugin = sinks.get(entry.name);
      return {
        name: entry.name,
        batch: 64,
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
    },
    close: closeAll,
  };
}

function readResponse(value: unknown): PluginResponse {
  const { outcome, detail } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  if (outcome !== 'done' && outcome !== 'failed' && outcome !== 'protected')
    return { outcome: 'failed', detail: 'the plugin gave no outcome' };
  return { outcome, ...(typeof detail === 'string' ? { detail: detail.slice(0, 500) } : {}) };
}
