import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { OUTPUTS } from '../../scripts/generate-rule-pack.ts';
import { kernelFilter } from '../../src/rules/literals/kernel-filter.ts';
import { loadRules } from '../../src/rules/load.ts';
import { RENAMED_RULES, remedyForRule } from '../../src/rules/renamed.ts';
import { KINDS } from '../../src/schema/kinds.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const KIND_NAMES = Object.keys(KINDS);

interface PackRule {
  readonly name: string;
  readonly severity: string;
  readonly risk_score: number;
  readonly mitre: readonly string[];
  readonly recommendation: string;
  readonly runbook: string;
}

interface Example {
  readonly match?: unknown;
  readonly no_match?: unknown;
  readonly each?: Readonly<Record<string, readonly unknown[]>>;
}

/** How many there are of a kind, those that `each` adds among them. */
function examplesOf(examples: readonly Example[], kind: 'match' | 'no_match'): number {
  return examples
    .filter((example) => example[kind] !== undefined)
    .reduce(
      (sum, { each }) => sum + 1 + Object.values(each ?? {}).reduce((count, values) => count + values.length, 0),
      0,
    );
}

describe('shipped rules', () => {
  for (const [file, text] of Object.entries(OUTPUTS)) {
    it(`${file} is what the rule files say now`, () => {
      expect(readFileSync(join(ROOT, file), 'utf8')).to.equal(text());
    });
  }

  for (const file of readdirSync(join(ROOT, 'rules')).filter((name) => /^[a-z].*\.yaml$/.test(name))) {
    it(`${file}: each rule has technique, score, recommendation, runbook and examples of both kinds`, () => {
      const parsed = parse(readFileSync(join(ROOT, 'rules', file), 'utf8')) as {
        rules: (PackRule & { readonly rating?: Partial<PackRule> })[];
      };
      const rules = parsed.rules.map((rule): PackRule => ({ ...rule, ...rule.rating }));
      const { examples } = parse(readFileSync(join(ROOT, 'rules', 'examples', file), 'utf8')) as {
        examples: Record<string, readonly Example[]>;
      };
      for (const rule of rules) {
        expect(rule.severity, rule.name).to.be.oneOf(['info', 'warning', 'critical']);
        expect(rule.risk_score, rule.name).to.be.within(0, 1);
        expect(rule.mitre.length, rule.name).to.be.greaterThan(0);
        for (const id of rule.mitre) expect(id, rule.name).to.match(/^TA?\d{4}(\.\d{3})?$/);
        expect(rule.recommendation, rule.name).to.not.equal('');
        expect(rule.runbook, rule.name).to.not.equal('');
        const own = examples[rule.name] ?? [];
        expect(examplesOf(own, 'match'), rule.name).to.be.at.least(2);
        expect(examplesOf(own, 'no_match'), rule.name).to.be.at.least(2);
      }
    });
  }

  it('that had another name once are found by it', () => {
    const { ruleset, disabled } = loadRules({ paths: [join(ROOT, 'rules')], heuristics: false, kinds: KIND_NAMES });
    const names = [...ruleset.infos, ...disabled.map(({ info }) => info)].map(({ name }) => name);
    for (const [old, [now, since]] of Object.entries(RENAMED_RULES)) {
      expect(names).to.include(now).and.not.to.include(old);
      expect(remedyForRule(old, names)).to.equal(`it is called "${now}" since ${since}`);
    }
    // Only where that rule is there: with rules of one's own instead of the shipped ones it is not.
    expect(remedyForRule('data_in_ping', ['data_in_pong'])).to.equal('did you mean "data_in_pong"?');
    expect(remedyForRule('toString', names)).to.not.match(/since/);
  });

  it('need no kind as a whole that a busy host has very many of', () => {
    const { ruleset, problems } = loadRules({ paths: [join(ROOT, 'rules')], heuristics: true, kinds: KIND_NAMES });
    expect(problems).to.deep.equal([]);
    const { kinds } = kernelFilter(ruleset.rules, KIND_NAMES, { folds: true });
    const whole = [
      'file_open',
      'file_read',
      'file_write',
      'file_create',
      'file_unlink',
      'file_rename',
      'file_link',
      'file_chown',
      'file_truncate',
      'file_utimens',
      'net_accept',
      'net_close',
      'net_send',
    ].filter((kind) => kinds.get(kind)?.pass === 'whole');
    expect(whole).to.deep.equal([]);
  });
});
