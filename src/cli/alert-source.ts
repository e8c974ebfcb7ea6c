import { createReadStream } from 'node:fs';
import type { Alert } from '../alerts/types.ts';
import type { Config } from '../config/options.ts';
import { messageOf, WardenError } from '../errors.ts';
import { linesOf } from '../recording.ts';
import { DaemonClient } from './daemon-client.ts';
import { shortId } from './terminal.ts';

/** Other alerts of the same rule that are looked at: the newest. */
const MAX_ALERTS = 1000;

interface FoundAlert {
  readonly alert: Alert;
  /** Of the same rule, in any order. */
  readonly others: readonly Alert[];
  readonly from: string;
}

/** In the place of an id: the newest alert. */
const LAST = 'last';

/**
 * The one that a person means: by its id, by the end of it that `alerts`
 * shows, or the last. Throws FLAG_INVALID if several fit. The newest come first.
 */
function meant(id: string, alerts: readonly Alert[]): Alert | undefined {
  if (id === LAST) return alerts[0];
  const whole = alerts.find(({ alert_id }) => alert_id === id);
  if (whole !== undefined) return whole;
  const fitting = alerts.filter(({ alert_id }) => shortId(alert_id) === id);
  if (new Set(fitting.map(({ alert_id }) => alert_id)).size > 1)
    throw new WardenError(
      'FLAG_INVALID',
      `${id} is the end of several ids: ${fitting.map((alert) => alert.alert_id).join(', ')}`,
    );
  return fitting[0];
}

/** From the running daemon, which remembers updates; else from its file of alerts. */
export async function findAlert(id: string, config: Config): Promise<FoundAlert> {
  const tried: string[] = [];
  let reachable = true;
  const client = new DaemonClient(config);
  try {
    const found = await fromDaemon(client, id);
    if (found !== undefined) return found;
    tried.push(`${client.base} does not remember it`);
  } catch (error) {
    // Several that the id could mean are found, not missing.
    if (error instanceof WardenError) throw error;
    reachable = false;
    tried.push(`${client.base} does not answer (${messageOf(error)})`);
  }
  const file = config.output.alerts_file;
  if (file === '' || file === '-') {
    tried.push('there is no [output] alerts_file');
    if (!reachable) throw new WardenError('DAEMON_UNREACHABLE', `no alert ${id}: ${tried.join('; ')}`);
  } else {
    const found = await fromFile(file, id);
    if (found !== undefined) return found;
    tried.push(`${file} does not have it`);
  }
  throw new WardenError('FLAG_INVALID', `no alert ${id}: ${tried.join('; ')}`);
}

async function fromDaemon(client: DaemonClient, id: string): Promise<FoundAlert | undefined> {
  const asked = await client.get(`/api/v1/alerts/${encodeURIComponent(id)}`);
  let alert = isAlert(asked) ? asked : undefined;
  if (alert === undefined) {
    const { alerts } = (await client.get(`/api/v1/alerts?limit=${MAX_ALERTS}`)) as { readonly alerts?: unknown };
    const found = meant(id, Array.isArray(alerts) ? alerts.filter(isAlert) : []);
    // The single one has more: the events of the process before it.
    const whole = found === undefined ? undefined : await client.get(`/api/v1/alerts/${found.alert_id}`);
    alert = isAlert(whole) ? whole : found;
  }
  if (alert === undefined) return undefined;
  const list = (await client.get(`/api/v1/alerts?limit=${MAX_ALERTS}&rule=${encodeURIComponent(alert.rule.name)}`)) as {
    readonly alerts?: unknown;
  };
  const others = Array.isArray(list?.alerts) ? list.alerts.filter(isAlert) : [];
  return { alert, others, from: 'those that the daemon remembers' };
}

async function fromFile(file: string, id: string): Promise<FoundAlert | undefined> {
  const fitting: Alert[] = [];
  for await (const line of alertsIn(file)) {
    if (id === LAST) fitting[0] = line;
    else if (line.alert_id === id || shortId(line.alert_id) === id) fitting.unshift(line);
  }
  const alert = meant(id, fitting);
  if (alert === undefined) return undefined;
  const others: Alert[] = [];
  for await (const line of alertsIn(file)) {
    if (line.rule.name !== alert.rule.name) continue;
    others.push(line);
    if (others.length > MAX_ALERTS) others.shift();
  }
  return { alert, others, from: file };
}

/**
 * The alerts of an NDJSON file; a line that is none, such as one that a crash cut off,
 * is passed over. Throws RECORDING_INVALID if all are none: it is another file.
 */
export async function* alertsIn(file: string): AsyncGenerator<Alert> {
  let lines = 0;
  let found = 0;
  try {
    for await (const line of linesOf(createReadStream(file))) {
      lines++;
      const value = line === undefined ? undefined : jsonOf(line.toString('utf8'));
      if (!isAlert(value)) continue;
      found++;
      yield value;
    }
  } catch (error) {
    throw new WardenError('RECORDING_INVALID', `cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
  if (lines > 0 && found === 0)
    throw new WardenError('RECORDING_INVALID', `${file}: none of its ${lines} lines is an alert`);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function isAlert(value: unknown): value is Alert {
  if (typeof value !== 'object' || value === null) return false;
  const { alert_id, rule, matched, response } = value as Partial<Record<keyof Alert, unknown>>;
  const named = typeof rule === 'object' && rule !== null && typeof (rule as { name?: unknown }).name === 'string';
  return (
    typeof alert_id === 'string' && named && Array.isArray(matched) && typeof response === 'object' && response !== null
  );
}
