import type { AlertDraft } from '../alerts/alert.ts';
import { Announcer } from '../alerts/announcer.ts';
import {
  type AlertDetail,
  type AlertFilter,
  type AlertQuery,
  alertMatches,
  type EventFilter,
  type EventQuery,
  eventJsonMatches,
  History,
} from '../alerts/history.ts';
import { type IncidentDetail, type IncidentOptions, type IncidentSummary, Incidents } from '../alerts/incidents.ts';
import { Ledger, type LedgerClock, type LedgerOptions } from '../alerts/ledger.ts';
import { type Redactor, redactorOf } from '../alerts/redact.ts';
import { pluginSinks } from '../alerts/sinks/plugin.ts';
import { openSpool } from '../alerts/spool/open.ts';
import type { Spool } from '../alerts/spool/spool.ts';
import type { DeadLetter, Settlement } from '../alerts/spool/types.ts';
import { Stream } from '../alerts/stream.ts';
import type { Alert } from '../alerts/types.ts';
import type { Config } from '../config/options.ts';
import { everySecond } from '../every-second.ts';
import type { Counter } from '../metrics/types.ts';
import { Plugins } from '../plugins/plugins.ts';
import { Responder } from '../response/responder.ts';
import type { Finding } from '../rules/types.ts';
import type { EventJson, EventRecord } from '../schema/event.ts';
import { kindsWhere } from '../schema/kinds.ts';
import { jsonLine } from '../visible.ts';
import { Raiser } from './raise.ts';
import { compileSilences } from './silences.ts';
import { Deliveries } from './sinks.ts';
import { Alerter } from './stages.ts';
import type { PipelineOptions, PipelineStats } from './types.ts';

/** The label of alert_deliveries_total; what is not for a sink is no attempt. */
const OUTCOMES: Readonly<Record<Settlement, string | undefined>> = {
  delivered: 'delivered',
  skipped: undefined,
  rejected: 'rejected',
  expired: 'dead_letter',
  dropped: 'dropped',
};
const POLL_MS = 5;
/** Throttles are few, and whoever asks why events are missing looks for them. */
const RARE: ReadonlySet<string> = new Set(kindsWhere(({ rare }) => rare === true));

/** What has to be opened, and may fail, before the pipeline is there. */
interface Opened {
  readonly redactor: Redactor;
  readonly ledger: Ledger;
  readonly plugins: Plugins;
  readonly spool: Spool;
  readonly deliveries: Deliveries;
}

/** The stages from finding to delivered alert, and their life: open, reload, flush, close. One per daemon. */
export class AlertPipeline {
  readonly #options: PipelineOptions;
  readonly #ledger: Ledger;
  readonly #shadow: Ledger;
  readonly #incidents: Incidents;
  readonly #spool: Spool;
  readonly #deliveries: Deliveries;
  readonly #responder: Responder;
  readonly #raiser: Raiser;
  readonly #alerter: Alerter;
  readonly #history: History;
  readonly #alertStream: Stream<Alert, AlertFilter>;
  readonly #eventStream: Stream<EventJson, EventFilter>;
  readonly #alertsTotal: Counter;
  readonly #updatesTotal: Counter;
  readonly #announcer: Announcer;
  readonly #endCollect: () => void;
  readonly #endTicks: () => void;
  #config: Config;
  #redactor: Redactor;
  #plugins: Plugins;

  /** Throws CONFIG_INVALID, PLUGIN_INVALID or SPOOL_FAILED, with nothing left open. */
  static async open(options: PipelineOptions): Promise<AlertPipeline> {
    const { config } = options;
    const redactor = redactorOf(config);
    const ledger = new Ledger(ledgerOptions(config, options), CLOCK);
    const plugins = await Plugins.load({ ...options, config });
    try {
      const spool = await openSpoolOf(options);
      try {
        const deliveries = new Deliveries(options, spool);
        const prepared = await deliveries.prepare(config, plugins.sink);
        declareNames(options, config, prepared);
        await deliveries.use(prepared, config.spool.dead_letter_seconds);
        return new AlertPipeline(options, { redactor, ledger, plugins, spool, deliveries });
      } catch (error) {
        await spool.close();
        throw error;
      }
    } catch (error) {
      await plugins.close();
      throw error;
    }
  }

  private constructor(options: PipelineOptions, { redactor, ledger, plugins, spool, deliveries }: Opened) {
    const { config, metrics, log, hostName } = options;
    this.#options = options;
    this.#config = config;
    this.#redactor = redactor;
    this.#plugins = plugins;
    this.#ledger = ledger;
    this.#shadow = new Ledger(ledgerOptions(config, options), CLOCK);
    this.#incidents = new Incidents(incidentOptions(config));
    this.#spool = spool;
    this.#deliveries = deliveries;
    this.#responder = new Responder({ ...options, config: config.response });
    this.#raiser = new Raiser({ redactor, plugins });
    this.#alerter = new Alerter({
      hostName,
      ledger,
      shadow: this.#shadow,
      incidents: this.#incidents,
      responder: this.#responder,
      raiser: this.#raiser,
      publish: (alert, draft) => this.#publish(alert, draft),
      suppressed: (reason) => spool.suppressed(reason),
      metrics,
    });
    this.#history = new History({ ...config.history, redactEvent: (event) => this.redactEvent(event) });
    this.#alertStream = new Stream(alertMatches, log);
    this.#eventStream = new Stream(eventJsonMatches, log);
    this.#alertsTotal = metrics.counter('alerts_total');
    this.#updatesTotal = metrics.counter('alert_updates_total');
    this.#endCollect = metrics.onCollect(() => this.#collect());
    this.#announcer = new Announcer({ log, ...options.announce });
    this.#endTicks = everySecond(() => {
      this.#alerter.summarise();
      this.#announcer.tick();
      this.#spool.serveRequests();
    });
  }

  /** Takes what the rules found. Never throws, never waits. Gives the id of the first alert that was accepted. */
  offer(finding: Finding): string | undefined {
    return this.#alerter.offer(finding);
  }

  /** Every event that outlives its batch: for history, streams and enrichers. */
  observe(event: EventRecord): void {
    this.#history.addEvent(event);
    const watched = this.#plugins.observes.has(event.kind);
    if (!watched && this.#eventStream.idle) return;
    const json = this.redactEvent(event.toJSON());
    if (watched) this.#plugins.observe(json);
    this.#eventStream.publish(json);
  }

  /** Whether somebody looks at events of this kind beyond the rules, so that a snapshot is worth its cost. */
  wants(kind: string): boolean {
    return RARE.has(kind) || !this.#eventStream.idle || this.#plugins.observes.has(kind);
  }

  /** Event kinds that must bypass the kernel filter. */
  get observes(): ReadonlySet<string> {
    return this.#plugins.observes;
  }

  /** The event without secrets, for other outputs. */
  redactEvent(event: EventJson): EventJson {
    return this.#redactor.event(event);
  }

  /** The last stage: a finished alert reaches the spool, and who watches. */
  #publish(alert: Alert, { rule, event }: AlertDraft): void {
    this.#spool.append(alert, jsonLine(alert));
    this.#history.addAlert(alert, event);
    this.#incidents.record(alert);
    this.#alertStream.publish(alert);
    this.#announcer.announce(alert);
    if (alert.repeated !== undefined) {
      this.#updatesTotal.inc({ severity: rule.severity });
      return;
    }
    this.#alertsTotal.inc({ rule: rule.name, severity: rule.severity, action: rule.action });
    for (const name of this.#plugins.responding(rule.tags))
      void this.#responder.byPlugin(name, alert.rule, alert, () => this.#plugins.respond(name, alert));
  }

  #collect(): void {
    const { metrics } = this.#options;
    const { alerts, bytes, limit, oldest, deadLetters, deadLettersEvicted } = this.#spool.stats();
    metrics.gauge('spool_alerts').set(alerts);
    metrics.gauge('spool_bytes').set(bytes);
    metrics.gauge('spool_limit_bytes').set(limit);
    metrics.gauge('spool_oldest_seconds').set(oldest === undefined ? 0 : Math.max(0, Date.now() - oldest) / 1000);
    metrics.gauge('dead_letters').set(deadLetters);
    metrics.advance('dead_letters_evicted_total', deadLettersEvicted);
    metrics.advance('audit_records_lost_total', this.#responder.auditLost);
    for (const [plugin, count] of this.#plugins.unobserved())
      metrics.advance('plugin_unobserved_total', count, { plugin });
    metrics.gauge('ledger_entries').set(this.#ledger.size);
    metrics.advance('ledger_evictions_total', this.#ledger.evictions);
    metrics.gauge('incidents').set(this.#incidents.size);
    metrics.advance('incident_evictions_total', this.#incidents.evictions);
  }

  /** Sends the summaries of open bursts and waits until every sink has everything, at most `ms`. Tells whether it has. */
  async flush(ms: number): Promise<boolean> {
    const deadline = performance.now() + ms;
    this.#alerter.summarise(true);
    await Promise.race([this.#raiser.settled(), delay(ms)]);
    this.#spool.commit();
    this.#deliveries.hurry();
    while (this.#deliveries.names.some((name) => this.#spool.waiting(name) > 0)) {
      if (performance.now() >= deadline) return false;
      await delay(POLL_MS);
    }
    return true;
  }

  /** New configuration; what waits keeps waiting. Also reopens files. Throws and changes nothing when it is wrong. */
  async reload(next: Config): Promise<void> {
    const redactor = redactorOf(next);
    const ledger = ledgerOptions(next, this.#options);
    const old = this.#plugins;
    const plugins = samePlugins(this.#config, next) ? old : await Plugins.load({ ...this.#options, config: next });
    let prepared: Awaited<ReturnType<Deliveries['prepare']>>;
    try {
      prepared = await this.#deliveries.prepare(next, plugins.sink);
    } catch (error) {
      if (plugins !== old) await plugins.close();
      throw error;
    }
    declareNames(this.#options, next, prepared);
    [this.#config, this.#redactor, this.#plugins] = [next, redactor, plugins];
    this.#raiser.use({ redactor, plugins });
    this.#ledger.configure(ledger);
    this.#shadow.configure(ledger);
    this.#incidents.configure(incidentOptions(next));
    this.#responder.configure(next.response);
    await this.#responder.reopen();
    await this.#deliveries.use(prepared, next.spool.dead_letter_seconds);
    if (old !== plugins) await old.close();
  }

  /** The audit file by its name again; files of sinks look for themselves. */
  reopen(): Promise<void> {
    return this.#responder.reopen();
  }

  async close(): Promise<void> {
    this.#endTicks();
    this.#endCollect();
    await this.#raiser.settled();
    await this.#deliveries.stop();
    await this.#plugins.close();
    await this.#responder.close();
    await this.#spool.close();
  }

  stats(): PipelineStats {
    return {
      spool: this.#spool.stats(),
      ledger: { entries: this.#ledger.size, evictions: this.#ledger.evictions },
      deliveries: this.#deliveries.states(),
    };
  }

  /** Newest first. */
  queryAlerts(query: AlertQuery): readonly Alert[] {
    return this.#history.alerts(query);
  }
  alertById(id: string): AlertDetail | undefined {
    return this.#history.alert(id);
  }
  queryEvents(query: EventQuery): readonly EventJson[] {
    return this.#history.events(query);
  }
  /** Newest first. */
  incidents(limit: number): readonly IncidentSummary[] {
    return this.#incidents.list(limit);
  }
  incidentById(id: string): IncidentDetail | undefined {
    return this.#incidents.detail(id);
  }
  deadLetters(limit: number): readonly DeadLetter[] {
    return this.#spool.deadLetters(limit);
  }
  /** `write` must not block. Returns the function that ends it. */
  subscribeAlerts(filter: AlertFilter, write: (alert: Alert) => void): () => void {
    return this.#alertStream.subscribe(filter, write);
  }
  subscribeEvents(filter: EventFilter, write: (event: EventJson) => void): () => void {
    return this.#eventStream.subscribe(filter, write);
  }
}

function openSpoolOf({ config, metrics, log }: PipelineOptions): Promise<Spool> {
  const deliveries = metrics.counter('alert_deliveries_total');
  return openSpool(config.spool.directory, {
    maxBytes: config.spool.max_bytes,
    log,
    onSettled: (sink, settlement) => {
      const outcome = OUTCOMES[settlement];
      if (outcome !== undefined) deliveries.inc({ sink, outcome });
    },
  });
}

/** The names that occur in metrics, before they do. */
function declareNames(
  { declare }: PipelineOptions,
  config: Config,
  prepared: readonly { readonly sink: { readonly name: string } }[],
): void {
  declare?.({
    sinks: prepared.map(({ sink }) => sink.name),
    plugins: [...config.plugins, ...pluginSinks(config)].map(({ name }) => name),
  });
}

const CLOCK: LedgerClock = { monotonic: () => performance.now(), wall: Date.now };

function ledgerOptions(config: Config, { compileCondition }: PipelineOptions): LedgerOptions {
  return {
    enabled: config.response.enable_alerts,
    confidenceThreshold: config.threat_detection.confidence_threshold,
    dedupeSeconds: config.ledger.dedupe_seconds,
    maxEntries: config.ledger.max_entries,
    alertsPerMinute: config.ledger.alerts_per_minute,
    silences: compileSilences(config.silences, compileCondition),
  };
}

function incidentOptions({ ledger }: Config): IncidentOptions {
  return { quietSeconds: ledger.incident_seconds, maxIncidents: ledger.max_incidents };
}

/** Plugins keep running over a reload that does not concern them. */
function samePlugins(one: Config, other: Config): boolean {
  const text = (config: Config) => JSON.stringify([config.plugins, pluginSinks(config), config.spool.directory]);
  return text(one) === text(other);
}

const delay = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
