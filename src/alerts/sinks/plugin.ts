import { type Options, path, string } from '../../config/option.ts';
import type { Config } from '../../config/options.ts';
import { type SettingsOf, sinkType } from './types.ts';

const OPTIONS = {
  module: path('', 'ES module'),
  options: string('', 'Passed to it'),
} as const satisfies Options;

/** A module of somebody else; its thread is the plugin layer's. */
export const plugin = sinkType({
  type: 'plugin',
  options: OPTIONS,
  required: [['module']],
  to: 'your code',
  delivered: 'it returned',
  open: (config, context) => context.plugin(config),
});

/** The sinks of a configuration that plugins bring. */
export function pluginSinks({ sinks }: Pick<Config, 'sinks'>): readonly SettingsOf<typeof OPTIONS>[] {
  // Checked against OPTIONS when the configuration was read.
  return sinks.filter(({ type }) => type === plugin.type) as unknown as readonly SettingsOf<typeof OPTIONS>[];
}
