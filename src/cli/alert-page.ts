import type { IncidentDetail } from '../alerts/incidents.ts';
import { clip, textAt, valueAt } from '../alerts/line.ts';
import type { Alert } from '../alerts/types.ts';
import { explainAlert } from '../alerts/why.ts';
import type { EventJson } from '../schema/event.ts';
import { visible } from '../visible.ts';
import { clock, heading, severityText, type Terminal, wrapped } from './terminal.ts';

const MAX_DOINGS = 12;
const MAX_TIMELINE = 20;
const NAME_WIDTH = 12;

/**
 * An alert for a person: what happened, why it matched, who it was, what the
 * process did, what else belongs to it, what to do, how to tune it.
 * `incident`: as the daemon knows it, or why it is not shown.
 */
export function alertPage(alert: Alert, incident: IncidentDetail | string, terminal: Terminal): readonly string[] {
  const { rule } = alert;
  const section = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : ['', heading(title, terminal), ...lines];
  const paragraph = (text: string) => wrapped(visible(text), terminal.width, '  ');
  return [
    `${severityText(alert.severity, terminal)} ${heading(visible(alert.label), terminal)}`,
    ...rule.description.split('\n').flatMap((line) => (line === '' ? [] : paragraph(line))),
    ...section('What happened', happened(alert, terminal)),
    ...section(
      'Why',
      explainAlert(alert).flatMap((sentence) => wrapped(sentence, terminal.width, '  ', '    ')),
    ),
    ...section('Process tree', processTree(alert, terminal)),
    ...section('What the process did', doings(alert, terminal)),
    ...section('Incident', timeline(incident, alert, terminal)),
    ...section('What to do', [
      ...paragraph(`${alert.recommendation}${rule.runbook === undefined ? '' : `: ${rule.runbook}`}`),
      ...(rule.mitre.length === 0 ? [] : paragraph(`ATT&CK: ${rule.mitre.map(techniqueOf).join(' ')}`)),
      ...paragraph(`rule ${rule.name}, ${rule.source}`),
    ]),
    ...section('Not an incident?', [
      ...paragraph('This prints the narrowest exception that would have held it back:'),
      `  bpfwarden tune ${alert.alert_id}`,
    ]),
  ];
}

const techniqueOf = (id: string) => `https://attack.mitre.org/techniques/${id.replace('.', '/')}`;

/** What the event says, a fact a line; what it does not say is left out. */
function happened(alert: Alert, { width }: Terminal): string[] {
  const at = (path: string) => textAt(alert, path);
  const command = at('process.command_line') || at('process.path') || at('process.name');
  const error = at('event.error');
  const facts: readonly (readonly [string, string])[] = [
    ['when', `${new Date(alert.timestamp * 1000).toISOString()} on ${alert.host.name}`],
    ['event', `${at('event.type')}${error === '' ? '' : `, failed with ${error}`}`],
    ['command', command],
    ['program', at('process.path')],
    ['runs', differs(at('process.effective_path'), at('process.path'))],
    ['file', fileOf(alert)],
    ['network', networkOf(alert)],
    ['upon', processOf(alert, 'target')],
    ['process', processOf(alert, 'process')],
    ['as', userOf(alert)],
    ['directory', at('process.cwd')],
    ['container', at('container.id')],
    ['parent', processOf(alert, 'process.parent')],
    ['risk', `${alert.risk_score.toFixed(2)}, confidence ${alert.confidence.toFixed(2)}`],
    ['response', alert.response.outcome === 'none' ? '' : `${alert.response.action}: ${alert.response.outcome}`],
    ...repeats(alert),
  ];
  return facts
    .filter(([, value]) => value !== '')
    .flatMap(([name, value]) => {
      const [first = '', ...more] = wrapped(clip(visible(value), 600), width - 2 - NAME_WIDTH, '');
      return [`  ${name.padEnd(NAME_WIDTH)}${first}`, ...more.map((line) => `  ${' '.repeat(NAME_WIDTH)}${line}`)];
    });
}

const differs = (text: string, other: string) => (text === other ? '' : text);

function fileOf(alert: Alert): string {
  const path = textAt(alert, 'file.path');
  const moved = textAt(alert, 'file.new_path');
  const facts = [textAt(alert, 'file.access'), textAt(alert, 'event.unverified') === 'true' ? 'unverified' : ''];
  const known = facts.filter((fact) => fact !== '').join(', ');
  if (path === '' && moved === '') return '';
  return `${path}${moved === '' ? '' : ` → ${moved}`}${known === '' ? '' : ` (${known})`}`;
}

function networkOf(alert: Alert): string {
  const end = (side: string) => {
    const ip = textAt(alert, `network.${side}.ip`);
    const port = textAt(alert, `network.${side}.port`);
    return ip === '' ? '' : `${ip.includes(':') ? `[${ip}]` : ip}${port === '' ? '' : `:${port}`}`;
  };
  const name = textAt(alert, 'network.destination.hostname');
  const parts = [
    textAt(alert, 'network.transport'),
    end('source'),
    end('destination') === '' ? '' : `→ ${end('destination')}`,
    name === '' ? '' : `(${name})`,
  ];
  return parts.filter((part) => part !== '').join(' ');
}

function processOf(alert: Alert, group: string): string {
  const pid = textAt(alert, `${group}.pid`);
  const name = textAt(alert, `${group}.name`) || textAt(alert, `${group}.path`);
  return pid === '' ? name : `${name === '' ? '' : `${name}, `}pid ${pid}`;
}

function userOf(alert: Alert): string {
  const uid = textAt(alert, 'process.uid');
  const euid = textAt(alert, 'process.euid');
  const name = textAt(alert, 'user.name');
  const facts = [uid === '' ? '' : `uid ${uid}`, euid === uid || euid === '' ? '' : `effective uid ${euid}`];
  const known = facts.filter((fact) => fact !== '').join(', ');
  return name === '' || known === '' ? name || known : `${name} (${known})`;
}

function repeats({ repeated }: Alert): (readonly [string, string])[] {
  if (repeated === undefined) return [];
  const { count, first, last, distinct = {}, more = [] } = repeated;
  return [
    ['repeated', `${count} more from ${clock(first)} to ${clock(last)}`],
    ...Object.entries(distinct).map(
      ([field, values]) => ['', `${field}: ${values.join(', ')}${more.includes(field) ? ', …' : ''}`] as const,
    ),
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

/** What every program opens as it starts; it says nothing of this one. */
const OF_EVERY_START =
  /^\/etc\/ld\.so\.(?:cache|preload)$|\/gconv-modules\.cache$|\/locale-archive$|\.so(?:\.\d+)*$|^\/dev\/(?:null|tty)$/;

/** The newest events of the process, from before the alert; the same again is counted. */
function doings(alert: Alert, { width }: Terminal): string[] {
  const recent = valueAt(alert, 'recent_events');
  const rows: { time: string; text: string; count: number }[] = [];
  for (const event of Array.isArray(recent) ? recent : []) {
    const file = textAt(event, 'file.path');
    if (OF_EVERY_START.test(file)) continue;
    const object = file || textAt(event, 'network.destination.ip') || started(event);
    const error = textAt(event, 'event.error');
    const text = `${textAt(event, 'event.type').padEnd(16)} ${object}${error === '' ? '' : ` (${error})`}`;
    const last = rows.at(-1);
    if (last?.text === text) last.count += 1;
    else rows.push({ time: clock(Number(textAt(event, 'timestamp'))), text, count: 1 });
  }
  return rows
    .slice(-MAX_DOINGS)
    .map(({ time, text, count }) => clip(visible(`  ${time} ${text}${count > 1 ? ` ×${count}` : ''}`), width));
}

/** What was started, or was to be. */
function started(event: unknown): string {
  return textAt(event, 'process.command_line') || textAt(event, 'process.path');
}

function timeline(incident: IncidentDetail | string, { alert_id }: Alert, { width }: Terminal): string[] {
  if (typeof incident === 'string') return wrapped(incident, width, '  ');
  const { incident_id, alerts, first, last, timeline: entries } = incident;
  const rows: { shown: boolean; text: string; count: number; time: number }[] = [];
  for (const { alert_id: id, timestamp, severity, rule, count } of entries) {
    const shown = id === alert_id;
    const text = `${severity.toUpperCase().padEnd(8)} ${rule}`;
    const previous = rows.at(-1);
    if (previous !== undefined && previous.text === text && !previous.shown && !shown) previous.count += count;
    else rows.push({ shown, text, count, time: timestamp });
  }
  const at = Math.max(
    0,
    rows.findIndex(({ shown }) => shown),
  );
  const start = Math.max(0, Math.min(at - MAX_TIMELINE / 2, rows.length - MAX_TIMELINE));
  const end = Math.min(rows.length, start + MAX_TIMELINE);
  return [
    `  ${incident_id}: ${alerts} ${alerts === 1 ? 'alert' : 'alerts'} from ${clock(first)} to ${clock(last)}`,
    ...(start > 0 ? [`    … ${start} earlier`] : []),
    ...rows
      .slice(start, end)
      .map(({ shown, text, count, time }) =>
        clip(`  ${shown ? '▸' : ' '} ${clock(time)} ${text}${count > 1 ? ` ×${count}` : ''}`, width),
      ),
    ...(end < rows.length ? [`    … ${rows.length - end} later`] : []),
  ];
}
