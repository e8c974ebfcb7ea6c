import type { Behaviour, Scene, Severity, Work } from './scenario.ts';
import { SEVERITIES } from './scenario.ts';
import { MARK_BEGIN, markOf, type Performance } from './stage.ts';

/** What is needed of an alert as it is written to alerts_file. */
export interface Alert {
  /** The same for the updates of an alert. */
  readonly alert_id: string;
  readonly severity: Severity;
  readonly rule: { readonly name: string };
  readonly process?: {
    readonly path?: string;
    readonly command_line?: string;
    readonly ancestors?: readonly { readonly command_line?: string }[];
  };
  readonly file?: { readonly path?: string; readonly new_path?: string };
}

/** Alerts of one scene. */
export interface Judged {
  readonly performance: Performance;
  readonly alerts: readonly Alert[];
}

export interface VariationResult extends Judged {
  readonly behaviour: Behaviour;
  readonly caught: boolean;
  /** Caught at any severity. */
  readonly seen: boolean;
}

export interface WorkResult extends Judged {
  readonly work: Work;
}

const MARK = new RegExp(`(?:^|\\s)(${MARK_BEGIN}\\S+)`);

/** Alerts by the mark of the scene that their process descends from; of an alert and its updates the first. */
export function byScene(alerts: readonly Alert[]): Map<string, Alert[]> {
  const found = new Map<string, Alert[]>();
  const known = new Set<string>();
  for (const alert of alerts) {
    if (known.has(alert.alert_id)) continue;
    known.add(alert.alert_id);
    for (const ancestor of alert.process?.ancestors ?? []) {
      const mark = MARK.exec(ancestor.command_line ?? '')?.[1];
      if (mark === undefined) continue;
      const list = found.get(mark) ?? [];
      list.push(alert);
      found.set(mark, list);
      break;
    }
  }
  return found;
}

export function atLeast(alert: Alert, severity: Severity): boolean {
  return SEVERITIES.indexOf(alert.severity) >= SEVERITIES.indexOf(severity);
}

export function judgeAttacks(
  behaviours: readonly Behaviour[],
  performed: ReadonlyMap<Scene, Performance>,
  alerts: ReadonlyMap<string, readonly Alert[]>,
): VariationResult[] {
  return behaviours.flatMap((behaviour) =>
    behaviour.variations.flatMap((scene) => {
      const performance = performed.get(scene);
      if (performance === undefined) return [];
      const own = alerts.get(markOf(scene)) ?? [];
      const caught =
        own.some((alert) => atLeast(alert, behaviour.severity)) &&
        (behaviour.alerts === undefined || own.filter((alert) => atLeast(alert, 'warning')).length <= behaviour.alerts);
      return [{ behaviour, performance, alerts: own, caught, seen: own.length > 0 }];
    }),
  );
}

/** What one run says about a set of behaviours. */
export interface Recall {
  readonly behaviours: number;
  readonly caughtBehaviours: number;
  readonly variations: number;
  readonly caughtVariations: number;
  readonly seenVariations: number;
}

/** A behaviour is caught when its first variation is, the way that everybody knows; the others are variations. */
export function recallOf(results: readonly VariationResult[]): Recall {
  const performed = results.filter(({ performance }) => performance.status !== undefined);
  const first = performed.filter(({ behaviour, performance }) => behaviour.variations[0] === performance.scene);
  return {
    behaviours: first.length,
    caughtBehaviours: first.filter(({ caught }) => caught).length,
    variations: performed.length,
    caughtVariations: performed.filter(({ caught }) => caught).length,
    seenVariations: performed.filter(({ seen }) => seen).length,
  };
}

/** Rule and number of its alerts, of a severity or above. */
export function raisedBy(alerts: readonly Alert[], severity: Severity): [rule: string, count: number][] {
  const counts = new Map<string, number>();
  for (const alert of alerts)
    if (atLeast(alert, severity)) counts.set(alert.rule.name, (counts.get(alert.rule.name) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}
