import type { Severity } from '../../rules/types.ts';
import { formatAlertLine, valueAt } from '../line.ts';
import type { Alert } from '../types.ts';

const PRIORITY: Readonly<Record<Severity, string>> = {
  info: 'Informational',
  warning: 'Warning',
  critical: 'Critical',
};

/** Falco's field names, and where their values are in an alert. */
const FIELDS: Readonly<Record<string, string>> = {
  'evt.type': 'event.type',
  'proc.name': 'process.name',
  'proc.exepath': 'process.path',
  'proc.cmdline': 'process.command_line',
  'proc.cwd': 'process.cwd',
  'proc.pid': 'process.pid',
  'proc.ppid': 'process.ppid',
  'proc.pname': 'process.parent.name',
  'proc.pexepath': 'process.parent.path',
  'proc.pcmdline': 'process.parent.command_line',
  'proc.tty': 'process.tty',
  'user.name': 'user.name',
  'user.uid': 'process.uid',
  'user.loginuid': 'process.auid',
  'container.id': 'container.id',
  'container.name': 'container.name',
  'container.image.repository': 'container.image.name',
  'container.image.tag': 'container.image.tag',
  'k8s.ns.name': 'container.pod_namespace',
  'k8s.pod.name': 'container.pod_name',
  'fs.path.name': 'file.path',
  'fs.path.target': 'file.new_path',
  'fd.sip': 'network.destination.ip',
  'fd.sport': 'network.destination.port',
  'fd.cip': 'network.source.ip',
  'fd.cport': 'network.source.port',
  'fd.l4proto': 'network.transport',
};

/**
 * The alert in the form of Falco's JSON output, which falcosidekick (and with
 * it some sixty services) takes at its HTTP input. An alert of a Falco rule has
 * that rule's own priority, text and fields.
 */
export function toFalco(alert: Alert): Record<string, unknown> {
  const fields: Record<string, unknown> = { 'evt.time': Math.round(alert.timestamp * 1e9) };
  for (const [name, path] of Object.entries(FIELDS)) {
    const value = valueAt(alert, path);
    if (value !== undefined) fields[name] = value;
  }
  // Falco's word for a process that is in no container.
  fields['container.id'] ??= 'host';
  const time = isoNanoseconds(alert.timestamp);
  const { priority = PRIORITY[alert.severity], output, output_fields: own } = alert;
  return {
    uuid: alert.alert_id,
    time,
    priority,
    rule: alert.rule.name,
    output: output === undefined ? `${time}: ${formatAlertLine(alert)}` : `${time}: ${priority} ${output}`,
    source: own === undefined ? 'bpfwarden' : 'syscall',
    hostname: alert.host.name,
    tags: [...new Set([...alert.rule.tags, ...alert.rule.mitre])],
    output_fields: {
      ...(own === undefined
        ? fields
        : { 'container.id': fields['container.id'], ...own, 'evt.time': fields['evt.time'] }),
      'bpfwarden.alert_id': alert.alert_id,
      'bpfwarden.fingerprint': alert.fingerprint,
      'bpfwarden.risk_score': alert.risk_score,
    },
  };
}

/** RFC 3339 with nine digits, of Unix seconds (whose own precision is about a microsecond). */
export function isoNanoseconds(seconds: number): string {
  const whole = Math.floor(seconds);
  const micro = Math.min(999_999, Math.round((seconds - whole) * 1e6));
  return `${new Date(whole * 1000).toISOString().slice(0, 19)}.${String(micro).padStart(6, '0')}000Z`;
}
