import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { OUTPUTS } from '../../scripts/generate-completions.ts';
import { COMMANDS, COMMON } from '../../src/cli/commands.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** What bash offers for the words of a command line, the last one unfinished; "=" is a word of its own, as in readline. */
function offered(...words: string[]): string[] {
  const script = `
    compopt() { :; }
    source packaging/completions/bpfwarden.bash
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _bpfwarden
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const text = execFileSync('bash', ['-c', script, 'bash', ...words], { cwd: ROOT, encoding: 'utf8' });
  return text.split('\n').filter((line) => line !== '');
}

describe('man page and completions', () => {
  for (const [file, text] of Object.entries(OUTPUTS))
    it(`${file} is what the command table says now`, () => {
      expect(readFileSync(join(ROOT, file), 'utf8')).to.equal(text());
    });

  it('bash offers every command first, the flags of every command and those of its own', () => {
    expect(offered('bpfwarden', '')).to.have.members(Object.keys(COMMANDS));
    expect(offered('bpfwarden', 're')).to.have.members(Object.keys(COMMANDS).filter((name) => name.startsWith('re')));
    for (const [name, { flags }] of Object.entries(COMMANDS))
      expect(offered('bpfwarden', name, '--').map((flag) => flag.replace('=', ''))).to.have.members(
        [...COMMON, ...flags].map((flag) => `--${flag}`),
      );
  });

  it('bash offers the words that a flag takes, and files where it takes one', () => {
    expect(offered('bpfwarden', '--log.level', '=', 'w')).to.deep.equal(['warn']);
    expect(offered('bpfwarden', '--log.level', '=')).to.include('debug');
    expect(offered('bpfwarden', '--config.file', '=', 'packaging/bpf')).to.include('packaging/bpfwarden.toml');
    expect(offered('bpfwarden', 'test', 'packag')).to.include('package.json');
  });
});
