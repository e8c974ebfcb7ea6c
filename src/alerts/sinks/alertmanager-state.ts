import type { Severity } from '../../rules/types.ts';
import { deliveryKey } from '../identity.ts';
import { formatAlertLine } from '../line.ts';
import type { Alert } from '../types.ts';

/** One alert as Alertmanager's v2 API takes it. Its label set is its identity. */
export interface PostableAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
  /** Where the alert is shown. */
  readonly generatorURL: string;
}

interface Active {
  readonly labels: Readonly<Record<string, string>>;
  annotations: Readonly<Record<string, string>>;
  /** Unix milliseconds. */
  readonly startsAt: number;
  lastSeen: number;
  count: number;
  /** When it was resolved; it is said again for a while. */
  resolvedAt: number | undefined;
}

/** Rules times severities are far fewer; the oldest would go first. */
const MAX_ACTIVE = 2000;
/** As Prometheus does: an Alertmanager that was away must hear of the end, too. */
const SAY_RESOLVED_MS = 300_000;
const MAX_ANNOTATION = 4096;
const MAX_COUNTED = 1024;

/**
 * What is active at Alertmanager. An alert lives from its first match until
 * `resolveMs` without another one, and is refreshed in between: Alertmanager
 * ends by itself what is not refreshed before its endsAt, so a daemon that
 * dies leaves nothing behind for ever.
 */
export class ActiveAlerts {
  readonly #active = new Map<string, Active>();
  readonly #counted = new Set<string>();
  readonly #resolveMs: number;
  readonly #externalUrl: string;
  evicted = 0;

  /** `externalUrl`: where people reach this daemon, without a slash at the end. */
  constructor(resolveMs: number, externalUrl: string) {
    this.#resolveMs = resolveMs;
    this.#externalUrl = externalUrl;
  }

  /** How often what is active is said again: each minute, more often when alerts resolve sooner. */
  get refreshMs(): number {
    return Math.max(500, Math.min(60_000, this.#resolveMs / 3));
  }

  /** Notes a match and gives what to post for it. */
  seen(alert: Alert, now: number): PostableAlert {
    const labels = labelsOf(alert);
    const key = JSON.stringify(labels);
    const known = this.#active.get(key);
    const running = known !== undefined && known.resolvedAt === undefined ? known : undefined;
    const count = (running?.count ?? 0) + this.#matchesOf(alert);
    const entry: Active = {
      labels,
      annotations: annotationsOf(alert, count, this.#externalUrl),
      startsAt: running?.startsAt ?? Math.min(now, Math.round(alert.timestamp * 1000)),
      lastSeen: now,
      count,
      resolvedAt: undefined,
    };
    this.#active.delete(key);
    this.#active.set(key, entry);
    for (const oldest of this.#active.keys()) {
      if (this.#active.size <= MAX_ACTIVE) break;
      this.#active.delete(oldest);
      this.evicted += 1;
    }
    return this.#postable(entry, now);
  }

  /** What is to be said again now. What is over is marked so, and forgotten after it was said for a while. */
  refresh(now: number): PostableAlert[] {
    const result: PostableAlert[] = [];
    for (const [key, entry] of this.#active) {
      // The clock was set back: what lies ahead would stay until it is reached again.
      entry.lastSeen = Math.min(entry.lastSeen, now);
      if (entry.resolvedAt !== undefined) entry.resolvedAt = Math.min(entry.resolvedAt, now);
      if (entry.resolvedAt === undefined && now - entry.lastSeen >= this.#resolveMs) entry.resolvedAt = now;
      if (entry.resolvedAt !== undefined && now - entry.resolvedAt > SAY_RESOLVED_MS) this.#active.delete(key);
      else result.push(this.#postable(entry, now));
    }
    return result;
  }

  /** Matches that an alert stands for; none when it was counted before and is delivered again. */
  #matchesOf(alert: Alert): number {
    const key = deliveryKey(alert);
    if (this.#counted.has(key)) return 0;
    this.#counted.add(key);
    for (const oldest of this.#counted) {
      if (this.#counted.size <= MAX_COUNTED) break;
      this.#counted.delete(oldest);
    }
    return alert.repeated?.count ?? 1;
  }

  get size(): number {
    return this.#active.size;
  }

  #postable(entry: Active, now: number): PostableAlert {
    // Four refreshes ahead: three may fail before Alertmanager ends the alert.
    const ends = entry.resolvedAt ?? now + 4 * this.refreshMs;
    return {
      labels: entry.labels,
      annotations: entry.annotations,
      startsAt: new Date(Math.min(entry.startsAt, ends)).toISOString(),
      endsAt: new Date(ends).toISOString(),
      generatorURL: `${this.#externalUrl}/api/v1/alerts/${entry.annotations.alert_id ?? ''}`,
    };
  }

  toText(): string {
    return JSON.stringify([...this.#active.values()]);
  }

  /** Takes what toText wrote; what is unreadable is left out, Alertmanager ends it by itself. */
  fromText(text: string): void {
    const entries = JSON.parse(text) as unknown;
    if (!Array.isArray(entries)) return;
    for (const entry of entries.slice(-MAX_ACTIVE) as Active[]) {
      if (typeof entry?.labels !== 'object' || typeof entry.startsAt !== 'number' || typeof entry.lastSeen !== 'number')
        continue;
      this.#active.set(JSON.stringify(entry.labels), { ...entry, resolvedAt: entry.resolvedAt ?? undefined });
    }
  }
}

/**
 * Only what is the same for repeats. Anything that varies (pid, arguments)
 * would make every event an alert of its own, with a notification each.
 */
function labelsOf(alert: Alert): Record<string, string> {
  return {
    alertname: clean(alert.rule.name),
    hostname: clean(alert.host.name),
    instance: clean(alert.host.name),
    ...(alert.incident_id === undefined ? {} : { incident_id: alert.incident_id }),
    origin: 'bpfwarden',
    rule: clean(alert.rule.name),
    severity: alert.severity,
  };
}

/** The runbook of alerts of a severity, which leads on to the alert itself. */
const RUNBOOKS: Readonly<Record<Severity, string>> = {
  critical: 'BpfwardenCriticalDetection',
  warning: 'BpfwardenWarningDetection',
  info: 'BpfwardenInfoDetection',
};
const isUrl = (text: string | undefined): text is string => text !== undefined && /^https?:\/\/\S+$/.test(text);

function annotationsOf(alert: Alert, count: number, externalUrl: string): Record<string, string> {
  const { rule } = alert;
  const values: Record<string, string> = {
    summary: alert.label,
    description: formatAlertLine(alert),
    recommendation: alert.recommendation,
    risk_score: String(alert.risk_score),
    confidence: String(alert.confidence),
    alert_id: alert.alert_id,
    count: String(count),
    response: `${alert.response.action}: ${alert.response.outcome}`,
    ...(rule.runbook === undefined || isUrl(rule.runbook) ? {} : { runbook: rule.runbook }),
    runbook_url: isUrl(rule.runbook) ? rule.runbook : `${externalUrl}/runbooks/${RUNBOOKS[alert.severity]}`,
    ...(rule.mitre.length === 0 ? {} : { mitre: rule.mitre.join(', ') }),
  };
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, clean(value).slice(0, MAX_ANNOTATION)]),
  );
}

/** Alertmanager refuses what is no UTF-8, and drops labels without a value. */
const clean = (text: string) => (text === '' ? 'none' : Buffer.from(text).toString('utf8'));
