import { expect } from 'chai';
import { kernelFilter } from '../../../src/rules/literals/kernel-filter.ts';
import { loadRules } from '../../../src/rules/load.ts';
import { KINDS } from '../../../src/schema/kinds.ts';
import { DEFAULT_CASES } from './support/default-cases.ts';
import { record } from './support/load.ts';

/** The file that Falco's packages install, unmodified (Apache License 2.0). */
const FILE = `${import.meta.dirname}/fixtures/falco_rules.yaml`;

describe("Falco's default rules", () => {
  const { ruleset, problems } = loadRules({ paths: [], falcoPaths: [FILE] });
  const found = async (fields: object): Promise<string[]> => {
    const finding = await ruleset.evaluate(record(fields as Record<string, unknown>));
    return finding?.matches.map(({ rule }) => rule.name) ?? [];
  };

  it('load without a refusal', () => {
    expect(problems).to.deep.equal([]);
    expect(DEFAULT_CASES.map(({ rule }) => rule)).to.have.members(ruleset.infos.map(({ name }) => name));
  });

  it('leave the kernel filter on', () => {
    const { kinds } = kernelFilter(ruleset.rules, Object.keys(KINDS), { folds: true });
    const passing = (pass: string) => [...kinds].filter(([, filter]) => filter.pass === pass).map(([kind]) => kind);
    expect(passing('tokens')).to.have.members(['file_open', 'file_link', 'net_conn', 'net_send']);
    expect(passing('whole')).to.have.members([
      'process_exec',
      'process_ptrace',
      'file_symlink',
      'socket_raw',
      'socket_dup',
      'module_load',
    ]);
  });

  for (const { rule, event, miss } of DEFAULT_CASES) {
    it(`${rule}: found, and not in the near miss`, async () => {
      expect(await found(event)).to.include(rule);
      expect(await found({ ...event, ...miss })).to.not.include(rule);
    });
  }
});
