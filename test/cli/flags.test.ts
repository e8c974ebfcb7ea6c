import { expect } from 'chai';
import { parseCommandLine } from '../../src/cli/flags.ts';
import { helpText } from '../../src/cli/help.ts';
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
    expect(() => parseCommandLine(['rules', '--json'])).to.throw(/did you mean --format=json/);
    expect(() => parseCommandLine(['rules', '-o', 'json'])).to.throw(/did you mean --format=json/);
    expect(() => parseCommandLine(['alerts', '--no-color'])).to.throw(/did you mean --color=never/);
  });

  it('checks a flag like the option it sets', () => {
    expect(() => settingsOf(parseCommandLine(['--log.level=loud']).flags)).to.throw(/log.level.*"info"/);
  });

  it('lists every command in its help', () => {
    for (const command of ['run', 'check', 'test', 'record', 'replay', 'explain', 'rules'])
      expect(helpText()).to.contain(`  ${command} `);
  });
});
