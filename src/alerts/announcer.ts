import type { Logger } from '../log.ts';
import { SEVERITIES, type Severity } from '../rules/types.ts';
import { formatAlertLine } from './line.ts';
import type { Alert } from './types.ts';

const MINUTE_MS = 60_000;
const TOP_RULES = 3;

/** How alerts are told in the daemon's log. */
export interface Announce {
  /** Alerts that get a line of their own in a minute; the rest is summed up in one. Default: all. */
  readonly linesPerMinute?: number;
  readonly line?: (alert: Alert) => string;
}

interface AnnouncerOptions extends Announce {
  readonly log: Logger;
  readonly now?: () => number;
}

/** One line for an alert in the daemon's log; in a flood one line a minute that sums up. */
export class Announcer {
  readonly #log: Logger;
  readonly #linesPerMinute: number;
  readonly #line: (alert: Alert) => string;
  readonly #now: () => number;
  #minute = Number.NEGATIVE_INFINITY;
  #lines = 0;
  readonly #severities = new Map<Severity, number>();
  readonly #rules = new Map<string, number>();

  constructor(options: AnnouncerOptions) {
    const {
      log,
      linesPerMinute = Number.POSITIVE_INFINITY,
      line = formatAlertLine,
      now = () => performance.now(),
    } = options;
    this.#log = log;
    this.#linesPerMinute = linesPerMinute;
    this.#line = line;
    this.#now = now;
  }

  announce(alert: Alert): void {
    const { severity, rule } = alert;
    const facts = { alert_id: alert.alert_id, rule: rule.name, severity, risk_score: alert.risk_score };
    // The terminal had its line when the alert was raised.
    if (alert.repeated !== undefined) {
      this.#log.debug(facts, this.#line(alert));
      return;
    }
    this.tick();
    if (this.#lines >= this.#linesPerMinute) {
      this.#severities.set(severity, (this.#severities.get(severity) ?? 0) + 1);
      this.#rules.set(rule.name, (this.#rules.get(rule.name) ?? 0) + 1);
      return;
    }
    this.#lines += 1;
    this.#log[severity === 'info' ? 'info' : 'warn'](facts, this.#line(alert));
  }

  /** To be called once a second: says what a minute that is over held back. */
  tick(): void {
    if (this.#now() - this.#minute < MINUTE_MS) return;
    this.#minute = this.#now();
    this.#lines = 0;
    if (this.#rules.size === 0) return;
    const total = [...this.#rules.values()].reduce((sum, count) => sum + count, 0);
    const by = [...SEVERITIES].reverse().flatMap((severity) => {
      const count = this.#severities.get(severity);
      return count === undefined ? [] : [`${count} ${severity}`];
    });
    const rules = [...this.#rules].sort(([, a], [, b]) => b - a).slice(0, TOP_RULES);
    this.#log.warn(
      `${total} more alerts within a minute (${by.join(', ')}), most of them by ${rules.map(([name, count]) => `${name} (${count})`).join(', ')}; \`bpfwarden alerts\` lists them`,
    );
    this.#rules.clear();
    this.#severities.clear();
  }
}
