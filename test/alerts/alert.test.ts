import { expect } from 'chai';
import { draftsOf } from '../../src/alerts/alert.ts';
import { newAlertId } from '../../src/alerts/identity.ts';
import { formatAlertLine, processTree, shortAlertLine } from '../../src/alerts/line.ts';
import { explainAlert } from '../../src/alerts/why.ts';
import { recordFromJson } from '../../src/schema/record.ts';
import { alertsOf, execEvent, findingOf } from './support/findings.ts';

const context = { hostName: 'web-1', newId: () => 'id-1' };

describe('from finding to alert', () => {
  it('has the keys that receivers rely on in their order, and the groups of the event', () => {
    const [alert] = alertsOf(findingOf(execEvent()), context);
    expect(Object.keys(alert ?? {})).to.deep.equal(
      'label risk_score detection_method recommendation confidence severity rule matched alert_id fingerprint timestamp host event process user response'.split(
        ' ',
      ),
    );
    expect(alert).to.deep.include({
      label: 'Execution from a temporary directory',
      risk_score: 0.7,
      detection_method: 'rule_based',
      recommendation: 'monitor_process',
      confidence: 0.8,
      severity: 'warning',
      timestamp: 1_800_000_000.25,
      host: { name: 'web-1' },
      user: { name: 'alice' },
      response: { action: 'alert', outcome: 'none' },
    });
    expect(alert?.rule).to.deep.include({
      name: 'suspicious_temp_execution',
      mitre: ['T1059.004'],
      tags: ['execution'],
    });
    expect(alert?.event).to.deep.include({ type: 'process_exec', id: 'e1' });
  });

  it('raises none for shadow rules and heuristics, and one for each other rule', () => {
    const event = execEvent();
    const [match] = findingOf(event).matches;
    if (match === undefined) throw new Error('no match');
    const matches = [
      match,
      { ...match, rule: { ...match.rule, name: 'b', mode: 'shadow' as const } },
      { ...match, rule: { ...match.rule, name: 'c', heuristic: true } },
      { ...match, rule: { ...match.rule, name: 'd' } },
    ];
    const alerts = alertsOf({ event, matches, riskScore: 1 }, context);
    expect(alerts.map(({ rule }) => rule.name)).to.deep.equal(['suspicious_temp_execution', 'd']);
  });

  it('keeps a numeric event id of a recording, its host, and lets no event replace a key of the alert', () => {
    const event = recordFromJson(
      {
        event_type: 'process_exec',
        event: { type: 'process_exec', id: 7 },
        host: { name: 'other' },
        label: 'forged',
        rule: { name: 'x' },
      },
      '1',
    );
    const [alert] = alertsOf(findingOf(event), context);
    expect(alert?.event.id).to.equal(7);
    expect(alert?.host.name).to.equal('other');
    expect(alert?.label).to.equal('Execution from a temporary directory');
  });

  it('gives repeats of one entity the same fingerprint, whatever the pid and the arguments', () => {
    const print = (event = execEvent(), rule = {}) => draftsOf(findingOf(event, rule), context)[0]?.fingerprint;
    expect(print(execEvent({ pid: 5, args: ['/tmp/x', 'random'] }))).to.equal(print());
    expect(print(execEvent({ path: '/tmp/y' }))).not.to.equal(print());
    expect(print(execEvent(), { name: 'other' })).not.to.equal(print());
    expect(draftsOf(findingOf(execEvent()), { hostName: 'web-2' })[0]?.fingerprint).not.to.equal(print());
  });

  it('takes the key of a window for its identity, and the fields that the rule names above all', () => {
    const event = (port: number, pid = 7) =>
      execEvent({ pid, extra: { event: { type: 'net_conn' }, network: { destination: { ip: '10.0.0.1', port } } } });
    const print = (port: number, window: object | undefined, by?: readonly string[]) => {
      const finding = findingOf(event(port), by === undefined ? {} : { by });
      const matches = finding.matches.map((match) => ({ ...match, ...window }));
      return draftsOf({ ...finding, matches }, context)[0]?.fingerprint;
    };
    const scan = (key: Record<string, string>) => ({ window: { count: 20, seconds: 60, key } });
    const by = { 'process.pid': '7' };
    expect(print(22, scan(by)), 'whichever port completes a scan').to.equal(print(443, scan(by)));
    expect(print(22, scan(by))).not.to.equal(print(22, scan({ 'process.pid': '8' })));
    expect(print(22, undefined)).not.to.equal(print(443, undefined));
    expect(print(22, undefined, ['network.destination.ip'])).to.equal(
      print(443, undefined, ['network.destination.ip']),
    );
    expect(print(22, scan(by), ['network.destination.port'])).not.to.equal(
      print(443, scan(by), ['network.destination.port']),
    );
  });

  it('takes the several ways of doing one thing to the files of a directory for one', () => {
    const print = (type: string, file: object) =>
      draftsOf(findingOf(execEvent({ extra: { event: { type }, file } })), context)[0]?.fingerprint;
    const created = print('file_create', { path: '/etc/cron.d/a' });
    expect(print('file_write', { path: '/etc/cron.d/a' })).to.equal(created);
    expect(print('file_rename', { path: '/tmp/a', new_path: '/etc/cron.d/b' })).to.equal(created);
    expect(print('file_symlink', { path: '/etc/cron.d/c', new_path: '/home/x' })).to.equal(created);
    expect(print('file_create', { path: '/etc/cron.daily/a' })).not.to.equal(created);
  });

  it('makes ids whose order is the order in time', () => {
    const ids = [1, 2, 1_800_000_000_000, 1_800_000_000_001].map((now) => newAlertId(now));
    expect(ids.toSorted()).to.deep.equal(ids);
    expect(new Set(Array.from({ length: 10_000 }, () => newAlertId(5))).size).to.equal(10_000);
    expect(ids[2]).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('is one line for a person, in which nothing can drive the terminal', () => {
    const [alert] = alertsOf(findingOf(execEvent({ args: ['/tmp/x', '\u001b[2Jhello\nfake line \u202e'] })), context);
    if (alert === undefined) throw new Error('no alert');
    const line = formatAlertLine(alert);
    expect(line).to.equal(
      'WARNING Execution from a temporary directory [suspicious_temp_execution] risk 0.70: /tmp/x \\x1b[2Jhello\\x0afake line \\x202e (pid 1234, alice) by bash',
    );
    expect(explainAlert(alert)).to.deep.equal(['process.path contains "/tmp/": "process_exec"']);
  });

  it('says why it was raised, each thing once, and what only was there or not there last', () => {
    const [alert] = alertsOf(findingOf(execEvent()), context);
    if (alert === undefined) throw new Error('no alert');
    const condition = (field: string, operator: string, expected: unknown, actual: unknown = 'x') => ({
      field,
      operator,
      expected,
      actual,
    });
    const why = (...matched: (typeof alert.matched)[number][]) => explainAlert({ ...alert, matched });
    expect(
      why(
        condition('event.error', 'equal', '', ''),
        condition('process.path', 'exists', true),
        condition('process.path', 'startsWith', '/tmp/', '/tmp/a'),
        condition('process.trusted', 'equal', false, false),
        condition('process.script.path', 'startsWith', '/tmp/', '/tmp/a'),
        condition('process.ancestor_paths', 'every', '!element equal ["/usr/bin/apt"]', ['/bin/sh']),
        condition('process.ancestor_paths', 'every', '!element equal ["/usr/bin/chef"]', ['/bin/sh']),
        condition('process.args', 'any', 'element matches "x+"', 'xx'),
        condition('process.euid', 'equal', { field: 'process.parent.uid' }, 0),
        condition('process.path', 'startsWith', '/tmp/', '/tmp/a'),
      ),
    ).to.deep.equal([
      'process.path and process.script.path begin with "/tmp/": "/tmp/a"',
      'process.args has "xx"',
      'process.euid is 0, as is process.parent.uid',
      'process.trusted is false',
      'nothing in process.ancestor_paths is among what the rule excepts',
    ]);
    const key = { 'process.ppid': '7' };
    expect(explainAlert({ ...alert, matched: [], window: { count: 50, seconds: 20, key } })).to.deep.equal([
      '50 within 20 s, for process.ppid "7"',
    ]);
    expect(why(condition('process.memfd', 'exists', true))).to.deep.equal(['process.memfd is "x"']);
  });

  it('shows the process below its ancestors in one line, of many the first and the nearest', () => {
    const tree = (ancestors: object[] | undefined) => {
      const process = { name: 'x', pid: 9, parent: { name: 'sh', pid: 8 }, ...(ancestors && { ancestors }) };
      const [alert] = alertsOf(findingOf(execEvent()), context);
      if (alert === undefined) throw new Error('no alert');
      return processTree({ ...alert, process });
    };
    expect(tree(undefined)).to.equal('sh[8] › x[9]');
    expect(tree([{ name: 'sh', pid: 8 }, { name: 'systemd' }])).to.equal('systemd › sh[8] › x[9]');
    const many = Array.from({ length: 20 }, (_, index) => ({ name: `p${index}`, pid: index }));
    expect(tree(many)).to.equal('p19[19] › p18[18] › … › p3[3] › p2[2] › p1[1] › p0[0] › x[9]');
  });

  it('fits a line of any width, and keeps the rule, the beginning of the command and what was acted upon', () => {
    const about = (args: string[], file?: object) => {
      const event = execEvent({ args, extra: file === undefined ? {} : { event: { type: 'file_write' }, file } });
      const [alert] = alertsOf(findingOf(event), context);
      if (alert === undefined) throw new Error('no alert');
      return (width: number) => shortAlertLine(alert, width);
    };
    const long = about(['/opt/some/where/python3', '/tmp/one/two/three.py', 'x'.repeat(90)], {
      path: '/home/somebody/.ssh/authorized_keys',
    });
    for (let width = 1; width < 200; width++) expect(long(width).length, String(width)).to.be.at.most(width);
    expect(long(80)).to.equal('suspicious_temp_execution: /opt/…/pyt… file /home/…/authorized_keys (1234 alice)');
    expect(about(['cat', '/etc/shadow'], { path: '/etc/shadow' })(80), 'the file is in the command').to.equal(
      'suspicious_temp_execution: cat /etc/shadow (1234 alice)',
    );
    expect(about(['/tmp/a/b/c/d/prog'])(50)).to.equal('suspicious_temp_execution: /tmp/…/prog');
  });
});
