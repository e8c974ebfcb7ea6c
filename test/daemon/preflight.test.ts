import { expect } from 'chai';
import { SINK_TYPES } from '../../src/alerts/sinks/registry.ts';
import { parseConfig } from '../../src/config/load.ts';
import { preflight } from '../../src/daemon/preflight.ts';
import { formatProblem } from '../../src/errors.ts';
import { loadRuleTexts } from '../../src/rules/load.ts';

const RULES = loadRuleTexts([
  {
    path: 'r.json',
    text: '{"rules":[{"name":"suspicious_temp_execution","condition":"process.uid == 0","tags":["execution"]},{"name":"off","condition":"process.uid == 1","enabled":false}]}',
  },
]);
const found = async (toml: string) => {
  const { fatal, other } = await preflight(parseConfig(toml, 'c.toml', SINK_TYPES), RULES);
  return { fatal: fatal.map(formatProblem), other: other.map(formatProblem) };
};

describe('preflight', () => {
  it('has nothing to say of the defaults, nor of names that exist', async () => {
    expect(await found('')).to.deep.equal({ fatal: [], other: [] });
    const good =
      '[response]\nenforce_rules = ["suspicious_temp_execution", "tag:execution", "off"]\n[[silences]]\nrule = "suspicious_*"\nwhy = "x"\ncondition = "process.uid == 5"\n[output]\nevents_kinds = ["process_exec"]';
    expect(await found(good)).to.deep.equal({ fatal: [], other: [] });
  });

  const webhook = (template: string) =>
    `[[sinks]]\nname = "s"\ntype = "webhook"\nurl = "http://127.0.0.1:1/"\nformat = "template"\ntemplate = '${template}'`;
  const refused: readonly (readonly [string, RegExp])[] = [
    ['[web]\nlisten_address = "abc"', /listen_address: expected host:port/],
    ['[web]\nlisten_address = "127.0.0.1:99999"', /listen_address: expected host:port/],
    ['[web]\nconfig_file = "/nowhere/web.yml"', /web\.yml/],
    ['[[silences]]\nrule = ""\nwhy = "x"\ncondition = "process.nam == 1"', /silences.*process\.nam/],
    ['[redaction]\npatterns = ["("]', /redaction/],
    [webhook('{{proces.path}}'), /did you mean "process"/],
    [webhook('{{rule.name'), /not closed/],
    [webhook('{{rule name}}'), /no placeholder/],
  ];
  for (const [toml, expected] of refused) {
    it(`lets no daemon start with ${JSON.stringify(toml)}`, async () => {
      expect((await found(toml)).fatal.join()).to.match(expected);
    });
  }

  const ineffective: readonly (readonly [string, RegExp])[] = [
    ['[[silences]]\nrule = "suspicious_tmp_execution"\nwhy = "x"', /did you mean "suspicious_temp_execution"/],
    ['[output]\nevents_kinds = ["process_exce"]', /did you mean "process_exec"/],
    ['[output]\nalerts_file = "/nowhere/alerts.ndjson"', /\/nowhere does not exist \(mkdir -p/],
    ['[response]\nenforce_rules = ["nonexist"]', /no rule is called "nonexist"/],
    ['[response]\nenforce_rules = ["tag:nonexist"]', /no rule has the tag "nonexist"/],
    ['[[plugins]]\nname = "p"\nmodule = "/none.mjs"', /\/none\.mjs does not exist/],
    [
      '[[sinks]]\nname = "s"\ntype = "webhook"\nurl = "http://127.0.0.1:1/"\nsecret_file = "/none"',
      /\/none does not exist/,
    ],
  ];
  for (const [toml, expected] of ineffective) {
    it(`names what has no effect in ${JSON.stringify(toml)}`, async () => {
      expect((await found(toml)).fatal).to.deep.equal([]);
      expect((await found(toml)).other.join()).to.match(expected);
    });
  }
});
