import { expect } from 'chai';
import { COMMANDS } from '../../src/cli/commands.ts';
import { parseCommandLine } from '../../src/cli/flags.ts';
import { helpText } from '../../src/cli/help.ts';
import { wantsJson } from '../../src/cli/output.ts';
import { settingsOf } from '../../src/cli/settings.ts';

describe('command line', () => {
  it('runs when no command is given', () => {
    expect(parseCommandLine(['--web.listen-address=127.0.0.1:0']).command).to.equal('run');
  });

  it('takes repeated paths', () => {
    const { flags } = parseCommandLine(['replay', 'x.ndjson', '--rules.path=a', '--rules.path=b']);
    expect(settingsOf(flags).rules.paths).to.deep.equal(['a', 'b']);
  });

  it('names the nearest flag and command', () => {
    expect(() => parseCommandLine(['--config.fil=x'])).to.throw(/--config.file/);
    expect(() => parseCommandLine(['chek'])).to.throw(/did you mean "check"/);
    expect(() => parseCommandLine(['rules', '-o', 'json'])).to.throw(/did you mean --json/);
    expect(() => parseCommandLine(['alerts', '--no-color'])).to.throw(/did you mean --color=never/);
  });

  it('answers in JSON where it lists something, on either of two flags that do not contradict each other', () => {
    for (const command of ['check', 'rules', 'spool', 'alerts', 'top'])
      for (const flag of ['--json', '--format=json'])
        expect(wantsJson(parseCommandLine([command, flag]).flags), `${command} ${flag}`).to.equal(true);
    expect(wantsJson(parseCommandLine(['rules']).flags)).to.equal(false);
    expect(() => wantsJson(parseCommandLine(['rules', '--json', '--format=text']).flags)).to.throw(/contradict/);
    expect(() => parseCommandLine(['replay', 'x', '--json'])).to.throw(/--json does not go with replay/);
  });

  it('takes every command with --help, and refuses one argument more than it takes', () => {
    for (const [command, { takes }] of Object.entries(COMMANDS)) {
      expect(parseCommandLine([command, '-h']).flags.help, command).to.equal(true);
      expect(() => parseCommandLine([command, '--nonsense']), command).to.throw(/unknown flag --nonsense/);
      if (!Number.isFinite(takes[1])) continue;
      const many = Array.from({ length: takes[1] + 1 }, () => 'x');
      expect(() => parseCommandLine([command, ...many]), command).to.throw(/does not take "x"/);
    }
  });

  it('checks a flag like the option it sets', () => {
    expect(() => settingsOf(parseCommandLine(['--log.level=loud']).flags)).to.throw(/log.level.*"info"/);
  });

  it('lists every command in its help', () => {
    for (const command of ['run', 'check', 'test', 'record', 'replay', 'explain', 'rules'])
      expect(helpText()).to.contain(`  ${command} `);
  });
});
