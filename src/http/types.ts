import type { IncidentDetail, IncidentSummary } from '../alerts/incidents.ts';
import type { Alert } from '../alerts/types.ts';
import type { Severity } from '../rules/types.ts';
import type { EventJson } from '../schema/event.ts';

export interface TimeRange {
  /** Unix seconds, inclusive. */
  readonly since?: number;
  readonly until?: number;
}
export interface AlertFilter {
  /** Lowest severity. */
  readonly severity?: Severity;
  readonly rule?: string;
  /** Event kind. */
  readonly event?: string;
}
export interface EventFilter {
  /** Event kind. */
  readonly event?: string;
  readonly pid?: number;
}
export type AlertQuery = AlertFilter & TimeRange & { readonly limit: number };
export type EventQuery = EventFilter & TimeRange & { readonly limit: number };

/** What /api/v1 shows. Lists are newest first; a subscription ends with the function it returns. */
export interface HttpApi {
  alerts(query: AlertQuery): readonly Alert[];
  alert(id: string): Alert | undefined;
  events(query: EventQuery): readonly EventJson[];
  /** Newest first. */
  incidents(limit: number): readonly IncidentSummary[];
  incident(id: string): IncidentDetail | undefined;
  /** Any JSON value: the rules in force, with what is known of each. */
  rules(): unknown;
  /** Any JSON value: version, attach report, counts. */
  status(): unknown;
  subscribeAlerts(filter: AlertFilter, write: (alert: Alert) => void): () => void;
  subscribeEvents(filter: EventFilter, write: (event: EventJson) => void): () => void;
}
