import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'chai';

const ROOT = join(import.meta.dirname, '..', '..');
/** Of the shipped rules in force, as they are: heap, and tables beside it, most of which are made by the first events. 100 MiB at rest leave no room for more. */
const MOST_HEAP_MB = 17;
const MOST_TABLES_MB = 1;
/** Loose: what is kept by mistake (parsed YAML and CEL, examples) is several times as much. */
const MOST_BYTES_PER_RULE = 60_000;

const PROGRAM = `
  import { defaultConfig } from '${ROOT}/src/config/load.ts';
  import { loadConfiguredRules } from '${ROOT}/src/daemon/rules.ts';
  await import('${ROOT}/src/rules/load.ts');
  const used = () => {
    for (let times = 0; times < 3; times++) globalThis.gc();
    const { heapUsed: heap, arrayBuffers: tables } = process.memoryUsage();
    return { heap, tables };
  };
  const settings = { config: defaultConfig(), rulePaths: ['${ROOT}/rules'], allowUnsafeFiles: true };
  const before = used();
  const loaded = await loadConfiguredRules(settings, undefined);
  const after = used();
  const heap = after.heap - before.heap;
  const tables = after.tables - before.tables;
  console.log(JSON.stringify({ heap, tables, rules: loaded.ruleset.infos.length, filtered: loaded.filter.kinds.size }));
`;

describe('memory of the rules in force', () => {
  it('is a few kilobytes a rule: what only loading needs is gone', () => {
    const flags = ['--import', 'tsx', '--expose-gc', '--input-type=module', '--eval', PROGRAM];
    const { stdout, stderr } = spawnSync(process.execPath, flags, { cwd: ROOT, encoding: 'utf8' });
    expect(stderr).to.equal('');
    const { heap, tables, rules } = JSON.parse(stdout) as { heap: number; tables: number; rules: number };
    expect(rules).to.be.above(200);
    expect(heap / rules).to.be.below(MOST_BYTES_PER_RULE);
    expect(heap / 1e6, 'MB of heap').to.be.below(MOST_HEAP_MB);
    expect(tables / 1e6, 'MB of tables').to.be.below(MOST_TABLES_MB);
  }).timeout(120_000);
});
