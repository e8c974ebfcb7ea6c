import { createSink, SINK_TYPES } from '../../../src/alerts/sinks/registry.ts';
import { DeliveryError, type Sink, type SinkContext } from '../../../src/alerts/sinks/types.ts';
import type { SpooledAlert } from '../../../src/alerts/spool/types.ts';
import { defaultsOf } from '../../../src/config/option.ts';
import { SINK_OPTIONS, type SinkConfig } from '../../../src/config/options.ts';
import type { RuleInfo } from '../../../src/rules/types.ts';
import type { EventRecord } from '../../../src/schema/event.ts';
import { alertsOf, execEvent, findingOf, SILENT } from './findings.ts';

export function sinkConfig(config: Readonly<Record<string, unknown>> & { readonly type: string }): SinkConfig {
  const { options = {} } = SINK_TYPES.find(({ type }) => type === config.type) ?? {};
  return { ...defaultsOf(SINK_OPTIONS), ...defaultsOf(options), name: 's', timeout_seconds: 2, ...config };
}

export function sinkContext(context: Partial<SinkContext> = {}): SinkContext {
  let state: string | undefined;
  return {
    externalUrl: 'http://127.0.0.1:9477',
    hostName: 'web-1',
    version: '0.0.0',
    log: SILENT,
    env: {},
    stdout: process.stdout,
    state: {
      load: () => state,
      save: (text) => {
        state = text;
      },
    },
    plugin: () => {
      throw new Error('no plugins here');
    },
    ...context,
  };
}

export function makeSink(config: Parameters<typeof sinkConfig>[0], context: Partial<SinkContext> = {}): Sink {
  return createSink(sinkConfig(config), sinkContext(context));
}

let seq = 0;
export function spooled(id = 'a-1', rule: Partial<RuleInfo> = {}, event: EventRecord = execEvent()): SpooledAlert {
  const [alert] = alertsOf(findingOf(event, rule), { hostName: 'web-1', newId: () => id });
  if (alert === undefined) throw new Error('no alert');
  seq += 1;
  return { seq, acceptedAt: 1_800_000_000_500, json: JSON.stringify(alert), alert };
}

/** The DeliveryError of a delivery that must fail. */
export async function failureOf(delivery: Promise<unknown>): Promise<DeliveryError> {
  try {
    await delivery;
  } catch (error) {
    if (error instanceof DeliveryError) return error;
    throw error;
  }
  throw new Error('the delivery worked');
}

export const UNABORTED = new AbortController().signal;
