import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { toFalco } from '../../src/alerts/formats/falco.ts';
import type { Alert } from '../../src/alerts/types.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'main.js');

const RULES = `
- list: shells
  items: [bash, sh]
- macro: spawned_process
  condition: (evt.type in (execve, execveat))
- rule: Shell with a secret
  desc: A shell.
  condition: spawned_process and proc.name in (shells)
  output: "Shell (user=%user.name command=%proc.cmdline gparent=%proc.aname[2] pid=%proc.pid tty=%proc.tty %container.info)"
  priority: ERROR
  tags: [mitre_execution, T1059]
- rule: Quiet
  desc: Off.
  condition: spawned_process
  output: x
  priority: DEBUG
  enabled: false
`;
const LOCAL = `
- list: shells
  items: [zsh]
  override:
    items: append
- rule: Needs what is not there
  desc: Refused.
  condition: evt.type = execve and proc.vmsize > 1
  output: x
  priority: INFO
`;
const EVENTS = [
  {
    event: { type: 'process_exec', id: 'a' },
    process: { pid: 9, path: '/bin/bash', args: ['bash', '--password=hunter2'] },
    user: { name: 'ann' },
    timestamp: 1_795_000_000.5,
  },
  { event: { type: 'process_exec', id: 'b' }, process: { pid: 9, path: '/bin/zsh', args: ['zsh'] } },
  { event: { type: 'process_exec', id: 'c' }, process: { pid: 9, path: '/bin/fish', args: ['fish'] } },
];

describe('Falco rules at the command line', () => {
  let directory: string;
  const files: string[] = [];
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpfwarden-falco-'));
    for (const [name, text] of [
      ['falco_rules.yaml', RULES],
      ['falco_rules.local.yaml', LOCAL],
      ['events.ndjson', EVENTS.map((event) => JSON.stringify(event)).join('\n')],
    ] as const) {
      files.push(join(directory, name));
      writeFileSync(join(directory, name), text);
    }
  });
  after(() => rmSync(directory, { recursive: true, force: true }));
  const bpfwarden = (...args: string[]) => spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
  const paths = () => [`--falco.path=${files[0]}`, `--falco.path=${files[1]}`];

  it('are replayed alone, in the order of their files, with what is refused beside it', () => {
    const { stdout, stderr } = bpfwarden('replay', files[2] ?? '', ...paths());
    const alerts = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Alert);
    expect(alerts.map(({ event, rule }) => [event.event === undefined ? event.id : '', rule.name])).to.deep.equal([
      ['a', 'Shell with a secret'],
      ['b', 'Shell with a secret'],
    ]);
    expect(stderr).to.contain(`${files[1]}:6`).and.contain('Needs what is not there').and.contain('proc.vmsize');
  });

  it('write their text into the alert, redacted, and into the form for falcosidekick', () => {
    const { stdout } = bpfwarden('replay', files[2] ?? '', ...paths());
    const [alert] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Alert);
    if (alert === undefined) throw new Error('no alert');
    const text = 'Shell (user=ann command=bash --password=[REDACTED] gparent=<NA> pid=9 tty=0 )';
    expect(alert).to.deep.include({ priority: 'Error', severity: 'warning', output: text });
    expect(alert.rule).to.deep.include({ mitre: ['T1059'], tags: ['mitre_execution', 'T1059'] });
    expect(alert.output_fields).to.deep.equal({
      'user.name': 'ann',
      'proc.cmdline': 'bash --password=[REDACTED]',
      'proc.aname[2]': null,
      'proc.pid': 9,
      'proc.tty': 0,
    });
    const falco = toFalco(alert);
    expect(falco).to.deep.include({
      rule: 'Shell with a secret',
      priority: 'Error',
      source: 'syscall',
      output: `2026-11-18T11:06:40.500000000Z: Error ${text}`,
      tags: ['mitre_execution', 'T1059'],
    });
    expect(falco.output_fields).to.deep.include({
      'proc.cmdline': 'bash --password=[REDACTED]',
      'evt.time': 1_795_000_000_500_000_000,
    });
  });

  it('are checked, listed and explained', () => {
    const check = bpfwarden('check', ...paths());
    expect(check.status).to.equal(1);
    expect(check.stdout).to.contain('proc.vmsize').and.contain('1 disabled');
    expect(bpfwarden('check', files[0] ?? '').status).to.equal(0);
  });

  it('are converted where one of ours can say the same, and refused where not', () => {
    const converted = bpfwarden('rules', 'convert', files[0] ?? '');
    expect(converted.stderr).to.equal('');
    expect(converted.status).to.equal(0);
    const own = join(directory, 'converted.yaml');
    writeFileSync(own, converted.stdout);
    expect(bpfwarden('check', own).status).to.equal(0);
    const found = (flag: string) => {
      const { stdout } = bpfwarden('replay', files[2] ?? '', flag);
      const alerts = stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Alert]));
      return alerts.map(({ rule, severity }) => [rule.name, severity]);
    };
    expect(found(`--rules.path=${own}`)).to.deep.equal(found(`--falco.path=${files[0]}`)).and.to.not.be.empty;
    const apart = join(directory, 'apart.yaml');
    writeFileSync(
      apart,
      '- rule: Put together\n  desc: d\n  condition: proc.cmdline contains x\n  output: o\n  priority: INFO\n',
    );
    const { stderr, status } = bpfwarden('rules', 'convert', apart);
    expect(status).to.equal(1);
    expect(stderr).to.contain(`${apart}:1`).and.contain('proc.cmdline').and.contain(`--falco.path=${apart}`);
  });
});
