import { randomBytes } from 'node:crypto';
import { SEVERITIES, type Severity } from '../rules/types.ts';
import type { EventRecord, FieldValue, ProcessSummary } from '../schema/event.ts';
import { fieldId } from '../schema/fields.ts';
import type { AlertDraft } from './alert.ts';
import { formatAlertLine } from './line.ts';
import type { Alert } from './types.ts';

/** The incident that an alert belongs to. */
export interface IncidentOf {
  readonly id: string;
  /** Alerts that had joined it before. */
  readonly before: number;
}

interface TimelineEntry {
  readonly alert_id: string;
  /** Unix seconds. */
  readonly timestamp: number;
  readonly rule: string;
  readonly severity: Severity;
  readonly mitre: readonly string[];
  /** The alert in one line. */
  readonly summary: string;
  /** Matches that the alert stands for. */
  count: number;
}

/** What /api/v1/incidents lists. Times are Unix seconds. */
export interface IncidentSummary {
  readonly incident_id: string;
  readonly first: number;
  readonly last: number;
  readonly severity: Severity;
  readonly alerts: number;
  readonly rules: readonly string[];
  readonly host: string;
}

export interface IncidentDetail extends IncidentSummary {
  /** Oldest first; the first `timeline.length` of `alerts`. */
  readonly timeline: readonly TimelineEntry[];
}

interface Incident {
  readonly id: string;
  readonly host: string;
  first: number;
  last: number;
  severity: Severity;
  alerts: number;
  readonly rules: Set<string>;
  readonly timeline: TimelineEntry[];
  readonly members: Map<string, IncidentOf>;
  /** Of the tree, as far as alerts came from it. */
  readonly processes: Set<string>;
}

export interface IncidentOptions {
  /** Unix seconds without an alert after which the next one begins a new incident. */
  readonly quietSeconds: number;
  readonly maxIncidents: number;
}

const MAX_TIMELINE = 200;
const MAX_MEMBERS = 1000;
const MAX_PROCESSES = 256;
const MAX_RULES = 64;

/**
 * Programs whose children have nothing to do with each other: a tree ends
 * below them. Sessions of one sshd or jobs of one cron are not one incident.
 */
const ROOTS =
  /(?:^|\/)(?:systemd|init|launchd|runit|runsvdir|s6-svscan|tini|dumb-init|sshd|sshd-session|sshd-auth|login|getty|agetty|cron|crond|atd|anacron|containerd-shim(?:-runc-v\d)?|conmon|dockerd|containerd|podman|kubelet|crio|supervisord|tmux(?:: server)?|screen|gdm|sddm|lightdm|xinetd|inetd)$/;

const ENTITY = fieldId('process.entity_id') ?? -1;
const PATH = fieldId('process.path') ?? -1;
const ANCESTORS = fieldId('process.ancestors') ?? -1;
const PARENT = fieldId('process.parent.entity_id') ?? -1;
const CONTAINER = fieldId('container.id') ?? -1;

/**
 * Groups the alerts of one process tree that come within a short time of each
 * other. Bounded: the incident that was quiet for longest is forgotten first.
 */
export class Incidents {
  #options: IncidentOptions;
  /** By id, quiet for longest first. */
  readonly #incidents = new Map<string, Incident>();
  readonly #byAlert = new Map<string, Incident>();
  readonly #byProcess = new Map<string, Incident>();
  #evictions = 0;

  constructor(options: IncidentOptions) {
    this.#options = options;
  }

  configure(options: IncidentOptions): void {
    this.#options = options;
    this.#trim();
  }

  get size(): number {
    return this.#incidents.size;
  }

  /** Incidents forgotten although they were not over. */
  get evictions(): number {
    return this.#evictions;
  }

  /** Finds or begins the incident of a match that raises an alert. */
  assign({ event, hostName, timestamp }: AlertDraft, alertId: string): IncidentOf {
    const tree = treeOf(event);
    const incident = this.#find(tree, timestamp) ?? begin(hostName, timestamp);
    this.#incidents.delete(incident.id);
    this.#incidents.set(incident.id, incident);
    for (const process of tree) {
      if (incident.processes.size >= MAX_PROCESSES && !incident.processes.has(process)) continue;
      incident.processes.add(process);
      this.#byProcess.set(process, incident);
    }
    incident.first = Math.min(incident.first, timestamp);
    incident.last = Math.max(incident.last, timestamp);
    const of = { id: incident.id, before: incident.alerts };
    incident.alerts += 1;
    if (incident.members.size < MAX_MEMBERS) {
      incident.members.set(alertId, of);
      this.#byAlert.set(alertId, incident);
    }
    this.#trim();
    return of;
  }

  /** Whether alerts of its process tree came shortly before. */
  has({ event, timestamp }: AlertDraft): boolean {
    return this.#find(treeOf(event), timestamp) !== undefined;
  }

  /** The incident of an alert that is updated, while it is remembered. */
  of(alertId: string): IncidentOf | undefined {
    return this.#byAlert.get(alertId)?.members.get(alertId);
  }

  /** The alert as it leaves the daemon, redacted; an update replaces its count. */
  record(alert: Alert): void {
    const incident = alert.incident_id === undefined ? undefined : this.#incidents.get(alert.incident_id);
    if (incident === undefined) return;
    const known = incident.timeline.find(({ alert_id }) => alert_id === alert.alert_id);
    if (known !== undefined) {
      known.count += alert.repeated?.count ?? 0;
      incident.last = Math.max(incident.last, alert.repeated?.last ?? alert.timestamp);
      return;
    }
    if (SEVERITIES.indexOf(alert.severity) > SEVERITIES.indexOf(incident.severity)) incident.severity = alert.severity;
    if (incident.rules.size < MAX_RULES) incident.rules.add(alert.rule.name);
    if (incident.timeline.length >= MAX_TIMELINE) return;
    incident.timeline.push({
      alert_id: alert.alert_id,
      timestamp: alert.timestamp,
      rule: alert.rule.name,
      severity: alert.severity,
      mitre: alert.rule.mitre,
      summary: formatAlertLine(alert),
      count: 1 + (alert.repeated?.count ?? 0),
    });
  }

  /** Newest first. */
  list(limit: number): IncidentSummary[] {
    return [...this.#incidents.values()].reverse().slice(0, limit).map(summaryOf);
  }

  detail(id: string): IncidentDetail | undefined {
    const incident = this.#incidents.get(id);
    return incident === undefined ? undefined : { ...summaryOf(incident), timeline: [...incident.timeline] };
  }

  #find(tree: readonly string[], timestamp: number): Incident | undefined {
    for (const process of tree) {
      const incident = this.#byProcess.get(process);
      if (incident !== undefined && Math.abs(timestamp - incident.last) <= this.#options.quietSeconds) return incident;
    }
    return undefined;
  }

  #trim(): void {
    let newest = Number.NEGATIVE_INFINITY;
    for (const { last } of this.#incidents.values()) newest = Math.max(newest, last);
    for (const [id, incident] of this.#incidents) {
      if (this.#incidents.size <= this.#options.maxIncidents) return;
      if (newest - incident.last <= this.#options.quietSeconds) this.#evictions += 1;
      this.#incidents.delete(id);
      for (const alertId of incident.members.keys()) this.#byAlert.delete(alertId);
      for (const process of incident.processes) {
        if (this.#byProcess.get(process) === incident) this.#byProcess.delete(process);
      }
    }
  }
}

function begin(host: string, timestamp: number): Incident {
  return {
    id: randomBytes(8).toString('hex'),
    host,
    first: timestamp,
    last: timestamp,
    severity: 'info',
    alerts: 0,
    rules: new Set(),
    timeline: [],
    members: new Map(),
    processes: new Set(),
  };
}

function summaryOf({ id, first, last, severity, alerts, rules, host }: Incident): IncidentSummary {
  return { incident_id: id, first, last, severity, alerts, rules: [...rules], host };
}

/** Entity ids of the process and its ancestors up to where the tree ends, nearest first. Without any, the container's. */
function treeOf(event: EventRecord): string[] {
  const own = event.value(ENTITY);
  const container = event.value(CONTAINER);
  const tree = typeof own === 'string' ? [own] : [];
  if (!isRoot(event.value(PATH))) {
    const ancestors = event.value(ANCESTORS) as readonly ProcessSummary[] | undefined;
    if (ancestors === undefined) {
      const parent = event.value(PARENT);
      if (typeof parent === 'string') tree.push(parent);
    }
    for (const { entity_id, path, pid } of ancestors ?? []) {
      if (pid <= 2 || isRoot(path)) break;
      if (entity_id !== undefined) tree.push(entity_id);
    }
  }
  if (tree.length === 0 && typeof container === 'string') tree.push(`container ${container}`);
  return tree;
}

const isRoot = (path: FieldValue): boolean => typeof path === 'string' && ROOTS.test(path);
