import type { Finding, RuleInfo, RuleMatch, RuleMode } from '../rules/types.ts';
import type { EventRecord } from '../schema/event.ts';
import { fieldId } from '../schema/fields.ts';
import { fingerprintOf } from './identity.ts';
import type { IncidentOf } from './incidents.ts';
import type { Alert, Repeats, ResponseReport } from './types.ts';

export interface AlertContext {
  readonly hostName: string;
  /** Unix milliseconds; for events without a time of their own. */
  readonly now?: () => number;
  /** Of rules in this mode; default enforce. */
  readonly mode?: RuleMode;
}

/**
 * A match that would raise an alert. The ledger decides on it before the alert
 * is built: in a burst nearly all are repeats, and a repeat must cost little.
 */
export interface AlertDraft {
  readonly rule: RuleInfo;
  readonly match: RuleMatch;
  readonly event: EventRecord;
  readonly riskScore: number;
  readonly hostName: string;
  readonly fingerprint: string;
  /** Unix seconds: of the event, where it has one. */
  readonly timestamp: number;
}

/** The alert's own keys, which an event's groups may not replace. */
export const ALERT_KEYS: readonly string[] =
  'label risk_score detection_method recommendation confidence severity rule matched window alert_id fingerprint incident_id incident_alerts timestamp host event response repeated plugins priority output output_fields'.split(
    ' ',
  );
const FIXED = new Set([...ALERT_KEYS, '__proto__']);
const HOST_NAME = fieldId('host.name') ?? -1;

/** One draft per matching rule in the mode. Heuristics raise none. Pure. */
export function draftsOf(finding: Finding, context: AlertContext): AlertDraft[] {
  const { event, riskScore } = finding;
  const recorded = event.value(HOST_NAME);
  // A recorded event keeps the host it was recorded on.
  const hostName = typeof recorded === 'string' && recorded !== '' ? recorded : context.hostName;
  const timestamp = event.timestamp ?? (context.now ?? Date.now)() / 1000;
  return finding.matches
    .filter(({ rule }) => !rule.heuristic && rule.mode === (context.mode ?? 'enforce'))
    .map((match) => {
      const { rule } = match;
      const fingerprint = fingerprintOf(match, hostName, event);
      return { rule, match, event, riskScore, hostName, fingerprint, timestamp };
    });
}

/** What an alert has beside its draft. */
export interface Raising {
  readonly alertId: string;
  readonly incident?: IncidentOf;
  readonly response?: ResponseReport;
  /** For an update of the alert of this id. */
  readonly repeats?: Repeats;
}

/** The alert of a draft, not yet redacted. */
export function buildAlert(draft: AlertDraft, options: Raising): Alert {
  const { rule, match, event } = draft;
  const json = event.toJSON();
  return {
    label: rule.label,
    risk_score: draft.riskScore,
    detection_method: 'rule_based',
    recommendation: rule.recommendation,
    confidence: rule.confidence,
    severity: rule.severity,
    rule: {
      name: rule.name,
      id: rule.id,
      source: rule.source,
      description: rule.description,
      mitre: rule.mitre,
      tags: rule.tags,
      ...(rule.runbook === undefined ? {} : { runbook: rule.runbook }),
    },
    matched: match.matched,
    ...(match.window === undefined ? {} : { window: match.window }),
    alert_id: options.alertId,
    fingerprint: draft.fingerprint,
    ...(options.incident === undefined
      ? {}
      : { incident_id: options.incident.id, incident_alerts: options.incident.before }),
    timestamp: draft.timestamp,
    host: { ...asObject(json.host), name: draft.hostName },
    event: { type: event.kind, id: event.id, ...asObject(json.event) },
    ...Object.fromEntries(Object.entries(json).filter(([key]) => !FIXED.has(key))),
    ...(options.repeats === undefined ? {} : { repeated: options.repeats }),
    response: options.response ?? { action: rule.action, outcome: 'none' },
  };
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
