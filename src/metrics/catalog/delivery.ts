/** Rows of the metric catalog: sinks, spool, responses, plugins. */
import { ACTIONS } from '../../rules/types.ts';
import { closed, declared } from '../labels.ts';
import { DELIVERY_OUTCOMES, RESPONSE_OUTCOMES } from '../vocabulary.ts';
import { type MetricSpec, NONE, PLUGINS, SINKS, sink } from './spec.ts';

/** Sinks, spool, responses, plugins. */
export const DELIVERY = {
  alert_deliveries_total: {
    type: 'counter',
    help: 'Attempts to deliver an alert by sink and what came of them.',
    labels: { sink, outcome: closed(...DELIVERY_OUTCOMES) },
    cap: (SINKS + 1) * DELIVERY_OUTCOMES.length + 1,
    zero: 'declared',
  },
  alert_delivery_seconds: {
    type: 'histogram',
    help: 'Time from the alert to its acceptance by a sink; exemplar: alert_id.',
    unit: 'seconds',
    labels: NONE,
    buckets: [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600],
    cap: 1,
  },
  spool_alerts: { type: 'gauge', help: 'Alerts on disk that wait for a sink.', labels: NONE, cap: 1 },
  spool_bytes: { type: 'gauge', help: 'Size of the alerts on disk.', unit: 'bytes', labels: NONE, cap: 1 },
  spool_limit_bytes: {
    type: 'gauge',
    help: 'What spool_bytes may reach, seven tenths of spool.max_bytes: then the oldest alerts are dropped.',
    unit: 'bytes',
    labels: NONE,
    cap: 1,
  },
  dead_letters: {
    type: 'gauge',
    help: 'Alerts that a sink never took, kept for a person to look at.',
    labels: NONE,
    cap: 1,
  },
  dead_letters_evicted_total: {
    type: 'counter',
    help: 'Dead letters given up for newer ones.',
    labels: NONE,
    cap: 1,
  },
  spool_oldest_seconds: {
    type: 'gauge',
    help: 'Age of the oldest alert on disk, 0 when there is none.',
    unit: 'seconds',
    labels: NONE,
    cap: 1,
  },
  response_actions_total: {
    type: 'counter',
    help: 'Response actions of alerts and what became of them.',
    labels: { action: closed(...ACTIONS, 'plugin'), outcome: closed(...RESPONSE_OUTCOMES) },
    cap: (ACTIONS.length + 1) * RESPONSE_OUTCOMES.length + 1,
    zero: 'all',
  },
  audit_records_lost_total: {
    type: 'counter',
    help: 'Records of response actions that could not be written to the audit file.',
    labels: NONE,
    cap: 1,
  },
  plugin_unobserved_total: {
    type: 'counter',
    help: 'Events that a plugin asked for and was not given, because it did not keep up.',
    labels: { plugin: declared('plugins', 'name of a configured plugin') },
    cap: PLUGINS + 2,
    zero: 'declared',
  },
  plugin_failures_total: {
    type: 'counter',
    help: 'Calls of a plugin that threw or took too long.',
    labels: { plugin: declared('plugins', 'name of a configured plugin') },
    cap: PLUGINS + 2,
    zero: 'declared',
  },
} as const satisfies Record<string, MetricSpec>;
