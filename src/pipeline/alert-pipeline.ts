import { type Candidate, candidatesOf } from '../alerts/alert.ts';
import { alertMatches, eventJsonMatches, History } from '../alerts/history.ts';
import { newAlertId } from '../alerts/identity.ts';
import { type IncidentOptions, Incidents } from '../alerts/incidents.ts';
import { Ledger, type LedgerOptions, type Summary } from '../alerts/ledger.ts';
import { formatAlertLine } from '../alerts/line.ts';
import { createRedactor, type Redactor } from '../alerts/redact.ts';
import { openSpool } from '../alerts/spool/open.ts';
import type { Spool } from '../alerts/spool/spool.ts';
import type { Settlement } from '../alerts/spool/types.ts';
import { Stream } from '../alerts/stream.ts';
import type { Alert } from '../alerts/types.ts';
import type { Config } from '../config/options.ts';
import { loadPlugins, type Plugins } from '../plugins/plugins.ts';
import { createResponder } from '../response/responder.ts';
import type { EventJson } from '../schema/event.ts';
import { Raiser } from './raise.ts';
import { compileSilences } from './silences.ts';
import { Deliveries } from './sinks.ts';
import type { AlertFilter, AlertPipeline, EventFilter, PipelineOptions } from './types.ts';

export type { AlertFilter, AlertPipeline, EventFilter, PipelineOptions, PipelineStats } from './types.ts';

/** The label of alert_deliveries_total; what is not for a sink is no attempt. */
const OUTCOMES: Readonly<Record<Settlement, string | undefined>> = {
  delivered: 'delivered',
  skipped: undefined,
  rejected: 'rejected',
  expired: 'dead_letter',
  dropped: 'dropped',
};
const TICK_MS = 1000;
const POLL_MS = 5;

/**
 * From finding to delivered alert: ledger, response, redaction, enrichers,
 * spool, sinks, history. Throws CONFIG_INVALID, PLUGIN_INVALID or SPOOL_FAILED.
 */
export async function createAlertPipeline(options: PipelineOptions): Promise<AlertPipeline> {
  const { metrics, log, hostName } = options;
  let config = options.config;
  let redactor = redactorOf(config);
  const ledger = new Ledger(ledgerOptions(config, options), { monotonic: () => performance.now(), wall: Date.now });
  const incidents = new Incidents(incidentOptions(config));
  let plugins = await loadPlugins(pluginOptions(config));

  const deliveriesTotal = metrics.counter('alert_deliveries_total');
  let spool: Spool;
  try {
    spool = await openSpool(config.spool.directory, {
      maxBytes: config.spool.max_bytes,
      log,
      onSettled: (sink, settlement) => {
        const outcome = OUTCOMES[settlement];
        if (outcome !== undefined) deliveriesTotal.inc({ sink, outcome });
      },
    });
  } catch (error) {
    await plugins.close();
    throw error;
  }
  const deliveries = new Deliveries(options, spool);
  try {
    const prepared = await deliveries.prepare(config, plugins.sink);
    declare(
      config,
      prepared.map(({ sink }) => sink.name),
    );
    await deliveries.use(prepared, config.spool.dead_letter_seconds);
  } catch (error) {
    await Promise.all([plugins.close(), spool.close()]);
    throw error;
  }
  const responder = createResponder({
    config: config.response,
    hostName,
    metrics,
    log,
    signaller: options.signaller,
    blockTable: options.blockTable,
    bootTime: options.bootTime,
  });
  const history = new History({
    alerts: config.history.alerts,
    events: config.history.events,
    redactEvent: (event) => redactor.event(event),
  });
  const alertStream = new Stream<Alert, AlertFilter>(alertMatches, log);
  const eventStream = new Stream<EventJson, EventFilter>(eventJsonMatches, log);

  const alertsTotal = metrics.counter('alerts_total');
  const updatesTotal = metrics.counter('alert_updates_total');
  const suppressedTotal = metrics.counter('alerts_suppressed_total');
  const evictionsTotal = metrics.counter('ledger_evictions_total');
  const riskScore = metrics.histogram('risk_score');
  const responsesTotal = metrics.counter('response_actions_total');
  const incidentEvictionsTotal = metrics.counter('incident_evictions_total');
  let evictionsSeen = 0;
  let incidentEvictionsSeen = 0;
  const endCollect = metrics.onCollect(() => {
    const { alerts, bytes, oldest } = spool.stats();
    metrics.gauge('spool_alerts').set(alerts);
    metrics.gauge('spool_bytes').set(bytes);
    metrics.gauge('spool_oldest_seconds').set(oldest === undefined ? 0 : Math.max(0, Date.now() - oldest) / 1000);
    metrics.gauge('ledger_entries').set(ledger.size);
    evictionsTotal.inc({}, ledger.evictions - evictionsSeen);
    evictionsSeen = ledger.evictions;
    metrics.gauge('incidents').set(incidents.size);
    incidentEvictionsTotal.inc({}, incidents.evictions - incidentEvictionsSeen);
    incidentEvictionsSeen = incidents.evictions;
  });

  const finish = (alert: Alert, { rule, event }: Candidate): void => {
    spool.append(alert, JSON.stringify(alert));
    history.addAlert(alert, event);
    incidents.record(alert);
    alertStream.publish(alert);
    const facts = { alert_id: alert.alert_id, rule: rule.name, severity: rule.severity, risk_score: alert.risk_score };
    if (alert.repeated !== undefined) {
      updatesTotal.inc({ severity: rule.severity });
      // The terminal had its line when the alert was raised.
      log.debug(facts, formatAlertLine(alert));
      return;
    }
    alertsTotal.inc({ rule: rule.name, severity: rule.severity, action: rule.action });
    log[rule.severity === 'info' ? 'info' : 'warn'](facts, formatAlertLine(alert));
    for (const name of plugins.responding(rule.tags)) void respondByPlugin(name, alert);
  };

  const respondByPlugin = async (name: string, alert: Alert): Promise<void> => {
    const rule = { name: alert.rule.name, tags: alert.rule.tags };
    const outcome = await responder.byPlugin(name, rule, alert, () => plugins.respond(name, alert));
    responsesTotal.inc({ action: 'plugin', outcome });
  };

  const raiser = new Raiser({ redactor: () => redactor, plugins: () => plugins, finish });
  const emitSummary = ({ candidate, alertId, repeats }: Summary): void => {
    const response = { action: candidate.rule.action, outcome: 'none' } as const;
    const incident = incidents.of(alertId);
    raiser.raise(candidate, { alertId, response, repeats, ...(incident === undefined ? {} : { incident }) });
  };
  const timer = setInterval(() => ledger.due(emitSummary), TICK_MS);
  timer.unref();

  function declare(next: Config, sinks: readonly string[]): void {
    const named = next.plugins.map(({ name }) => name);
    options.declare?.({
      sinks,
      plugins: [...named, ...next.sinks.filter(({ type }) => type === 'plugin').map(({ name }) => name)],
    });
  }
  function pluginOptions(next: Config) {
    return { config: next, hostName, metrics, log, startWorker: options.startWorker };
  }

  return {
    offer(finding) {
      let first: string | undefined;
      for (const candidate of candidatesOf(finding, { hostName })) {
        const { rule, event } = candidate;
        const alertId = newAlertId();
        const verdict = ledger.accept(candidate, alertId);
        if (verdict === 'accepted') {
          const incident = incidents.assign(candidate, alertId);
          raiser.raise(candidate, { alertId, incident, response: responder.respond(rule, event) });
          first ??= alertId;
          continue;
        }
        suppressedTotal.inc({ rule: rule.name, reason: verdict });
        spool.suppressed(verdict);
        // Being told less often must not mean being protected less often.
        if (verdict === 'duplicate' || verdict === 'throttled' || verdict === 'rate_limited')
          responder.respond(rule, event);
      }
      const exemplar = first === undefined ? undefined : { alert_id: first };
      riskScore.observe(finding.riskScore, { event: finding.event.kind }, exemplar);
      return first;
    },

    observe(event) {
      history.addEvent(event);
      const watched = plugins.observes.has(event.kind);
      if (!watched && eventStream.idle) return;
      const json = redactor.event(event.toJSON());
      if (watched) plugins.observe(json);
      eventStream.publish(json);
    },
    redactEvent: (event) => redactor.event(event),
    wants: (kind) => !eventStream.idle || plugins.observes.has(kind),
    get observes() {
      return plugins.observes;
    },

    async flush(ms) {
      const deadline = performance.now() + ms;
      ledger.due(emitSummary, true);
      await Promise.race([raiser.settled(), delay(ms)]);
      spool.commit();
      deliveries.hurry();
      while (deliveries.names.some((name) => spool.waiting(name) > 0)) {
        if (performance.now() >= deadline) return false;
        await delay(POLL_MS);
      }
      return true;
    },

    async reload(next) {
      const nextRedactor = redactorOf(next);
      const nextLedger = ledgerOptions(next, options);
      const nextPlugins = samePlugins(config, next) ? plugins : await loadPlugins(pluginOptions(next));
      let prepared: Awaited<ReturnType<Deliveries['prepare']>>;
      try {
        prepared = await deliveries.prepare(next, nextPlugins.sink);
      } catch (error) {
        if (nextPlugins !== plugins) await nextPlugins.close();
        throw error;
      }
      declare(
        next,
        prepared.map(({ sink }) => sink.name),
      );
      const old: Plugins = plugins;
      [config, redactor, plugins] = [next, nextRedactor, nextPlugins];
      ledger.configure(nextLedger);
      incidents.configure(incidentOptions(next));
      responder.configure(next.response);
      await responder.reopen();
      await deliveries.use(prepared, next.spool.dead_letter_seconds);
      if (old !== nextPlugins) await old.close();
    },

    async close() {
      clearInterval(timer);
      endCollect();
      await raiser.settled();
      await deliveries.stop();
      await plugins.close();
      await responder.close();
      await spool.close();
    },

    stats: () => ({
      spool: spool.stats(),
      ledger: { entries: ledger.size, evictions: ledger.evictions },
      deliveries: deliveries.states(),
    }),
    queryAlerts: (query) => history.alerts(query),
    alertById: (id) => history.alert(id),
    queryEvents: (query) => history.events(query),
    incidents: (limit) => incidents.list(limit),
    incidentById: (id) => incidents.detail(id),
    deadLetters: (limit) => spool.deadLetters(limit),
    subscribeAlerts: (filter, write) => alertStream.subscribe(filter, write),
    subscribeEvents: (filter, write) => eventStream.subscribe(filter, write),
  };
}

function redactorOf(config: Config): Redactor {
  return createRedactor({ ...config.redaction, environment: config.enrich.environment });
}

function ledgerOptions(config: Config, options: PipelineOptions): LedgerOptions {
  return {
    enabled: config.response.enable_alerts,
    confidenceThreshold: config.threat_detection.confidence_threshold,
    dedupeSeconds: config.ledger.dedupe_seconds,
    maxEntries: config.ledger.max_entries,
    alertsPerMinute: config.ledger.alerts_per_minute,
    silences: compileSilences(config.silences, options.compileCondition),
  };
}

function incidentOptions({ ledger }: Config): IncidentOptions {
  return { quietSeconds: ledger.incident_seconds, maxIncidents: ledger.max_incidents };
}

/** Plugins keep running over a reload that does not concern them. */
function samePlugins(one: Config, other: Config): boolean {
  const text = (config: Config) =>
    JSON.stringify([config.plugins, config.sinks.filter(({ type }) => type === 'plugin'), config.spool.directory]);
  return text(one) === text(other);
}

const delay = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
