import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';

const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'main.js');

describe('commands on recorded events, without root', () => {
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpfwarden-replay-'));
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  const put = (name: string, text: string) => {
    const file = join(directory, name);
    writeFileSync(file, text);
    return file;
  };
  const bpfwarden = (...args: string[]) => spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
  const alertsOf = (text: string) =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { event: { id: string }; rule: { name: string; id: string } });

  const EVENTS = [
    '{"event":{"type":"process_exec","id":"one"},"process":{"path":"/tmp/x","args":["/tmp/x"]}}',
    '{"event_type":"net_conn","pid":1234,"process":"curl","target_ip":"8.8.8.8","target_port":443,"timestamp":172847183}',
    'no JSON',
    '{"event":{"type":"process_exec"},"process":{"executable":"/usr/bin/ls"}}',
    '{"event":{"type":"process_exec"},"process":{"executable":"/tmp/y"}}',
  ].join('\n');
  const RULES =
    '{"rules":[{"name":"temporary","condition":"process.path.contains(\'/tmp/\')"},{"name":"https","condition":"event_type == \'net_conn\' && target_port == 443"}]}';

  it('alerts for every match, with the id given or the line number, and tells of lines that are no events', () => {
    const result = bpfwarden(
      'replay',
      put('events', EVENTS),
      `--rules.path=${put('rules.json', RULES)}`,
      '--output.alerts=-',
    );
    expect(result.status, 'a line is no event').to.equal(1);
    expect(alertsOf(result.stdout).map(({ event, rule }) => [event.id, rule.name])).to.deep.equal([
      ['one', 'temporary'],
      ['2', 'https'],
      ['5', 'temporary'],
    ]);
    expect(result.stderr).to.contain(':3: not valid JSON');
  });

  it('does not answer well for rules that could not be read or give none', () => {
    const events = put('events', EVENTS.replace('no JSON\n', ''));
    const missing = join(directory, 'missing');
    for (const [flags, reason] of [
      [[`--rules.path=${missing}`], /missing: cannot be read/],
      [[`--sigma.path=${missing}`], /missing: cannot be read/],
      [[`--rules.path=${put('rules.json', RULES)}`, `--sigma.path=${missing}`], /missing: cannot be read/],
      [[`--rules.path=${put('none.json', '{"rules":[]}')}`], /no rule is in force/],
    ] as const) {
      const { status, stderr } = bpfwarden('replay', events, ...flags);
      expect([status, reason.test(stderr)], `${flags.join(' ')}: ${stderr}`).to.deep.equal([1, true]);
    }
    const explained = bpfwarden('explain', '--rule=temporary', `--event=${events}`, `--rules.path=${missing}`);
    expect(explained.stderr).to.match(/missing: cannot be read/);
  });

  it('reads standard input', () => {
    const rules = put('rules.json', RULES);
    const result = spawnSync(process.execPath, [MAIN, 'replay', '-', `--rules.path=${rules}`], {
      encoding: 'utf8',
      input: EVENTS,
    });
    expect(alertsOf(result.stdout)).to.have.length(3);
  });

  it('loads only Sigma rules when only they are named, and says which it refuses', () => {
    const sigma = put(
      'rule.yml',
      'title: From Tmp\nid: 11111111-1111-4111-8111-111111111111\nlogsource: {product: linux, category: process_creation}\ndetection:\n  selection: {Image|startswith: /tmp/}\n  condition: selection\nlevel: high\n---\ntitle: Broken\nid: 22222222-2222-4222-8222-222222222222\nlogsource: {product: linux, category: process_creation}\ndetection:\n  selection: {NoSuchField: 1}\n  condition: selection\n',
    );
    const result = bpfwarden('replay', put('events', EVENTS), `--sigma.path=${sigma}`);
    expect(alertsOf(result.stdout).map(({ event, rule }) => [event.id, rule.id])).to.deep.equal([
      ['one', '11111111-1111-4111-8111-111111111111'],
      ['5', '11111111-1111-4111-8111-111111111111'],
    ]);
    expect(result.stderr).to.contain('NoSuchField');
  });

  it('compares the alerts of two rule sets', () => {
    const stricter = put('stricter.json', RULES.replace("'/tmp/'", "'/tmp/y'"));
    const result = bpfwarden(
      'replay',
      put('events', EVENTS),
      `--rules.path=${put('rules.json', RULES)}`,
      `--compare.rules.path=${stricter}`,
    );
    expect(result.stderr).to.contain('temporary: 2 -> 1 (-1)').and.not.contain('https:');
  });

  it('explains why a rule matches or not', () => {
    const rules = put('rules.json', RULES);
    const event = put('event', EVENTS.split('\n')[1] ?? '');
    const yes = bpfwarden('explain', `--rules.path=${rules}`, `--event=${event}`, '--rule=https');
    expect(yes.stdout).to.contain('https matches').and.contain('network.destination.port');
    const no = bpfwarden('explain', `--rules.path=${rules}`, `--event=${event}`, '--rule=temporary');
    expect(no.stdout).to.contain('does not match').and.contain('absent');
    const unknown = bpfwarden('explain', `--rules.path=${rules}`, `--event=${event}`, '--rule=temporry');
    expect(unknown.status).to.equal(1);
    expect(unknown.stderr).to.contain('did you mean "temporary"?');
  });

  it('runs the examples of rule files, and fails with those that are wrong', () => {
    const right = put(
      'right.json',
      '{"rules":[{"name":"a","condition":"process.uid == 0","examples":[{"event":{"process":{"uid":0}},"match":true},{"event":{"process":{"uid":1}},"match":false}]}]}',
    );
    expect(bpfwarden('test', right).status).to.equal(0);
    const wrong = put(
      'wrong.json',
      '{"rules":[{"name":"a","condition":"process.uid == 0","examples":[{"event":{"process":{"uid":1}},"match":true}]}]}',
    );
    const result = bpfwarden('test', wrong);
    expect(result.status).to.equal(1);
    expect(result.stdout).to.contain('FAILED').and.contain('process.uid');
  });

  it('lists rules, and answers 1 when a file has a problem', () => {
    expect(bpfwarden('rules', `--rules.path=${put('rules.json', RULES)}`).stdout).to.contain('https');
    const broken = bpfwarden(
      'rules',
      `--rules.path=${put('broken.json', '{"rules":[{"name":"a","condition":"process.pth == 1"},{"name":"b","condition":"process.pid == 1"}]}')}`,
    );
    expect(broken.status).to.equal(1);
    expect(broken.stderr).to.contain('process.path');
    expect(broken.stdout).to.match(/^b /m);
  });

  it('refuses what is not there', () => {
    const absent = bpfwarden('replay', join(directory, 'absent'));
    expect(absent.status).to.equal(1);
    expect(absent.stderr).to.contain('cannot read');
    expect(bpfwarden('replay').status).to.equal(1);
    expect(bpfwarden('--version').stdout).to.match(/^bpfwarden \d/);
  });
});
