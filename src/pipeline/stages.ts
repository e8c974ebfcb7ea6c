/**
 * The order of the stages, from the sensor's batch to the queue of the sinks.
 * The only file that knows it; no stage knows another one.
 *
 *     batch → enrich → events file → match → decide          (Detector)
 *       → ledger → incident → respond → raise → spool, history, streams  (Alerter)
 */
import { type AlertDraft, draftsOf, type Raising } from '../alerts/alert.ts';
import { newAlertId } from '../alerts/identity.ts';
import type { Incidents } from '../alerts/incidents.ts';
import type { Ledger } from '../alerts/ledger.ts';
import type { Alert } from '../alerts/types.ts';
import type { Config } from '../config/options.ts';
import type { Enricher } from '../enrich/enricher.ts';
import type { Logger } from '../log.ts';
import type { Counter, Histogram, Metrics } from '../metrics/types.ts';
import type { Responder } from '../response/responder.ts';
import type { CompiledRule, Observation } from '../rules/rule.ts';
import type { RuleSet } from '../rules/ruleset.ts';
import { walk } from '../rules/tree.ts';
import type { Finding } from '../rules/types.ts';
import type { EventRecord } from '../schema/event.ts';
import { FIELD_NAMES, type FieldId, fieldId } from '../schema/fields.ts';
import type { KindLayout } from '../schema/layout.ts';
import type { LiveView } from '../schema/view.ts';
import { perSecond, TokenBucket } from '../token-bucket.ts';
import type { Raiser } from './raise.ts';

/** Snapshots a second for history and streams beyond what rules found; the rest goes without. */
const SNAPSHOTS = perSecond(1_000);
const HASH_FIELDS = ['process.sha256', 'process.md5'] as const;
const HASH_IDS = HASH_FIELDS.map((name) => fieldId(name));
const FEED_FIELDS = FIELD_NAMES.filter((name) => /^process\.(?:fed_by|feeds)\./.test(name));
const FEED_IDS = FEED_FIELDS.map((name) => fieldId(name));

interface DetectorStages {
  readonly enricher: Enricher;
  /** Receives every event that the kernel let through. */
  readonly events: { add(event: LiveView | EventRecord): void; flush(): void };
  /** What the daemon does to see itself. */
  readonly selfCheck?: { took(view: LiveView): boolean };
  readonly ruleset: RuleSet;
  readonly alerts: {
    observe(event: EventRecord): void;
    wants(kind: string): boolean;
    offer(finding: Finding): string | undefined;
  };
  readonly metrics: Metrics;
  /** The kernel's clock (CLOCK_BOOTTIME nanoseconds). */
  readonly now: () => number;
  readonly log: Logger;
  readonly config: Config;
  /** Of the records: the sensor's. */
  readonly kinds: ReadonlyMap<string, KindLayout>;
}

/** Takes each batch through enrichment, rules and outputs. What needs no snapshot makes none. */
export class Detector {
  readonly #stages: DetectorStages;
  /** By kind number: a map with text keys would cost as much as the rest of the loop. */
  readonly #processed: Float64Array;
  readonly #latency: Histogram;
  readonly #matches: Counter;
  #ruleset: RuleSet;
  #deciding = 0;
  readonly #snapshots = new TokenBucket();

  constructor(stages: DetectorStages) {
    this.#stages = stages;
    this.#processed = new Float64Array(1 + Math.max(...[...stages.kinds.values()].map(({ number }) => number)));
    this.#latency = stages.metrics.histogram('detection_latency_seconds');
    this.#matches = stages.metrics.counter('rule_matches_total');
    this.#ruleset = stages.ruleset;
    this.use(stages.ruleset, stages.config);
    stages.enricher.hashing.onHashed((event) => this.#again(event, (rule) => names(rule, HASH_IDS)));
    stages.enricher.feedUpdates.onFed((event, before) =>
      this.#again(event, (rule) => names(rule, FEED_IDS) && !rule.matches(before)),
    );
  }

  /** Events taken so far, by kind. */
  get processed(): ReadonlyMap<string, number> {
    return new Map([...this.#stages.kinds.values()].map(({ kind, number }) => [kind, this.#processed[number] ?? 0]));
  }

  /** From the next event on these rules are in force. */
  use(ruleset: RuleSet, config: Config): void {
    this.#ruleset = ruleset;
    const needed = ruleset.neededFields();
    this.#stages.enricher.hashing.switch(
      config.threat_detection.hash_executables || HASH_FIELDS.some((field) => needed.has(field)),
    );
    this.#stages.enricher.feedUpdates.switch(FEED_FIELDS.some((field) => needed.has(field)));
  }

  /** A part of a drain. The views are invalid afterwards. */
  batch(views: readonly LiveView[]): void {
    const { enricher, events, log, selfCheck } = this.#stages;
    for (const view of views) {
      const { number } = view.shape.layout;
      this.#processed[number] = (this.#processed[number] ?? 0) + 1;
      try {
        enricher.enrich(view);
        if (view.shape.spec?.feeds === 'daemon' || selfCheck?.took(view) === true) continue;
        events.add(view);
        this.#match(view);
      } catch (error) {
        // One bad event must not take the batch with it.
        log.error({ err: error, kind: view.kind }, 'an event could not be evaluated');
      }
    }
    events.flush();
  }

  /** An event that the daemon made itself. */
  report(event: EventRecord): void {
    const { events, alerts } = this.#stages;
    events.add(event);
    events.flush();
    alerts.observe(event);
    const observation = this.#ruleset.observe(event);
    if (observation !== undefined) this.#decide(event, observation);
  }

  #match(view: LiveView): void {
    const { alerts } = this.#stages;
    const observation = this.#ruleset.observe(view);
    if (observation !== undefined) {
      const record = view.snapshot();
      alerts.observe(record);
      this.#decide(record, observation);
    } else if (alerts.wants(view.kind) && this.#snapshots.take(SNAPSHOTS, performance.now()))
      alerts.observe(view.snapshot());
  }

  /** The event of a program of which something is known only now, for the rules that ask for it. */
  #again(event: EventRecord, only: (rule: CompiledRule) => boolean): void {
    const observation = this.#ruleset.observe(event, only);
    if (observation !== undefined) this.#decide(event, observation);
  }

  #decide(record: EventRecord, observation: Observation): void {
    this.#deciding++;
    void this.#ruleset.decide(record, observation).then((finding) => {
      this.#deciding--;
      if (finding === undefined) return;
      // Here, not after the alert was made and handed on: that is the delivery's time.
      const found = this.#stages.now();
      for (const { rule } of finding.matches)
        this.#matches.inc({ rule: rule.name, severity: rule.severity, mode: rule.mode });
      const alertId = this.#stages.alerts.offer(finding);
      if (record.ktime === undefined) return;
      const seconds = Math.max(0, (found - record.ktime) / 1e9);
      this.#latency.observe(seconds, {}, alertId === undefined ? undefined : { alert_id: alertId });
    });
  }

  /** Waits until every decision is taken, at most `ms`. */
  async idle(ms: number): Promise<void> {
    const deadline = performance.now() + ms;
    while (this.#deciding > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

function names(rule: CompiledRule, fields: readonly (FieldId | undefined)[]): boolean {
  let found = false;
  walk(rule.condition, (node) => {
    const subject = node.type === 'quantifier' ? node.over : node.subject;
    if (subject.from === 'field' && fields.includes(subject.field)) found = true;
  });
  return found;
}

interface AlerterStages {
  readonly hostName: string;
  readonly ledger: Ledger;
  /** The same decisions for rules in shadow mode; what it accepts is counted, and that is all. */
  readonly shadow: Ledger;
  readonly incidents: Incidents;
  readonly responder: Responder;
  readonly raiser: Raiser;
  /** Where finished alerts go. */
  readonly publish: (alert: Alert, draft: AlertDraft) => void;
  /** Told of each match that the ledger held back. */
  readonly suppressed: (reason: string) => void;
  readonly metrics: Metrics;
}

/** Takes each finding through ledger, response and redaction to the spool. */
export class Alerter {
  readonly #stages: AlerterStages;
  readonly #suppressed: Counter;
  readonly #shadowed: Counter;
  readonly #riskScore: Histogram;

  constructor(stages: AlerterStages) {
    this.#stages = stages;
    this.#suppressed = stages.metrics.counter('alerts_suppressed_total');
    this.#shadowed = stages.metrics.counter('shadow_alerts_total');
    this.#riskScore = stages.metrics.histogram('risk_score');
  }

  /** Takes what the rules found. Never throws, never waits. Gives the id of the first alert that was accepted. */
  offer(finding: Finding): string | undefined {
    const { hostName, ledger, incidents, responder } = this.#stages;
    let first: string | undefined;
    for (const draft of draftsOf(finding, { hostName })) {
      const { rule, event } = draft;
      const alertId = newAlertId();
      const verdict = ledger.accept(draft, alertId);
      if (verdict === 'accepted') {
        const incident = incidents.assign(draft, alertId);
        this.#raise(draft, { alertId, incident, response: responder.respond(rule, event) });
        first ??= alertId;
        continue;
      }
      this.#suppressed.inc({ rule: rule.name, reason: verdict });
      this.#stages.suppressed(verdict);
      // Being told less often must not mean being protected less often.
      if (verdict === 'duplicate' || verdict === 'throttled' || verdict === 'rate_limited')
        responder.respond(rule, event);
    }
    this.#countShadowed(finding, first !== undefined);
    const exemplar = first === undefined ? undefined : { alert_id: first };
    this.#riskScore.observe(finding.riskScore, { event: finding.event.kind }, exemplar);
    return first;
  }

  /**
   * How many alerts a rule would raise, and how many of them alone, is what
   * decides whether it may be enforced; matches by themselves do not tell.
   */
  #countShadowed(finding: Finding, alerted: boolean): void {
    const { hostName, shadow, incidents } = this.#stages;
    for (const draft of draftsOf(finding, { hostName, mode: 'shadow' })) {
      const verdict = shadow.accept(draft, '');
      const rule = draft.rule.name;
      this.#suppressed.inc({ rule, reason: verdict === 'accepted' ? 'shadow' : verdict });
      if (verdict !== 'accepted') continue;
      this.#shadowed.inc({ rule, company: alerted ? 'same_event' : incidents.has(draft) ? 'incident' : 'none' });
    }
  }

  /** Raises the summaries that the ledger owes; with `all`, those of bursts that still last (shutdown). */
  summarise(all = false): void {
    const { ledger, incidents, shadow } = this.#stages;
    shadow.due(() => undefined, all);
    ledger.due(({ draft, alertId, repeats }) => {
      const response = { action: draft.rule.action, outcome: 'none' } as const;
      const incident = incidents.of(alertId);
      this.#raise(draft, { alertId, response, repeats, ...(incident === undefined ? {} : { incident }) });
    }, all);
  }

  #raise(draft: AlertDraft, how: Raising): void {
    this.#stages.raiser.raise(draft, how, (alert) => this.#stages.publish(alert, draft));
  }
}
