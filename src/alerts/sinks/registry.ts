import { ARRAY_TABLES, type Config, type SinkConfig } from '../../config/options.ts';
import { WardenError } from '../../errors.ts';
import { alertmanagerSink } from './alertmanager.ts';
import { fileSink } from './file.ts';
import { otlpSink } from './otlp.ts';
import { syslogSink } from './syslog.ts';
import type { Sink, SinkContext } from './types.ts';
import { webhookSink } from './webhook.ts';

export type SinkFactory = (config: SinkConfig, context: SinkContext) => Sink;

/** One entry per sink type; plugins bring their own. */
const SINKS: Readonly<Record<Exclude<SinkConfig['type'], 'plugin'>, SinkFactory>> = {
  webhook: webhookSink,
  alertmanager: (config, context) => alertmanagerSink(config, context),
  file: (config) => fileSink(config),
  syslog: (config) => syslogSink(config),
  otlp: otlpSink,
};

/** Makes a sink. Throws CONFIG_INVALID for what only the sink can see is wrong. */
export function createSink(config: SinkConfig, context: SinkContext, plugin: SinkFactory): Sink {
  return (config.type === 'plugin' ? plugin : SINKS[config.type])(config, context);
}

const DEFAULTS = Object.fromEntries(
  Object.entries(ARRAY_TABLES.sinks).map(([key, option]) => [key, option.default]),
) as unknown as SinkConfig;

/**
 * Every sink of a configuration: those under [[sinks]], and those that the
 * simple keys stand for. Throws CONFIG_INVALID when a name is taken twice.
 */
export function sinkConfigs(config: Config): SinkConfig[] {
  const implicit: SinkConfig[] = [];
  const { response, output, alertmanager } = config;
  if (output.alerts_file !== '') {
    implicit.push({
      ...DEFAULTS,
      name: 'alerts_file',
      type: 'file',
      path: output.alerts_file,
      rotate_bytes: output.rotate_bytes,
      rotate_keep: output.rotate_keep,
    });
  }
  if (response.alert_webhook !== '')
    implicit.push({ ...DEFAULTS, name: 'webhook', type: 'webhook', url: response.alert_webhook });
  if (alertmanager.urls.length > 0) {
    implicit.push({
      ...DEFAULTS,
      name: 'alertmanager',
      type: 'alertmanager',
      urls: alertmanager.urls,
      min_severity: alertmanager.min_severity,
      resolve_seconds: alertmanager.resolve_seconds,
    });
  }
  const taken = config.sinks.find(({ name }) => implicit.some((sink) => sink.name === name));
  if (taken !== undefined) {
    const message = `the name "${taken.name}" belongs to the sink of a simple option`;
    const remedy = 'give the entry another name';
    throw new WardenError('CONFIG_INVALID', message, { problems: [{ subject: 'sinks', message, remedy }] });
  }
  return [...implicit, ...config.sinks];
}
