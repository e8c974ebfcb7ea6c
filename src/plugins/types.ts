import type { Alert } from '../alerts/types.ts';
import type { EventJson } from '../schema/event.ts';

/** Version of the interface below. A plugin for another one is refused. */
export const PLUGIN_API_VERSION = 1;

export const PLUGIN_KINDS = ['enricher', 'sink', 'response'] as const;
export type PluginKind = (typeof PLUGIN_KINDS)[number];

/** What a plugin module exports as default. It runs in a thread of its own. */
export interface Plugin {
  readonly apiVersion: typeof PLUGIN_API_VERSION;
  readonly kind: PluginKind;
  /** Enrichers: event kinds that `observe` is called with. They bypass the kernel filter, so name few. */
  readonly observes?: readonly string[];
  create(context: PluginContext): PluginInstance | Promise<PluginInstance>;
}

export interface PluginContext {
  /** The entry's name in the configuration. */
  readonly name: string;
  /** The entry's `options`, as it stands there. */
  readonly options: string;
  /** A directory that only this plugin writes to, for what it keeps across restarts. It exists. */
  readonly directory: string;
  readonly hostName: string;
}

/** Results are JSON values. A method that throws, rejects or takes too long counts as a failure. */
export interface PluginInstance {
  /** Enricher: one event of the kinds in `observes`, redacted. In order; some are left out when the plugin is too slow. */
  observe?(event: EventJson): void | Promise<void>;
  /** Enricher: facts about an alert; they stand in the alert as `plugins.NAME`. */
  enrich?(alert: Alert): unknown;
  /** Sink: takes alerts. Returns when they are safe; throws when they are to be delivered again. */
  deliver?(alerts: readonly Alert[]): void | Promise<void>;
  /** Response: acts on an alert of a rule with the tag `respond:NAME`; called only when the rule is enforced. */
  respond?(alert: Alert): PluginResponse | Promise<PluginResponse>;
  /** The daemon ends. */
  close?(): void | Promise<void>;
}

export interface PluginResponse {
  readonly outcome: 'done' | 'failed' | 'protected';
  readonly detail?: string;
}

/** From the daemon to the plugin's thread. Without an id no answer is wanted. */
export interface Call {
  readonly id?: number;
  readonly method: 'observe' | 'enrich' | 'deliver' | 'respond' | 'close';
  readonly argument: unknown;
}
/** From the plugin's thread to the daemon. */
export type Message =
  | {
      readonly type: 'ready';
      readonly apiVersion: unknown;
      readonly kind: unknown;
      readonly observes: readonly string[];
    }
  | { readonly type: 'refused'; readonly message: string }
  | { readonly type: 'result'; readonly id: number; readonly value: unknown }
  | { readonly type: 'error'; readonly id: number | undefined; readonly message: string }
  /** So many observed events were worked off. */
  | { readonly type: 'observed'; readonly count: number };

export interface WorkerData {
  readonly module: string;
  readonly context: PluginContext;
}
