import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

export const ROOT = join(import.meta.dirname, '..', '..', '..');
export const RULES = join(ROOT, 'prometheus', 'rules');
export const RUNBOOKS = join(ROOT, 'docs', 'runbooks');

export interface Rule {
  readonly file: string;
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Every rule of prometheus/rules, in the order of the files. */
export function readRules(): Rule[] {
  return readdirSync(RULES)
    .sort()
    .flatMap((file) => {
      const { groups } = parse(readFileSync(join(RULES, file), 'utf8')) as {
        groups: { rules: Omit<Rule, 'file'>[] }[];
      };
      return groups.flatMap((group) => group.rules.map((rule) => ({ ...rule, file })));
    });
}

/** Runs a checker of the Prometheus family; a missing one is an error, not a skipped test. */
export function run(command: string, ...args: string[]): SpawnSyncReturns<string> {
  const result = spawnSync(command, args, { encoding: 'utf8', cwd: ROOT });
  if (result.error !== undefined) throw result.error;
  return result;
}
