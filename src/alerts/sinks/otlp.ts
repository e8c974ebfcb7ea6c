import { type Options, url } from '../../config/option.ts';
import type { Severity } from '../../rules/types.ts';
import { formatAlertLine, processTree } from '../line.ts';
import type { SpooledAlert } from '../spool/types.ts';
import { checkStatus, createHttpClient, HTTP_OPTIONS } from './http-client.ts';
import { DeliveryError, notifies, type SettingsOf, type Sink, type SinkContext, sinkType } from './types.ts';

const OPTIONS = {
  url: url('Where to send, with or without /v1/logs'),
  ...HTTP_OPTIONS,
} as const satisfies Options;

export const otlp = sinkType({
  type: 'otlp',
  options: OPTIONS,
  required: [['url']],
  to: 'OTLP/HTTP, JSON, `/v1/logs`',
  delivered: 'answered 200; what a partial success leaves out is rejected',
  open: otlpSink,
});

/** OpenTelemetry's severity numbers for INFO, WARN and FATAL. */
const SEVERITY: Readonly<Record<Severity, readonly [number: number, text: string]>> = {
  info: [9, 'INFO'],
  warning: [13, 'WARN'],
  critical: [21, 'FATAL'],
};
const RETRYABLE = new Set([408, 425, 429, 500, 502, 503, 504]);
/** Names of the semantic conventions, where they have one. */
const RENAMED: Readonly<Record<string, string>> = {
  'process.path': 'process.executable.path',
  'process.args': 'process.command_args',
  'process.ppid': 'process.parent_pid',
  'process.cwd': 'process.working_directory',
  'network.destination.ip': 'destination.address',
  'network.destination.port': 'destination.port',
  'network.source.ip': 'source.address',
  'network.source.port': 'source.port',
};

const FRACTIONS = new Set([
  'risk_score',
  'confidence',
  'process.start_time',
  'process.parent.start_time',
  'event.timestamp',
]);

type AnyValue =
  | { stringValue: string }
  | { boolValue: boolean }
  | { intValue: string }
  | { doubleValue: number }
  | { arrayValue: { values: AnyValue[] } };
interface KeyValue {
  readonly key: string;
  readonly value: AnyValue;
}

/** Logs by OTLP/HTTP in its JSON form: 64-bit numbers are text there. */
function otlpSink(config: SettingsOf<typeof OPTIONS>, context: SinkContext): Sink {
  const client = createHttpClient(config, context);
  const target = config.url.endsWith('/v1/logs') ? config.url : `${config.url.replace(/\/+$/, '')}/v1/logs`;
  return {
    name: config.name,
    batch: 100,
    accepts: notifies(config.min_severity),
    async deliver(alerts, signal) {
      const body = JSON.stringify(encodeLogs(alerts, context));
      const answer = await client.post(target, body, { 'content-type': 'application/json' }, signal);
      if (answer.status === 200) return { rejected: rejectedOf(answer.body, alerts.length, context) };
      if (
        !RETRYABLE.has(answer.status) &&
        answer.status >= 400 &&
        answer.status < 500 &&
        ![401, 403, 404, 407].includes(answer.status)
      )
        throw new DeliveryError(`answered ${answer.status}`, { permanent: true });
      checkStatus(answer);
      return { rejected: 0 };
    },
    close: () => client.close(),
  };
}

/** A partial success: the receiver took the rest, and a repeat is forbidden. */
function rejectedOf(body: string, sent: number, { log }: SinkContext): number {
  if (body.trim() === '') return 0;
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch {
    return 0; // A 200 is a success, whatever its body.
  }
  const partial = (answer as { partialSuccess?: { rejectedLogRecords?: unknown; errorMessage?: unknown } } | null)
    ?.partialSuccess;
  const rejected = Number(partial?.rejectedLogRecords ?? 0);
  if (typeof partial?.errorMessage === 'string' && partial.errorMessage !== '')
    log.warn({ rejected, message: partial.errorMessage.slice(0, 200) }, 'the OTLP receiver has something to say');
  return Number.isSafeInteger(rejected) && rejected > 0 ? Math.min(rejected, sent) : 0;
}

export function encodeLogs(
  alerts: readonly SpooledAlert[],
  context: Pick<SinkContext, 'hostName' | 'version' | 'externalUrl'>,
) {
  return {
    resourceLogs: [
      {
        resource: { attributes: attributes({ 'service.name': 'bpfwarden', 'host.name': context.hostName }) },
        scopeLogs: [
          {
            scope: { name: 'bpfwarden', version: context.version },
            logRecords: alerts.map((alert) => record(alert, context.externalUrl)),
          },
        ],
      },
    ],
  };
}

function record({ alert, acceptedAt }: SpooledAlert, externalUrl: string) {
  const [severityNumber, severityText] = SEVERITY[alert.severity];
  const { label, timestamp, rule, matched: _matched, host: _host, ...rest } = alert;
  return {
    timeUnixNano: nanoseconds(timestamp),
    observedTimeUnixNano: `${acceptedAt}000000`,
    severityNumber,
    severityText,
    eventName: 'bpfwarden.alert',
    body: { stringValue: formatAlertLine(alert) },
    attributes: attributes({
      ...flatten({
        ...rest,
        alert: { label, url: `${externalUrl}/api/v1/alerts/${alert.alert_id}` },
        rule: { name: rule.name, id: rule.id, mitre: rule.mitre, tags: rule.tags },
      }),
      // One text that a table can show; the ancestors by themselves are a list of objects.
      'process.tree': processTree(alert),
    }),
  };
}

/** Unix seconds as text in nanoseconds; a double holds about a quarter of a microsecond here. */
function nanoseconds(seconds: number): string {
  const whole = Math.floor(seconds);
  return (BigInt(whole) * 1_000_000_000n + BigInt(Math.round((seconds - whole) * 1e9))).toString();
}

function flatten(value: object, prefix = '', result: Record<string, unknown> = {}): Record<string, unknown> {
  for (const [key, entry] of Object.entries(value)) {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    if (typeof entry === 'object' && entry !== null && !Array.isArray(entry)) flatten(entry, path, result);
    else result[RENAMED[path] ?? path] = entry;
  }
  return result;
}

function attributes(values: Readonly<Record<string, unknown>>): KeyValue[] {
  return Object.entries(values).flatMap(([key, entry]) => {
    // One name keeps one type: a score of 1 is a double like one of 0.7.
    const value = FRACTIONS.has(key) ? { doubleValue: Number(entry) } : anyValue(entry);
    return value === undefined ? [] : [{ key, value }];
  });
}

function anyValue(value: unknown): AnyValue | undefined {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number')
    return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  if (Array.isArray(value))
    return {
      arrayValue: {
        values: value.flatMap(
          (entry) => (typeof entry === 'object' ? { stringValue: JSON.stringify(entry) } : anyValue(entry)) ?? [],
        ),
      },
    };
  return undefined;
}
