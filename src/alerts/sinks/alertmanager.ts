import { int, list, type Options, url } from '../../config/option.ts';
import { messageOf } from '../../errors.ts';
import type { SpooledAlert } from '../spool/types.ts';
import { ActiveAlerts, type PostableAlert } from './alertmanager-state.ts';
import { checkStatus, createHttpClient, HTTP_OPTIONS, type HttpClient } from './http-client.ts';
import {
  DELIVERED,
  DeliveryError,
  type DeliveryResult,
  notifies,
  type SettingsOf,
  type Sink,
  type SinkContext,
  sinkType,
} from './types.ts';

const OPTIONS = {
  url: url('Where to send'),
  urls: list('url', [], 'Every member of the cluster'),
  // The metric alert that it inhibits looks back five minutes: it must be over first, or it would be notified then.
  resolve_seconds: int(600, 5, 86400, 'Resolved after this time without a repeat'),
  ...HTTP_OPTIONS,
} as const satisfies Options;

export const alertmanager = sinkType({
  type: 'alertmanager',
  options: OPTIONS,
  required: [['urls', 'url']],
  to: 'every URL named',
  delivered: 'one of them answered 2xx',
  open: (config, context) => new AlertmanagerSink(config, context),
});

/**
 * Alertmanager's v2 API. Every member of a cluster gets every alert (they
 * deduplicate among themselves; a load balancer in between would not do). An
 * alert counts as delivered when one member took it: the others hear of it at
 * the next refresh.
 */
class AlertmanagerSink implements Sink {
  readonly batch = 64;
  readonly name: string;
  readonly accepts: Sink['accepts'];
  readonly #members: readonly { readonly url: string; readonly client: HttpClient; down: boolean }[];
  readonly #active: ActiveAlerts;
  readonly #context: SinkContext;
  readonly #timeoutMs: number;
  readonly #timer: NodeJS.Timeout;
  #restored = false;
  #refreshing: Promise<unknown> | undefined;
  #stop: AbortController | undefined;

  constructor(config: SettingsOf<typeof OPTIONS>, context: SinkContext) {
    this.name = config.name;
    this.accepts = notifies(config.min_severity);
    const urls = new Set([...config.urls, ...(config.url === '' ? [] : [config.url])].map(apiUrl));
    this.#members = [...urls].map((member) => ({
      url: member,
      client: createHttpClient(config, context),
      down: false,
    }));
    this.#active = new ActiveAlerts(config.resolve_seconds * 1000, context.externalUrl);
    this.#context = context;
    this.#timeoutMs = config.timeout_seconds * 1000;
    this.#timer = setInterval(() => this.#refresh(), this.#active.refreshMs);
    this.#timer.unref();
  }

  async deliver(alerts: readonly SpooledAlert[], signal: AbortSignal): Promise<DeliveryResult> {
    this.#ready();
    const posts = new Map<string, PostableAlert>();
    // Of one label set only the last matters: an Alertmanager keeps one alert of it.
    for (const { alert } of alerts) {
      const post = this.#active.seen(alert, Date.now());
      posts.set(JSON.stringify(post.labels), post);
    }
    this.#context.state.save(this.#active.toText());
    const failures = await this.#postAll([...posts.values()], signal);
    if (failures.length < this.#members.length) return DELIVERED;
    // A batch with one bad alert is answered with 400 although the good ones are taken: only a 400
    // for every member is final, and the delivery then sends one by one.
    const permanent = failures.every((failure) => failure instanceof DeliveryError && failure.permanent);
    throw new DeliveryError(`no Alertmanager took it: ${messageOf(failures[0])}`, { permanent });
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#stop?.abort();
    await this.#refreshing;
    if (this.#restored) this.#context.state.save(this.#active.toText());
    await Promise.all(this.#members.map(({ client }) => client.close()));
  }

  /** At the first use: on a reload this sink is made before the old one has saved what it knows. */
  #ready(): void {
    if (!this.#restored) restore(this.#active, this.#context);
    this.#restored = true;
  }

  #refresh(): void {
    this.#ready();
    if (this.#active.size === 0 || this.#refreshing !== undefined) return;
    const alerts = this.#active.refresh(Date.now());
    this.#context.state.save(this.#active.toText());
    if (alerts.length === 0) return;
    this.#stop = new AbortController();
    const limit = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(this.#timeoutMs)]);
    this.#refreshing = this.#postAll(alerts, limit).finally(() => {
      this.#refreshing = undefined;
    });
  }

  /** To every member; gives the failures. */
  async #postAll(alerts: readonly PostableAlert[], signal: AbortSignal): Promise<unknown[]> {
    const body = JSON.stringify(alerts);
    const failures = await Promise.all(
      this.#members.map(async (member): Promise<unknown[]> => {
        try {
          checkStatus(await member.client.post(member.url, body, { 'content-type': 'application/json' }, signal));
          this.#note(member, undefined);
          return [];
        } catch (error) {
          this.#note(member, error);
          return [error];
        }
      }),
    );
    return failures.flat();
  }

  #note(member: { readonly url: string; down: boolean }, error: unknown): void {
    const failed = error !== undefined;
    if (member.down !== failed && this.#members.length > 1) {
      const facts = { sink: this.name, url: new URL(member.url).host };
      const { log } = this.#context;
      if (failed)
        log.warn({ ...facts, error: messageOf(error) }, 'one Alertmanager does not take alerts; the others do');
      else log.info(facts, 'the Alertmanager takes alerts again');
    }
    member.down = failed;
  }
}

function restore(active: ActiveAlerts, { state, log }: SinkContext): void {
  const text = state.load();
  if (text === undefined) return;
  try {
    active.fromText(text);
  } catch (error) {
    log.warn(
      { error: messageOf(error) },
      'what was active at Alertmanager is not known any more; it ends there by itself',
    );
  }
}

/** The URL of a server, with or without the path of the API. */
function apiUrl(server: string): string {
  const base = server.replace(/\/+$/, '');
  return base.endsWith('/api/v2/alerts') ? base : `${base}/api/v2/alerts`;
}
