import { defaultsOf } from '../../config/option.ts';
import { type Config, SINK_OPTIONS, type SinkConfig } from '../../config/options.ts';
import { WardenError } from '../../errors.ts';
import { alertmanager } from './alertmanager.ts';
import { file } from './file.ts';
import { otlp } from './otlp.ts';
import { plugin } from './plugin.ts';
import { syslog } from './syslog.ts';
import type { Sink, SinkContext, SinkType } from './types.ts';
import { webhook } from './webhook.ts';

/** Every type of sink. */
export const SINK_TYPES: readonly SinkType[] = [webhook, alertmanager, file, syslog, otlp, plugin];

/** Makes a sink. Throws CONFIG_INVALID for what only the sink can see is wrong. */
export function createSink(config: SinkConfig, context: SinkContext): Sink {
  return typeOf(config).open(config, context);
}

/** Files that the sink writes. */
export function sinkFiles(config: SinkConfig): readonly string[] {
  return typeOf(config).files?.(config) ?? [];
}

function typeOf({ type }: SinkConfig): SinkType {
  const found = SINK_TYPES.find((entry) => entry.type === type);
  if (found === undefined) throw new WardenError('CONFIG_INVALID', `there is no type of sink "${type}"`);
  return found;
}

/** A sink as if its table had these keys. */
function sinkOf({ type, options }: SinkType, given: Readonly<Record<string, unknown>>): SinkConfig {
  return { ...defaultsOf(SINK_OPTIONS), ...defaultsOf(options), ...given, type };
}

/**
 * Every sink of a configuration: those under [[sinks]], and those that the
 * simple keys stand for. Throws CONFIG_INVALID when a name is taken twice.
 */
export function sinkConfigs(config: Config): SinkConfig[] {
  const implicit: SinkConfig[] = [];
  const { response, output } = config;
  if (output.alerts_file !== '') {
    const { alerts_file, rotate_bytes, rotate_keep } = output;
    implicit.push(sinkOf(file, { name: 'alerts_file', path: alerts_file, rotate_bytes, rotate_keep }));
  }
  if (response.alert_webhook !== '') implicit.push(sinkOf(webhook, { name: 'webhook', url: response.alert_webhook }));
  if (config.alertmanager.urls.length > 0)
    implicit.push(sinkOf(alertmanager, { name: 'alertmanager', ...config.alertmanager }));
  const taken = config.sinks.find(({ name }) => implicit.some((sink) => sink.name === name));
  if (taken !== undefined) {
    const message = `the name "${taken.name}" belongs to the sink of a simple option`;
    const remedy = 'give the entry another name';
    throw new WardenError('CONFIG_INVALID', message, { problems: [{ subject: 'sinks', message, remedy }] });
  }
  return [...implicit, ...config.sinks];
}
