import type { Severity } from '../../rules/types.ts';
import { formatAlertLine } from '../line.ts';
import type { SpooledAlert } from '../spool/types.ts';
import { isoNanoseconds } from './falco.ts';

/** Facility 13, log audit. */
const FACILITY = 13;
/** Informational, warning, critical. */
const SEVERITY: Readonly<Record<Severity, number>> = { info: 6, warning: 4, critical: 2 };
/** The number that RFC 5612 sets aside for documentation: bpfwarden has none of its own. */
const SD_ID = 'bpfwarden@32473';

/**
 * One RFC 5424 message: the facts to filter by as structured data, the whole
 * alert as JSON in the text. Above `maxBytes` (UDP) the text is the line for a
 * person instead: half a JSON object is of no use to anybody.
 */
export function toSyslog({ alert, json }: SpooledAlert, maxBytes = Number.POSITIVE_INFINITY): Buffer {
  const timestamp = `${isoNanoseconds(alert.timestamp).slice(0, 26)}Z`;
  const pid = String((alert.process as { pid?: unknown } | undefined)?.pid ?? '-');
  const header = `<${FACILITY * 8 + SEVERITY[alert.severity]}>1 ${timestamp} ${name(alert.host.name, 255)} bpfwarden ${name(pid, 128)} alert`;
  const facts = {
    alert_id: alert.alert_id,
    rule: alert.rule.name,
    severity: alert.severity,
    risk_score: String(alert.risk_score),
    fingerprint: alert.fingerprint,
  };
  const data = Object.entries(facts).map(([key, value]) => ` ${key}="${value.replaceAll(/["\\\]]/g, '\\$&')}"`);
  const start = `${header} [${SD_ID}${data.join('')}] \ufeff`;
  const full = Buffer.from(start + json);
  if (full.length <= maxBytes) return full;
  const short = Buffer.from(start + formatAlertLine(alert));
  return short.length <= maxBytes ? short : short.subarray(0, maxBytes);
}

/** A header field is printable ASCII without spaces. */
const name = (text: string, length: number) => text.replaceAll(/[^\x21-\x7e]/g, '_').slice(0, length) || '-';
