import { createReadStream } from 'node:fs';
import { stringify } from 'yaml';
import { type Proposal, type Proposals, proposeExceptions } from '../alerts/exception.ts';
import { formatAlertLine } from '../alerts/line.ts';
import type { Alert } from '../alerts/types.ts';
import type { Config } from '../config/options.ts';
import { messageOf, WardenError } from '../errors.ts';
import { parseAddress } from '../http/address.ts';
import { linesOf } from '../recording.ts';
import type { CommandLine } from './flags.ts';
import { lineWriter, wantsJson } from './output.ts';
import { rulesOf } from './rules.ts';
import { settingsOf } from './settings.ts';

/** Alerts of the rule that a proposal is tried on: the newest. */
const MAX_ALERTS = 1000;
const TIMEOUT_MS = 5_000;

interface Found {
  readonly alert: Alert;
  /** Of the same rule, in any order. */
  readonly others: readonly Alert[];
  readonly from: string;
}

/**
 * `tune ALERT_ID`: the narrowest exception that would have held the alert
 * back, as YAML for a local rule file, with how many of the rule's last alerts
 * it would have held back too, and wider ones.
 */
export async function tune({ flags, positionals }: CommandLine): Promise<number> {
  const [id = ''] = positionals;
  const json = wantsJson(flags);
  const config = settingsOf(flags);
  const { alert, others, from } = await findAlert(id, config);
  const { ruleset } = rulesOf(flags);
  if (ruleset.rule(alert.rule.name) === undefined && ruleset.infos.some(({ name }) => name === alert.rule.name)) {
    throw new WardenError(
      'FLAG_INVALID',
      `"${alert.rule.name}" is a correlation, which looks at no event of its own: tune the rules that it correlates`,
    );
  }
  const proposals = proposeExceptions(alert, others);
  if (proposals === undefined) {
    throw new WardenError('FLAG_INVALID', `alert ${id} does not say which program acted on what`);
  }
  const out = lineWriter('-');
  if (json) out.write(JSON.stringify({ rule: alert.rule.name, ...proposals }));
  else out.write(textOf(alert, proposals, from));
  out.close();
  return 0;
}

function textOf(alert: Alert, { narrowest, wider, alerts }: Proposals, from: string): string {
  const change = {
    rules: [
      {
        name: alert.rule.name,
        merge: 'append',
        exceptions: [{ name: `alert ${alert.alert_id}`, fields: narrowest.fields }],
      },
    ],
  };
  const comment = (text: string) => text.split('\n').map((line) => `# ${line}`);
  return [
    ...comment(formatAlertLine(alert)),
    '# The narrowest exception that would have held it back, for a file of [rules] local_paths.',
    ...(alert.window === undefined ? [] : ['# The rule counts over time: such events no longer count.']),
    stringify(change, { lineWidth: 0 }).trimEnd(),
    `# Of the last ${alerts} alert${alerts === 1 ? '' : 's'} of this rule (${from}) it would have held back ${narrowest.holdsBack}.`,
    ...(wider.length === 0 ? [] : ['# Wider ones would have held back:']),
    ...wider.map(
      ({ fields, holdsBack }: Proposal) =>
        `#   ${holdsBack}  ${stringify(fields, { collectionStyle: 'flow', lineWidth: 0 }).trim()}`,
    ),
  ].join('\n');
}

/** From the running daemon, which remembers updates; else from its file of alerts. */
async function findAlert(id: string, config: Config): Promise<Found> {
  const tried: string[] = [];
  if (config.web.config_file === '') {
    const base = baseUrl(config);
    try {
      const found = await fromDaemon(base, id);
      if (found !== undefined) return found;
      tried.push(`${base} does not remember it`);
    } catch (error) {
      tried.push(`${base} does not answer (${messageOf(error)})`);
    }
  } else tried.push('the daemon asks for a password or a certificate ([web] config_file)');
  const file = config.output.alerts_file;
  if (file === '' || file === '-') tried.push('there is no [output] alerts_file');
  else {
    const found = await fromFile(file, id);
    if (found !== undefined) return found;
    tried.push(`${file} does not have it`);
  }
  throw new WardenError('FLAG_INVALID', `no alert ${id}: ${tried.join('; ')}`);
}

function baseUrl(config: Config): string {
  const { host, port } = parseAddress(config.web.listen_address);
  const name = host === undefined || host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
}

async function fromDaemon(base: string, id: string): Promise<Found | undefined> {
  const get = async (path: string): Promise<unknown> => {
    const response = await fetch(base + path, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'error' });
    if (response.status === 404) return undefined;
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return response.json();
  };
  const alert = await get(`/api/v1/alerts/${encodeURIComponent(id)}`);
  if (!isAlert(alert)) return undefined;
  const list = (await get(`/api/v1/alerts?limit=${MAX_ALERTS}&rule=${encodeURIComponent(alert.rule.name)}`)) as {
    readonly alerts?: unknown;
  };
  const others = Array.isArray(list?.alerts) ? list.alerts.filter(isAlert) : [];
  return { alert, others, from: 'those that the daemon remembers' };
}

async function fromFile(file: string, id: string): Promise<Found | undefined> {
  let alert: Alert | undefined;
  for await (const line of alertsIn(file)) if (line.alert_id === id) alert = line;
  if (alert === undefined) return undefined;
  const others: Alert[] = [];
  for await (const line of alertsIn(file)) {
    if (line.rule.name !== alert.rule.name) continue;
    others.push(line);
    if (others.length > MAX_ALERTS) others.shift();
  }
  return { alert, others, from: file };
}

/** The alerts of an NDJSON file; a line that is none, such as one that a crash cut off, is passed over. */
async function* alertsIn(file: string): AsyncGenerator<Alert> {
  try {
    for await (const line of linesOf(createReadStream(file))) {
      const value = line === undefined ? undefined : jsonOf(line.toString('utf8'));
      if (isAlert(value)) yield value;
    }
  } catch (error) {
    throw new WardenError('RECORDING_INVALID', `cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isAlert(value: unknown): value is Alert {
  if (typeof value !== 'object' || value === null) return false;
  const { alert_id, rule, matched, response } = value as Partial<Record<keyof Alert, unknown>>;
  const named = typeof rule === 'object' && rule !== null && typeof (rule as { name?: unknown }).name === 'string';
  return (
    typeof alert_id === 'string' && named && Array.isArray(matched) && typeof response === 'object' && response !== null
  );
}
