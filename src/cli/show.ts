import type { IncidentDetail } from '../alerts/incidents.ts';
import { clip, explainAlert, formatAlertLine, textAt, valueAt } from '../alerts/line.ts';
import type { Alert } from '../alerts/types.ts';
import { messageOf } from '../errors.ts';
import type { EventJson } from '../schema/event.ts';
import { visible } from '../visible.ts';
import { findAlert } from './alert-source.ts';
import { DaemonClient } from './daemon-client.ts';
import type { CommandLine } from './flags.ts';
import { lineWriter, wantsJson } from './output.ts';
import { settingsOf } from './settings.ts';
import { clock, heading, severityText, type Terminal, terminalOf } from './terminal.ts';

/** `show ALERT_ID`: what happened, why it matched, who it was, what else belongs to it, what to do, how to tune it. */
export async function show({ flags, positionals }: CommandLine): Promise<number> {
  const [id = ''] = positionals;
  const config = settingsOf(flags);
  const terminal = terminalOf(flags);
  const { alert, from } = await findAlert(id, config);
  const incident = await incidentOf(alert, new DaemonClient(config));
  const out = lineWriter('-');
  if (wantsJson(flags)) out.write(JSON.stringify({ alert, ...(typeof incident === 'string' ? {} : { incident }) }));
  else for (const line of page(alert, incident, from, terminal)) out.write(line);
  out.close();
  return 0;
}

/** The incident as the daemon knows it, or why it is not shown. */
async function incidentOf({ incident_id }: Alert, client: DaemonClient): Promise<IncidentDetail | string> {
  if (incident_id === undefined) return 'the alert belongs to none';
  try {
    const found = (await client.get(`/api/v1/incidents/${incident_id}`)) as IncidentDetail | undefined;
    return found ?? 'the daemon does not remember it';
  } catch (error) {
    return `the daemon does not answer (${messageOf(error)})`;
  }
}

function page(alert: Alert, incident: IncidentDetail | string, from: string, terminal: Terminal): string[] {
  const { rule, repeated } = alert;
  const recent = valueAt(alert, 'recent_events');
  return [
    `${severityText(alert.severity, terminal)} ${heading(alert.label, terminal)}`,
    `  ${new Date(alert.timestamp * 1000).toISOString()} on ${alert.host.name}, rule ${rule.name} (${rule.source})`,
    ...(rule.description === '' ? [] : rule.description.split('\n').map((line) => `  ${line}`)),
    '',
    heading('What happened', terminal),
    `  ${formatAlertLine(alert)}`,
    ...(repeated === undefined
      ? []
      : [
          `  and ${repeated.count} more from ${clock(repeated.first)} to ${clock(repeated.last)}`,
          ...Object.entries(repeated.distinct ?? {}).map(
            ([field, values]) =>
              `    ${field}: ${visible(values.join(', '))}${repeated.more?.includes(field) === true ? ', …' : ''}`,
          ),
        ]),
    '',
    heading('Why', terminal),
    ...explainAlert(alert).map((line) => `  ${line}`),
    ...(alert.window === undefined ? [] : [`  counted over time: ${JSON.stringify(alert.window)}`]),
    '',
    heading('Process tree', terminal),
    ...processTree(alert, terminal),
    ...(Array.isArray(recent) && recent.length > 0
      ? ['', heading('What the process did before', terminal), ...recent.map((event) => `  ${eventLine(event)}`)]
      : []),
    '',
    heading('Incident', terminal),
    ...timeline(incident, alert),
    '',
    heading('What to do', terminal),
    `  ${alert.recommendation}${rule.runbook === undefined ? '' : `: ${rule.runbook}`}`,
    ...(rule.mitre.length === 0 ? [] : [`  ATT&CK: ${rule.mitre.join(', ')}`]),
    '',
    heading('Not an incident?', terminal),
    `  bpfwarden tune ${alert.alert_id}    prints the narrowest exception (alert from ${from})`,
  ];
}

function processTree(alert: Alert, { width }: Terminal): string[] {
  const ancestors = valueAt(alert, 'process.ancestors');
  const tree = (Array.isArray(ancestors) ? [...ancestors].reverse() : []) as EventJson[];
  const lines = [...tree, (valueAt(alert, 'process') ?? {}) as EventJson].map((process, depth) => {
    const what = textAt(process, 'command_line') || textAt(process, 'path') || textAt(process, 'name');
    return `  ${'  '.repeat(depth)}${depth === 0 ? '' : '└ '}${textAt(process, 'pid')} ${what}`;
  });
  return lines.map((line) => clip(visible(line), width));
}

function eventLine(event: unknown): string {
  const object = textAt(event, 'file.path') || textAt(event, 'network.destination.ip') || textAt(event, 'process.path');
  const error = textAt(event, 'event.error');
  return visible(
    `${clock(Number(textAt(event, 'timestamp')))} ${textAt(event, 'event.type').padEnd(16)} ${object}${error === '' ? '' : ` (${error})`}`,
  );
}

function timeline(incident: IncidentDetail | string, { alert_id }: Alert): string[] {
  if (typeof incident === 'string') return [`  ${incident}`];
  const { incident_id, alerts, first, last, timeline: entries } = incident;
  const rows = entries.map((entry) => {
    const mark = entry.alert_id === alert_id ? '▸' : ' ';
    const times = entry.count > 1 ? ` ×${entry.count}` : '';
    return `${mark} ${clock(entry.timestamp)} ${entry.severity.toUpperCase().padEnd(8)} ${entry.rule}${times}`;
  });
  return [
    `  ${incident_id}: ${alerts} alert(s) from ${clock(first)} to ${clock(last)}`,
    ...rows.map((row) => `  ${row}`),
  ];
}
