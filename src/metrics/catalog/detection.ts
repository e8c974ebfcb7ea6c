/** Rows of the metric catalog: rules, findings, the ledger. */
import { ACTIONS, SEVERITIES } from '../../rules/types.ts';
import { closed, pattern } from '../labels.ts';
import { TACTICS } from '../tactics.ts';
import { ENGINE_FALLBACKS, MODES, SHADOW_COMPANY, SUPPRESSION_REASONS } from '../vocabulary.ts';
import { action, event, type MetricSpec, NONE, rule, severity } from './spec.ts';

/** Rules, findings, the ledger. */
export const DETECTION = {
  rules_loaded: { type: 'gauge', help: 'Rules in force, without the built-in heuristics.', labels: NONE, cap: 1 },
  rule_problems: {
    type: 'gauge',
    help: 'Rules refused at the last load because something is wrong with them.',
    labels: NONE,
    cap: 1,
  },
  rule_info: {
    type: 'gauge',
    help: 'Always 1; one series for each loaded rule and ATT&CK technique it names, to join with.',
    labels: { rule, severity, technique: pattern(/^(?:T\d{4}(?:\.\d{3})?|none)$/, 'ATT&CK technique id, or none') },
    cap: SEVERITIES.length + 1,
    // Most rules name one technique, some two or three.
    perRule: 2,
  },
  rule_matches_total: {
    type: 'counter',
    help: 'Events that a rule matched, before anything is held back; mode="shadow" rules raise no alerts.',
    labels: { rule, severity, mode: closed(...MODES) },
    cap: SEVERITIES.length * MODES.length + 1,
    perRule: 1,
    zero: 'declared',
  },
  rule_engine_runs_total: {
    type: 'counter',
    help: 'Decisions of json-rules-engine on a rule that the compiled predicate had found.',
    labels: NONE,
    cap: 1,
  },
  rule_engine_disagreements_total: {
    type: 'counter',
    help: 'Matches of a compiled predicate that json-rules-engine denied; the match is dropped, and anything but 0 is a defect.',
    labels: NONE,
    cap: 1,
  },
  rule_engine_fallbacks_total: {
    type: 'counter',
    help: 'Decisions taken by the condition tree, because the queue of json-rules-engine was full or its run failed.',
    labels: { reason: closed(...ENGINE_FALLBACKS) },
    cap: ENGINE_FALLBACKS.length + 1,
    zero: 'all',
  },
  rule_engine_queue_events: {
    type: 'gauge',
    help: 'Events that wait for json-rules-engine.',
    labels: NONE,
    cap: 1,
  },
  tactic_alerts_total: {
    type: 'counter',
    help: 'Alerts by ATT&CK tactic of the rule; a rule of two tactics counts in both, one of none in none.',
    labels: { tactic: closed(...TACTICS, 'none'), severity },
    cap: (TACTICS.length + 1) * SEVERITIES.length + 1,
    zero: 'all',
  },
  risk_score: {
    type: 'histogram',
    help: 'Risk score (0 to 1) of events that at least one rule or heuristic matched; exemplar: alert_id.',
    labels: event,
    buckets: [0.2, 0.4, 0.6, 0.8, 1],
    cap: 24,
  },
  alerts_total: {
    type: 'counter',
    help: 'Alerts raised, after dedupe, throttle and silences.',
    labels: { rule, severity, action },
    cap: SEVERITIES.length * ACTIONS.length + 1,
    perRule: 1,
    zero: 'declared',
  },
  alert_updates_total: {
    type: 'counter',
    help: 'Updates of alerts: repeats that were held back, summed up.',
    labels: { severity: closed(...SEVERITIES) },
    cap: SEVERITIES.length + 1,
    zero: 'all',
  },
  alerts_suppressed_total: {
    type: 'counter',
    help: 'Rule matches that raised no alert, by reason; repeats are summed up in a later alert.',
    labels: { rule, reason: closed(...SUPPRESSION_REASONS) },
    cap: SUPPRESSION_REASONS.length + 1,
    // One is there from the start (duplicate, or shadow), others once they happen.
    perRule: 2,
    zero: 'declared',
  },
  shadow_alerts_total: {
    type: 'counter',
    help: 'Alerts that rules in shadow mode would have raised, by whether enforced rules raised one, too: for the same event, in the same process tree shortly before, or none. The share of "none" is what the rule would add, right or wrong.',
    labels: { rule, company: closed(...SHADOW_COMPANY) },
    cap: SHADOW_COMPANY.length + 1,
    perRule: 1,
    zero: 'declared',
  },
  ledger_entries: {
    type: 'gauge',
    help: 'Rule and entity pairs that the alert ledger remembers.',
    labels: NONE,
    cap: 1,
  },
  ledger_evictions_total: {
    type: 'counter',
    help: 'Rule and entity pairs forgotten early because the alert ledger was full.',
    labels: NONE,
    cap: 1,
  },
  incidents: {
    type: 'gauge',
    help: 'Incidents (alerts of one process tree) that are remembered.',
    labels: NONE,
    cap: 1,
  },
  incident_evictions_total: {
    type: 'counter',
    help: 'Incidents forgotten although they were not over, because the table was full.',
    labels: NONE,
    cap: 1,
  },
  window_evictions_total: {
    type: 'counter',
    help: 'Keys of rule windows forgotten early because the table was full.',
    labels: NONE,
    cap: 1,
  },
  detection_latency_seconds: {
    type: 'histogram',
    help: 'Time from the event in the kernel to the finding in the daemon; exemplar: alert_id.',
    unit: 'seconds',
    labels: NONE,
    // Fine where a host at rest is: a bucket as wide as from 1 to 2.5 ms tells the same of 1.1 and of 2.4.
    buckets: [
      0.00025, 0.0005, 0.00075, 0.001, 0.0015, 0.002, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
    ],
    cap: 1,
  },
} as const satisfies Record<string, MetricSpec>;
