import { expect } from 'chai';
import { buildAlert, draftsOf } from '../../src/alerts/alert.ts';
import { proposeExceptions } from '../../src/alerts/exception.ts';
import type { Alert } from '../../src/alerts/types.ts';
import { loadRuleTexts } from '../../src/rules/load.ts';
import { recordFromJson } from '../../src/schema/record.ts';

const RULES = `rules:
  - {name: written, condition: "event.type == 'file_open' && file.access == 'write' && file.path.startsWith('/etc/')"}
  - {name: started, condition: "event.type == 'process_exec' && process.name == 'nc'"}
  - {name: connected, condition: "event.type == 'net_conn' && network.destination.port == 4444"}
`;
let number = 0;

async function alertOf(event: Readonly<Record<string, unknown>>): Promise<Alert> {
  number++;
  const { ruleset } = loadRuleTexts([{ path: 'r.yaml', text: RULES }]);
  const finding = await ruleset.evaluate(recordFromJson(event, String(number)));
  const [draft] = finding === undefined ? [] : draftsOf(finding, { hostName: 'h' });
  if (draft === undefined) throw new Error('the event raises no alert');
  return JSON.parse(JSON.stringify(buildAlert(draft, { alertId: `alert-${number}` }))) as Alert;
}

const written = (path: string, more: Readonly<Record<string, unknown>> = {}) =>
  alertOf({
    'event.type': 'file_open',
    'process.pid': 100 + number,
    'process.path': '/opt/agent/agent',
    'process.uid': 0,
    'process.tty': 'pts0',
    'process.parent.path': '/usr/lib/systemd/systemd',
    'file.path': path,
    'file.access': 'write',
    ...more,
  });

/** Whether a rule with these fields as an exception still raises the alert's event. */
async function stillRaised(rule: string, fields: unknown, event: Readonly<Record<string, unknown>>): Promise<boolean> {
  const change = JSON.stringify({ rules: [{ name: rule, merge: 'append', exceptions: [{ fields }] }] });
  const { ruleset, problems } = loadRuleTexts([
    { path: 'r.yaml', text: RULES },
    { path: 'local.json', text: change },
  ]);
  expect(problems).to.deep.equal([]);
  return (await ruleset.evaluate(recordFromJson(event, '1'))) !== undefined;
}

describe('proposed exceptions', () => {
  it('say who did what, and nothing that is another value the next time', async () => {
    const proposals = proposeExceptions(await written('/etc/agent/state'), []);
    expect(proposals?.narrowest).to.deep.equal({
      fields: {
        'process.path': '/opt/agent/agent',
        'process.uid': 0,
        'process.parent.path': '/usr/lib/systemd/systemd',
        'file.path': '/etc/agent/state',
        'file.access': 'write',
      },
      holdsBack: 1,
    });
    expect(proposals).to.include({ alerts: 1 });
    expect(proposals?.wider).to.deep.equal([]);
  });

  it('count the alerts of the rule that they and wider ones would have held back, each alert once', async () => {
    const first = await written('/etc/agent/state');
    const others = [
      first,
      await written('/etc/agent/state'),
      await written('/etc/agent/other'),
      await written('/etc/elsewhere'),
      await written('/etc/elsewhere', { 'process.parent.path': '/usr/bin/bash' }),
      await written('/etc/elsewhere', { 'process.path': '/usr/bin/tee' }),
    ];
    const proposals = proposeExceptions(first, [...others, first]);
    expect(proposals?.alerts).to.equal(6);
    expect(proposals?.narrowest.holdsBack).to.equal(2);
    expect(proposals?.wider.map(({ holdsBack }) => holdsBack)).to.deep.equal([3, 4, 5]);
    expect(proposals?.wider[0]?.fields).to.deep.include({ 'file.path': { startsWith: '/etc/agent/' } });
    expect(proposals?.wider.at(-1)?.fields).to.deep.equal({ 'process.path': '/opt/agent/agent', 'process.uid': 0 });
  });

  for (const [rule, event, field] of [
    [
      'started',
      { 'event.type': 'process_exec', 'process.path': '/usr/bin/nc', 'process.args': ['nc', '-z', 'h'] },
      'process.command_line',
    ],
    [
      'connected',
      {
        'event.type': 'net_conn',
        'process.path': '/usr/bin/nc',
        'network.source.port': 51000,
        'network.destination.ip': '192.0.2.1',
        'network.destination.port': 4444,
      },
      'network.destination.ip',
    ],
  ] as const) {
    it(`hold back the alert that they are made for: ${rule}`, async () => {
      const fields = proposeExceptions(await alertOf(event), [])?.narrowest.fields ?? {};
      expect(fields).to.have.property(field);
      expect(fields).to.not.have.property('network.source.port');
      expect(await stillRaised(rule, fields, event)).to.equal(false);
      expect(await stillRaised(rule, { 'process.path': '/bin/other' }, event)).to.equal(true);
    });
  }

  it('leave out what was redacted or cut', async () => {
    const alert = await alertOf({
      'event.type': 'process_exec',
      'process.path': '/usr/bin/nc',
      'process.command_line': 'nc --password [REDACTED]',
    });
    expect(proposeExceptions(alert, [])?.narrowest.fields).to.not.have.property('process.command_line');
  });

  it('are none where an alert says neither who nor what', async () => {
    const { process: _, file: __, matched: ___, ...bare } = await written('/etc/x');
    expect(proposeExceptions({ ...bare, matched: [], event: { type: 'x' } } as unknown as Alert, [])).to.equal(
      undefined,
    );
  });
});
