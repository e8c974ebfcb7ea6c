import type { RuleInfo, Severity } from '../rules/types.ts';
import type { MetricName, MetricSpec } from './catalog.ts';
import type { CounterInstrument, GaugeInstrument } from './instruments.ts';
import type { Labels } from './types.ts';
import { SHADOW_COMPANY } from './vocabulary.ts';

/** Every label set that closed labels and the given values of other labels make. */
export function closedLabelSets(spec: MetricSpec, given: Readonly<Record<string, readonly string[]>> = {}): Labels[] {
  return Object.entries(spec.labels).reduce<Labels[]>(
    (sets, [name, values]) => {
      const choices = given[name] ?? (values.of === 'closed' ? values.values : []);
      return sets.flatMap((set) => choices.map((value) => ({ ...set, [name]: value })));
    },
    [{}],
  );
}

const WEIGHT: Readonly<Record<Severity, number>> = { critical: 0, warning: 1, info: 2 };

/**
 * The series of the loaded rules: those of the most severe rules first, since
 * there is room for MAX_RULES. Series of an earlier severity, mode or action
 * of a rule end; the others keep their values.
 */
export function declareRuleSeries(
  rules: readonly RuleInfo[],
  metrics: {
    readonly counters: ReadonlyMap<MetricName, CounterInstrument>;
    readonly gauges: ReadonlyMap<MetricName, GaugeInstrument>;
  },
): void {
  const byName = new Map(rules.map((rule) => [rule.name, rule]));
  const info = metrics.gauges.get('rule_info');
  const matches = metrics.counters.get('rule_matches_total');
  const alerts = metrics.counters.get('alerts_total');
  const suppressed = metrics.counters.get('alerts_suppressed_total');
  const shadowed = metrics.counters.get('shadow_alerts_total');

  matches?.drop(({ rule = '', severity, mode }) => {
    const now = byName.get(rule);
    return now !== undefined && (now.severity !== severity || now.mode !== mode);
  });
  alerts?.drop(({ rule = '', severity, action }) => {
    const now = byName.get(rule);
    return now !== undefined && (now.severity !== severity || now.action !== action);
  });
  info?.drop(() => true);

  const ordered = [...rules].sort(
    (a, b) => WEIGHT[a.severity] - WEIGHT[b.severity] || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  );
  const alerting = ordered.filter((rule) => !rule.heuristic);
  for (const { name: rule, severity, mode } of ordered) matches?.zero({ rule, severity, mode });
  for (const { name: rule, severity, action } of alerting) alerts?.zero({ rule, severity, action });
  // What holds back most matches of the rule; the room beside it is for the reasons that occur.
  for (const { name: rule, mode } of alerting)
    suppressed?.zero({ rule, reason: mode === 'shadow' ? 'shadow' : 'duplicate' });
  for (const { name: rule, mode } of alerting)
    if (mode === 'shadow') for (const company of SHADOW_COMPANY) shadowed?.zero({ rule, company });
  // Every rule with its first technique before any rule with a further one: a join must find each rule.
  const most = Math.max(1, ...ordered.map(({ mitre }) => mitre.length));
  for (let nth = 0; nth < most; nth++) {
    for (const { name: rule, severity, mitre } of ordered) {
      const technique = [...new Set(mitre)][nth]?.toUpperCase() ?? (nth === 0 ? 'none' : undefined);
      if (technique === undefined || info?.family.hasRoom !== true) continue;
      info.set(1, { rule, severity, technique });
    }
  }
}
