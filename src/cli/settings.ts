import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SINK_TYPES } from '../alerts/sinks/registry.ts';
import { defaultConfig, loadConfig } from '../config/load.ts';
import { type Config, TABLES } from '../config/options.ts';
import { distrust } from '../config/trust.ts';
import { mismatch } from '../config/validate.ts';
import { WardenError } from '../errors.ts';
import { builtFile } from '../kernel/built.ts';
import type { FlagName, Flags } from './flags.ts';

/** The package's own directory: shipped rules and build output are found from here, wherever it is started. */
export const PACKAGE_DIRECTORY = findPackage(dirname(fileURLToPath(import.meta.url)));
const SHIPPED_RULES = join(PACKAGE_DIRECTORY, 'rules');
export const RUNBOOKS = join(PACKAGE_DIRECTORY, 'docs', 'runbooks');
export const BPF_OBJECT = builtFile('bpf/bpfwarden.bpf.o');

function findPackage(directory: string): string {
  if (existsSync(join(directory, 'package.json'))) return directory;
  const parent = dirname(directory);
  if (parent === directory) throw new Error('package.json was not found above the program');
  return findPackage(parent);
}

/** Flags that set an option, so that their values are checked like it. */
const OVERRIDES = {
  'web.listen-address': ['web', 'listen_address'],
  'web.config.file': ['web', 'config_file'],
  'web.enable-lifecycle': ['web', 'enable_lifecycle'],
  'log.level': ['response', 'log_level'],
  'log.format': ['response', 'log_format'],
  'rules.path': ['rules', 'paths'],
  'rules.local-path': ['rules', 'local_paths'],
  'sigma.path': ['rules', 'sigma_paths'],
  'falco.path': ['rules', 'falco_paths'],
  'output.alerts': ['output', 'alerts_file'],
  'output.events': ['output', 'events_file'],
  'output.format': ['output', 'format'],
} as const satisfies Partial<Record<FlagName, readonly [keyof typeof TABLES, string]>>;

/** The configuration that a command runs with: file, then flags. */
export function settingsOf(flags: Flags): Config {
  const file = flags['config.file'];
  const config = file === undefined ? defaultConfig() : loadConfig(file, SINK_TYPES);
  const merged: Record<string, Record<string, unknown>> = {};
  for (const [flag, [table, key]] of Object.entries(OVERRIDES)) {
    const value = flags[flag as FlagName];
    if (value === undefined) continue;
    const option = (TABLES[table] as Record<string, { type: Parameters<typeof mismatch>[0] }>)[key];
    const expected = option === undefined ? undefined : mismatch(option.type, value);
    if (expected !== undefined)
      throw new WardenError('FLAG_INVALID', `--${flag}: expected ${expected}, found "${String(value)}"`);
    merged[table] = { ...merged[table], [key]: value };
  }
  const tables = Object.entries(merged).map(([table, values]) => [
    table,
    { ...config[table as keyof typeof TABLES], ...values },
  ]);
  return Object.freeze({ ...config, ...Object.fromEntries(tables) });
}

/** Throws CONFIG_INVALID when somebody else may write the files that tell the daemon what to do. */
export function trust(flags: Flags, { web }: Config): void {
  if (flags['allow-unsafe-files'] === true) return;
  const files = [flags['config.file'], web.config_file].filter((file) => file !== undefined && file !== '');
  const problems = files.flatMap((file) => distrust(String(file)) ?? []);
  if (problems.length > 0)
    throw new WardenError('CONFIG_INVALID', 'a file that tells the daemon what to do is not safe', { problems });
}

/** Rule files to load: those named, else the shipped ones, and after them the local ones. */
export function rulePathsOf({ rules: { paths, local_paths } }: Config): readonly string[] {
  return [...(paths.length > 0 ? paths : [SHIPPED_RULES]), ...local_paths];
}
