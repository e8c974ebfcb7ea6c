import type { AlertFilter, AlertQuery, EventFilter, EventQuery } from '../alerts/history.ts';
import type { IncidentDetail, IncidentSummary } from '../alerts/incidents.ts';
import type { DeadLetter } from '../alerts/spool/types.ts';
import type { Alert } from '../alerts/types.ts';
import type { EventJson } from '../schema/event.ts';

/** What is remembered of alerts, incidents and events. Lists are newest first; a subscription ends with the function it returns. */
interface AlertViews {
  queryAlerts(query: AlertQuery): readonly Alert[];
  alertById(id: string): Alert | undefined;
  queryEvents(query: EventQuery): readonly EventJson[];
  incidents(limit: number): readonly IncidentSummary[];
  incidentById(id: string): IncidentDetail | undefined;
  deadLetters(limit: number): readonly DeadLetter[];
  subscribeAlerts(filter: AlertFilter, write: (alert: Alert) => void): () => void;
  subscribeEvents(filter: EventFilter, write: (event: EventJson) => void): () => void;
}

/** What the daemon shows and does for clients. */
export interface HttpApi {
  readonly views: AlertViews;
  /** Any JSON value: the rules in force, with what is known of each. */
  rules(): unknown;
  /** Any JSON value: version, attach report, counts. */
  status(): unknown;
  /** Reads configuration and rules again; rejects with a WardenError that says what is wrong. */
  reload(): Promise<unknown>;
}

/** The daemon behind the server: there from `open` on, until `shut`. */
export class Gate {
  #api: HttpApi | undefined;

  get isOpen(): boolean {
    return this.#api !== undefined;
  }

  open(api: HttpApi): void {
    this.#api = api;
  }

  shut(): void {
    this.#api = undefined;
  }

  /** Asked only for requests that the gate let through (app.ts). */
  get api(): HttpApi {
    if (this.#api === undefined) throw new Error('the daemon is not there yet, or no longer');
    return this.#api;
  }
}
