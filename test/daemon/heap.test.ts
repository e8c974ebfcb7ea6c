import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'chai';

const ROOT = join(import.meta.dirname, '..', '..');
/** Loose: what is kept by mistake (parsed YAML and CEL, examples) is several times as much. */
const MOST_BYTES_PER_RULE = 60_000;

const PROGRAM = `
  import { defaultConfig } from '${ROOT}/src/config/load.ts';
  import { loadConfiguredRules } from '${ROOT}/src/daemon/rules.ts';
  await import('${ROOT}/src/rules/load.ts');
  const used = () => {
    for (let times = 0; times < 3; times++) globalThis.gc();
    return process.memoryUsage().heapUsed;
  };
  const settings = { config: defaultConfig(), rulePaths: ['${ROOT}/rules'], allowUnsafeFiles: true };
  const before = used();
  const loaded = await loadConfiguredRules(settings, undefined);
  const bytes = used() - before;
  console.log(JSON.stringify({ bytes, rules: loaded.ruleset.infos.length, filtered: loaded.filter.kinds.size }));
`;

describe('memory of the rules in force', () => {
  it('is a few kilobytes a rule: what only loading needs is gone', () => {
    const flags = ['--import', 'tsx', '--expose-gc', '--input-type=module', '--eval', PROGRAM];
    const { stdout, stderr } = spawnSync(process.execPath, flags, { cwd: ROOT, encoding: 'utf8' });
    expect(stderr).to.equal('');
    const { bytes, rules } = JSON.parse(stdout) as { bytes: number; rules: number };
    expect(rules).to.be.above(200);
    expect(bytes / rules).to.be.below(MOST_BYTES_PER_RULE);
  }).timeout(120_000);
});
