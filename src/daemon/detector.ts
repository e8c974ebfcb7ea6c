import type { Config } from '../config/options.ts';
import type { Enricher } from '../enrich/enricher.ts';
import type { BootClock } from '../kernel/clock.ts';
import type { KernelCounts } from '../kernel/types.ts';
import type { Logger } from '../log.ts';
import type { MetricsRegistry } from '../metrics/registry.ts';
import type { AlertPipeline } from '../pipeline/alert-pipeline.ts';
import type { CandidateRule, CompiledRule } from '../rules/rule.ts';
import type { RuleSet } from '../rules/ruleset.ts';
import { walk } from '../rules/tree.ts';
import type { EventRecord } from '../schema/event.ts';
import { fieldId } from '../schema/fields.ts';
import type { KindLayout } from '../schema/layout.ts';
import type { LiveView } from '../schema/view.ts';
import type { EventsFile } from './events-file.ts';

/** Snapshots a second for history and streams beyond what rules found; the rest goes without. */
const SNAPSHOTS_PER_SECOND = 1_000;
/** Kinds whose loss makes the process table uncertain. */
const TABLE_KINDS = ['process_exec', 'process_fork', 'process_exit'];
const HASH_FIELDS = ['process.sha256', 'process.md5'] as const;
const HASH_IDS = HASH_FIELDS.map((name) => fieldId(name));

export interface EventLoopOptions {
  readonly enricher: Enricher;
  readonly pipeline: AlertPipeline;
  readonly metrics: MetricsRegistry;
  readonly clock: BootClock;
  readonly events: EventsFile | undefined;
  readonly log: Logger;
  readonly kinds: ReadonlyMap<string, KindLayout>;
}

/** Takes each batch through enrichment, rules and outputs. What needs no snapshot makes none. */
export class Detector {
  readonly #options: EventLoopOptions;
  readonly #processed: Float64Array;
  readonly #kindNames: ReadonlyMap<number, string>;
  readonly #latency;
  readonly #matches;
  #ruleset: RuleSet | undefined;
  #deciding = 0;
  #snapshots = { second: 0, left: SNAPSHOTS_PER_SECOND };
  #lost = 0;

  constructor(options: EventLoopOptions) {
    this.#options = options;
    this.#kindNames = new Map([...options.kinds.values()].map(({ kind, number }) => [number, kind]));
    this.#processed = new Float64Array(Math.max(...this.#kindNames.keys()) + 1);
    this.#latency = options.metrics.histogram('detection_latency_seconds');
    this.#matches = options.metrics.counter('rule_matches_total');
  }

  /** From the next event on these rules are in force. */
  use(ruleset: RuleSet, config: Config): void {
    this.#ruleset = ruleset;
    const needed = ruleset.neededFields();
    this.#options.enricher.hashing.switch(
      config.threat_detection.hash_executables || HASH_FIELDS.some((field) => needed.has(field)),
    );
  }

  /** One drain. The views are invalid afterwards. */
  batch(views: readonly LiveView[]): void {
    const { enricher, events } = this.#options;
    for (const view of views) {
      const { number } = view.shape.layout;
      this.#processed[number] = (this.#processed[number] ?? 0) + 1;
      try {
        enricher.enrich(view);
        if (view.kind === 'net_dns') continue;
        events?.add(view);
        this.#evaluate(view);
      } catch (error) {
        // One bad event must not take the batch with it.
        this.#options.log.error({ err: error, kind: view.kind }, 'an event could not be evaluated');
      }
    }
    events?.flush();
  }

  #evaluate(view: LiveView): void {
    const ruleset = this.#ruleset;
    if (ruleset === undefined) return;
    const candidates = ruleset.candidates(view);
    if (candidates.length > 0) {
      const record = view.snapshot();
      this.#options.pipeline.observe(record);
      this.#decide(ruleset, record, candidates);
    } else if (this.#options.pipeline.wants(view.kind) && this.#maySnapshot()) {
      this.#options.pipeline.observe(view.snapshot());
    }
  }

  /** The event of a program whose hashes are known only now: for the rules that name a hash. */
  again(event: EventRecord): void {
    const ruleset = this.#ruleset;
    if (ruleset === undefined) return;
    const candidates = ruleset.candidates(event, namesHash);
    if (candidates.length > 0) this.#decide(ruleset, event, candidates);
  }

  #decide(ruleset: RuleSet, record: EventRecord, candidates: readonly CandidateRule[]): void {
    this.#deciding++;
    void ruleset.decide(record, candidates).then((finding) => {
      this.#deciding--;
      if (finding === undefined) return;
      for (const { rule } of finding.matches)
        this.#matches.inc({ rule: rule.name, severity: rule.severity, mode: rule.mode });
      const alertId = this.#options.pipeline.offer(finding);
      if (record.ktime === undefined) return;
      const seconds = Math.max(0, (this.#options.clock.now() - record.ktime) / 1e9);
      this.#latency.observe(seconds, {}, alertId === undefined ? undefined : { alert_id: alertId });
    });
  }

  #maySnapshot(): boolean {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#snapshots.second) this.#snapshots = { second, left: SNAPSHOTS_PER_SECOND };
    if (this.#snapshots.left === 0) return false;
    this.#snapshots.left--;
    return true;
  }

  /** Called about once a second with the kernel's counts. */
  noteLosses(counts: KernelCounts): void {
    let lost = 0;
    for (const kind of TABLE_KINDS) {
      const count = counts.get(kind);
      if (count !== undefined) lost += count.lost_ring_full + count.lost_scratch;
    }
    if (lost > this.#lost) this.#options.enricher.noteLoss();
    this.#lost = lost;
  }

  /** Totals for a scrape. */
  publish(metrics: MetricsRegistry): void {
    const { enricher } = this.#options;
    for (const [number, event] of this.#kindNames)
      metrics.advance('events_processed_total', this.#processed[number] ?? 0, { event });
    metrics.gauge('process_table_entries').set(enricher.processes);
    metrics.advance('process_table_evictions_total', enricher.counts.evictions);
    metrics.advance('process_table_misses_total', enricher.counts.misses);
    if (this.#ruleset !== undefined) metrics.advance('window_evictions_total', this.#ruleset.windowStats().evictions);
  }

  /** Waits until every decision is taken, at most `ms`. */
  async idle(ms: number): Promise<void> {
    const deadline = performance.now() + ms;
    while (this.#deciding > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

function namesHash(rule: CompiledRule): boolean {
  let found = false;
  walk(rule.condition, (node) => {
    if (node.type === 'leaf' && node.subject.from === 'field' && HASH_IDS.includes(node.subject.field)) found = true;
  });
  return found;
}
