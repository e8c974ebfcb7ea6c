import type { Alert } from '../alerts/types.ts';
import { WardenError } from '../errors.ts';
import { SEVERITIES, type Severity } from '../rules/types.ts';
import { visible } from '../visible.ts';
import { alertsIn, isAlert } from './alert-source.ts';
import { DaemonClient, notReachable } from './daemon-client.ts';
import type { CommandLine, Flags } from './flags.ts';
import { lineWriter, wantsJson } from './output.ts';
import { settingsOf } from './settings.ts';
import { alertRow, type Terminal, terminalOf, wrapped } from './terminal.ts';

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 1000;

interface Wanted {
  readonly severity: Severity | undefined;
  readonly rule: string | undefined;
  /** Unix seconds. */
  readonly since: number | undefined;
  readonly limit: number;
}

/** `alerts`: what was raised, oldest first, one line each; with --follow what is raised from now on, too. */
export async function alerts({ flags, positionals }: CommandLine): Promise<number> {
  const json = wantsJson(flags);
  const terminal = terminalOf(flags);
  const wanted = wantedOf(flags);
  const [file] = positionals;
  const out = lineWriter('-');
  const show = (alert: Alert) => {
    if (json) out.json(alert);
    else out.write(`${alertRow(alert, terminal)}${flags.verbose === true ? details(alert, terminal) : ''}`);
    out.flush();
  };
  if (file !== undefined) for (const alert of await fromFile(file, wanted)) show(alert);
  else await fromDaemon(new DaemonClient(settingsOf(flags)), wanted, flags.follow === true, show);
  out.close();
  return 0;
}

function details(alert: Alert, { width }: Terminal): string {
  const { rule, alert_id, incident_id, recommendation } = alert;
  const facts = [
    alert.label,
    `alert ${alert_id}`,
    incident_id === undefined ? '' : `incident ${incident_id}`,
    rule.mitre.join(' '),
  ];
  const lines = [facts.filter((fact) => fact !== '').join(' · '), recommendation];
  return lines.flatMap((line) => wrapped(visible(line), width, '    ').map((text) => `\n${text}`)).join('');
}

async function fromDaemon(
  client: DaemonClient,
  wanted: Wanted,
  follow: boolean,
  show: (alert: Alert) => void,
): Promise<void> {
  const query = new URLSearchParams();
  if (wanted.severity !== undefined) query.set('severity', wanted.severity);
  if (wanted.rule !== undefined) query.set('rule', wanted.rule);
  const filter = query.toString();
  query.set('limit', String(wanted.limit));
  if (wanted.since !== undefined) query.set('since', String(wanted.since));
  try {
    // The stream first: what is raised between the two is not missed.
    const stop = new AbortController();
    process.once('SIGINT', () => stop.abort());
    const stream = follow ? client.stream(`/api/v1/stream/alerts?${filter}`, stop.signal) : undefined;
    const first = stream?.next();
    const answer = (await client.get(`/api/v1/alerts?${query}`)) as { readonly alerts?: readonly unknown[] };
    for (const alert of [...(answer.alerts ?? [])].reverse()) if (isAlert(alert)) show(alert);
    for (let next = await first; next !== undefined && next.done !== true; next = await stream?.next())
      if (isAlert(next.value)) show(next.value);
  } catch (error) {
    throw notReachable(client, error);
  }
}

/** The newest that fit, oldest first; an update takes the place of what it updates. */
async function fromFile(file: string, { severity, rule, since, limit }: Wanted): Promise<readonly Alert[]> {
  const least = severity === undefined ? 0 : SEVERITIES.indexOf(severity);
  const found = new Map<string, Alert>();
  for await (const alert of alertsIn(file)) {
    if (SEVERITIES.indexOf(alert.severity) < least || (rule !== undefined && alert.rule.name !== rule)) continue;
    if (since !== undefined && alert.timestamp < since) continue;
    found.set(alert.alert_id, alert);
    const [oldest] = found.keys();
    if (found.size > limit && oldest !== undefined) found.delete(oldest);
  }
  return [...found.values()];
}

function wantedOf(flags: Flags): Wanted {
  const { severity, rule } = flags;
  const known = SEVERITIES.find((entry) => entry === severity);
  if (severity !== undefined && known === undefined)
    throw new WardenError('FLAG_INVALID', `--severity: expected ${SEVERITIES.join(', ')}, found "${severity}"`);
  const limit = flags.limit === undefined ? DEFAULT_LIMIT : Number(flags.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
    throw new WardenError('FLAG_INVALID', `--limit: expected 1 to ${MAX_LIMIT}, found "${flags.limit}"`);
  return { severity: known, rule, since: flags.since === undefined ? undefined : sinceOf(flags.since), limit };
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `30m` ago, Unix seconds, or a date. Throws FLAG_INVALID. */
function sinceOf(text: string): number {
  const [, amount, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (amount !== undefined && unit !== undefined) return Date.now() / 1000 - Number(amount) * (UNITS[unit] ?? 1);
  const seconds = /^\d{9,11}(?:\.\d+)?$/.test(text) ? Number(text) : Date.parse(text) / 1000;
  if (Number.isFinite(seconds)) return seconds;
  throw new WardenError('FLAG_INVALID', `--since: expected 30m, 12h, Unix seconds or a date, found "${text}"`);
}
