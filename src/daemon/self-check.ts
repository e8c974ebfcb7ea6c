/**
 * The sensor watches itself: once a minute it does for every hook something
 * harmless that it must see (kernel/canary.ts), follows them from the kernel to the detector, and
 * compares what is in the kernel with what was put there. What can be put back
 * is put back.
 */
import { CANARY, type CanaryKind, canaryKinds } from '../kernel/canary.ts';
import type { IntegrityCheck, IntegrityFinding } from '../kernel/integrity.ts';
import type { Sensor } from '../kernel/sensor.ts';
import type { Logger } from '../log.ts';
import type { Gauge, Metrics } from '../metrics/types.ts';
import { ownPid } from '../own-pid.ts';
import { kindSpec } from '../schema/kinds.ts';
import { id } from '../schema/record.ts';
import type { LiveView } from '../schema/view.ts';
import type { Tell } from './own-events.ts';

const FIRST_MS = 5_000;
/** An event that has not come by then is lost. */
const PATIENCE_MS = 15_000;
const PID = id('process.pid');
const VPID = id('process.vpid');
const PPID = id('process.ppid');
/** Of a failed exec it is what should have been executed. */
const NAMES = [id('file.path'), id('process.path'), id('process.invoked_path')];

interface SelfCheckOptions {
  readonly sensor: Pick<Sensor, 'integrity' | 'asCanary' | 'filter' | 'counters' | 'programs'>;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly tell: Tell;
  /** 0: never. */
  readonly everySeconds: number;
  /** The kernel's clock (CLOCK_BOOTTIME nanoseconds). */
  readonly now: () => number;
}

type Check = IntegrityCheck | 'canary';

export class SelfCheck {
  readonly #options: SelfCheckOptions;
  readonly #gauge: Gauge;
  readonly #kinds: readonly CanaryKind[];
  #nonce = 0;
  /** By kind: behaviours that are on their way. */
  readonly #waiting = new Map<string, string>();
  /** Processes that the operations took. */
  readonly #children = new Set<number>();
  #slowest = 0;
  #timers: NodeJS.Timeout[] = [];
  #settling: NodeJS.Timeout | undefined;

  constructor(options: SelfCheckOptions) {
    this.#options = options;
    this.#gauge = options.metrics.gauge('self_check');
    this.#kinds = canaryKinds(new Set(options.sensor.programs));
    if (options.everySeconds === 0) return;
    this.#timers = [
      setTimeout(() => this.run(), FIRST_MS),
      setInterval(() => this.run(), options.everySeconds * 1_000),
    ];
    for (const timer of this.#timers) timer.unref();
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    clearTimeout(this.#settling);
  }

  /** Whether an event is the daemon's own and must go no further. */
  took(view: LiveView): boolean {
    if (view.value(PID) !== ownPid() && !this.#isByChild(view)) return false;
    const path = this.#waiting.get(view.kind);
    if (path !== undefined && NAMES.some((name) => view.value(name) === path)) {
      this.#waiting.delete(view.kind);
      this.#slowest = Math.max(this.#slowest, (this.#options.now() - view.ktime) / 1e9);
    }
    return true;
  }

  #isByChild(view: LiveView): boolean {
    if (view.value(PPID) !== ownPid()) return false;
    // The child's number is the one of the daemon's own pid namespace.
    return [view.value(PID), view.value(VPID)].some((pid) => typeof pid === 'number' && this.#children.has(pid));
  }

  run(): void {
    for (const check of ['handlers', 'filter', 'links'] as const) this.#gauge.set(1, { check });
    for (const finding of this.#integrity()) this.#report(finding);
    // Those of the last time are still on their way: what is asked for more often than that waits.
    if (this.#settling !== undefined) return;
    const missing = this.#act();
    if (missing.length > 0) this.#canaryFailed(missing, 'the kernel did not count them');
    this.#settling = setTimeout(() => {
      this.#settling = undefined;
      this.#settle(missing.length === 0);
    }, PATIENCE_MS);
    this.#settling.unref();
  }

  #integrity(): readonly IntegrityFinding[] {
    try {
      return this.#options.sensor.integrity();
    } catch (error) {
      this.#options.log.error({ err: error }, 'the sensor could not be compared with what was loaded');
      return [];
    }
  }

  /** Does it all; the kinds that no hook has counted. */
  #act(): string[] {
    const { sensor } = this.#options;
    this.#waiting.clear();
    this.#children.clear();
    this.#slowest = 0;
    const before = sensor.counters.events();
    sensor.asCanary(() => {
      for (const { kind, named, act } of this.#kinds) {
        if (act === undefined) continue;
        const path = `/proc/${CANARY}/${++this.#nonce}`;
        // What always passes, passes without a rule that asks for it.
        if (named && (kindSpec(kind)?.group === 'always' || sensor.filter.passes(kind))) this.#waiting.set(kind, path);
        const child = act(path);
        if (child > 0) this.#children.add(child);
      }
    });
    const after = sensor.counters.events();
    const seen = (counts: typeof after, kind: string) => counts.get(kind)?.seen ?? 0;
    return this.#kinds.map(({ kind }) => kind).filter((kind) => seen(after, kind) <= seen(before, kind));
  }

  #settle(counted: boolean): void {
    const lost = [...this.#waiting.keys()];
    this.#waiting.clear();
    if (lost.length > 0) this.#canaryFailed(lost, 'they were counted and did not arrive');
    else if (counted) this.#gauge.set(1, { check: 'canary' });
    this.#options.metrics.gauge('canary_seconds').set(this.#slowest);
  }

  #canaryFailed(kinds: readonly string[], why: string): void {
    this.#failed('canary');
    this.#options.tell({ finding: 'blind', check: 'canary', detail: `${kinds.join(', ')}: ${why}`, repaired: false });
    this.#options.log.error(
      { kinds, why },
      'bpfwarden does not see what it does itself: somebody may have blinded the sensor; see the runbook BpfwardenSelfCheckFailed',
    );
  }

  #report({ check, what, repaired }: IntegrityFinding): void {
    this.#failed(check);
    if (repaired) this.#options.metrics.counter('self_repairs_total').inc({ check });
    const program = /^(\w+) was detached$/.exec(what)?.[1];
    if (program !== undefined && !repaired) this.#options.metrics.gauge('program_attached').set(0, { program });
    this.#options.tell({ finding: 'changed', check, detail: what, repaired });
    this.#options.log.error(
      { check, what, repaired },
      'the sensor was changed from outside; see the runbook BpfwardenSelfCheckFailed',
    );
  }

  #failed(check: Check): void {
    this.#gauge.set(0, { check });
    this.#options.metrics.counter('self_check_failures_total').inc({ check });
  }
}
