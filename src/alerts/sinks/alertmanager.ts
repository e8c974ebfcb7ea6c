import { int, list, type Options, url } from '../../config/option.ts';
import { messageOf } from '../../errors.ts';
import { ActiveAlerts, type PostableAlert } from './alertmanager-state.ts';
import { checkStatus, createHttpClient, HTTP_OPTIONS } from './http-client.ts';
import { DELIVERED, DeliveryError, notifies, type SettingsOf, type Sink, type SinkContext, sinkType } from './types.ts';

const OPTIONS = {
  url: url('Where to send'),
  urls: list('url', [], 'Every member of the cluster'),
  resolve_seconds: int(300, 5, 86400, 'Resolved after this time without a repeat'),
  ...HTTP_OPTIONS,
} as const satisfies Options;

export const alertmanager = sinkType({
  type: 'alertmanager',
  options: OPTIONS,
  required: [['urls', 'url']],
  to: 'every URL named',
  delivered: 'one of them answered 2xx',
  open: (config, context) => alertmanagerSink(config, context),
});

/**
 * Alertmanager's v2 API. Every member of a cluster gets every alert (they
 * deduplicate among themselves; a load balancer in between would not do). An
 * alert counts as delivered when one member took it: the others hear of it at
 * the next refresh.
 */
function alertmanagerSink(
  config: SettingsOf<typeof OPTIONS>,
  context: SinkContext,
  now: () => number = Date.now,
): Sink {
  const urls = [...new Set([...config.urls, ...(config.url === '' ? [] : [config.url])])].map(apiUrl);
  const clients = urls.map((member) => ({ url: member, client: createHttpClient(config, context), down: false }));
  const active = new ActiveAlerts(config.resolve_seconds * 1000, context.externalUrl);
  let restored = false;
  // At the first use: on a reload this sink is made before the old one has saved what it knows.
  const ready = () => {
    if (!restored) restore(active, context);
    restored = true;
  };

  const postAll = async (alerts: readonly PostableAlert[], signal: AbortSignal): Promise<unknown[]> => {
    const body = JSON.stringify(alerts);
    const results = await Promise.allSettled(
      clients.map(async (member) => {
        checkStatus(await member.client.post(member.url, body, { 'content-type': 'application/json' }, signal));
      }),
    );
    return results.flatMap((result, index) => {
      const member = clients[index];
      const failed = result.status === 'rejected';
      if (member !== undefined && member.down !== failed && clients.length > 1) {
        const facts = {
          sink: config.name,
          url: new URL(member.url).host,
          error: failed ? messageOf(result.reason) : undefined,
        };
        if (failed) context.log.warn(facts, 'one Alertmanager does not take alerts; the others do');
        else context.log.info(facts, 'the Alertmanager takes alerts again');
      }
      if (member !== undefined) member.down = failed;
      return failed ? [result.reason as unknown] : [];
    });
  };

  let refreshing: Promise<unknown> | undefined;
  let stop: AbortController | undefined;
  const refresh = () => {
    ready();
    if (active.size === 0 || refreshing !== undefined) return;
    const alerts = active.refresh(now());
    context.state.save(active.toText());
    if (alerts.length === 0) return;
    stop = new AbortController();
    const limit = AbortSignal.any([stop.signal, AbortSignal.timeout(config.timeout_seconds * 1000)]);
    refreshing = postAll(alerts, limit).finally(() => {
      refreshing = undefined;
    });
  };
  const timer = setInterval(refresh, active.refreshMs);
  timer.unref();

  return {
    name: config.name,
    batch: 64,
    accepts: notifies(config.min_severity),
    async deliver(alerts, signal) {
      ready();
      const posts = new Map<string, PostableAlert>();
      // Of one label set only the last matters: an Alertmanager keeps one alert of it.
      for (const { alert } of alerts) {
        const post = active.seen(alert, now());
        posts.set(JSON.stringify(post.labels), post);
      }
      context.state.save(active.toText());
      const failures = await postAll([...posts.values()], signal);
      if (failures.length < clients.length) return DELIVERED;
      // A batch with one bad alert is answered with 400 although the good ones are taken: only a 400
      // for every member is final, and the delivery then sends one by one.
      const permanent = failures.every((failure) => failure instanceof DeliveryError && failure.permanent);
      throw new DeliveryError(`no Alertmanager took it: ${messageOf(failures[0])}`, { permanent });
    },
    async close() {
      clearInterval(timer);
      stop?.abort();
      await refreshing;
      if (restored) context.state.save(active.toText());
      await Promise.all(clients.map(({ client }) => client.close()));
    },
  };
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
