import { expect } from 'chai';
import { type AlertDraft, buildAlert, draftsOf } from '../../src/alerts/alert.ts';
import { Incidents } from '../../src/alerts/incidents.ts';
import type { RuleInfo } from '../../src/rules/types.ts';
import { execEvent, findingOf } from './support/findings.ts';

interface Ancestor {
  readonly pid: number;
  readonly path: string;
  readonly entity_id: string;
}
const shell = (pid: number): Ancestor => ({ pid, path: '/usr/bin/bash', entity_id: `boot-${pid}` });
const SSHD: Ancestor = { pid: 900, path: '/usr/sbin/sshd', entity_id: 'boot-900' };
const INIT: Ancestor = { pid: 1, path: '/usr/lib/systemd/systemd', entity_id: 'boot-1' };

function match(pid: number, ancestors: readonly Ancestor[], at: number, rule: Partial<RuleInfo> = {}): AlertDraft {
  const process = { pid, path: '/tmp/x', name: 'x', entity_id: `boot-${pid}`, ancestors };
  const [found] = draftsOf(findingOf(execEvent({ extra: { process } }), rule), { hostName: 'h' });
  if (found === undefined) throw new Error('no draft');
  return { ...found, timestamp: at };
}

function setUp(options: { quietSeconds?: number; maxIncidents?: number } = {}) {
  const incidents = new Incidents({ quietSeconds: 600, maxIncidents: 16, ...options });
  let next = 0;
  const raise = (draft: AlertDraft) => {
    const alertId = `a${++next}`;
    const incident = incidents.assign(draft, alertId);
    incidents.record(buildAlert(draft, { alertId, incident }));
    return incident;
  };
  return { incidents, raise };
}

describe('incidents', () => {
  it('groups the alerts of one process tree, and tells each how many came before', () => {
    const { incidents, raise } = setUp();
    const first = raise(match(10, [shell(5), SSHD, INIT], 100));
    const second = raise(match(11, [shell(5), SSHD, INIT], 160, { name: 'other', severity: 'critical' }));
    const child = raise(match(12, [shell(11), shell(5), SSHD, INIT], 200));
    expect([second.id, child.id]).to.deep.equal([first.id, first.id]);
    expect([first.before, second.before, child.before]).to.deep.equal([0, 1, 2]);
    const detail = incidents.detail(first.id);
    expect(detail).to.deep.include({ alerts: 3, first: 100, last: 200, severity: 'critical', host: 'h' });
    expect(detail?.rules).to.deep.equal(['suspicious_temp_execution', 'other']);
    expect(detail?.timeline.map(({ alert_id, timestamp }) => [alert_id, timestamp])).to.deep.equal([
      ['a1', 100],
      ['a2', 160],
      ['a3', 200],
    ]);
  });

  it('keeps two sessions of one sshd apart, and what comes after a long quiet time', () => {
    const { incidents, raise } = setUp();
    const one = raise(match(10, [shell(5), SSHD, INIT], 100));
    const other = raise(match(20, [shell(6), SSHD, INIT], 101));
    const later = raise(match(30, [shell(5), SSHD, INIT], 701.5));
    expect(new Set([one.id, other.id, later.id])).to.have.length(3);
    expect(incidents.list(2).map(({ incident_id }) => incident_id)).to.deep.equal([later.id, other.id]);
  });

  it('counts updates of an alert in its line of the timeline', () => {
    const { incidents, raise } = setUp();
    const draft = match(10, [shell(5)], 100);
    const { id } = raise(draft);
    const incident = incidents.of('a1');
    expect(incident).to.deep.equal({ id, before: 0 });
    const repeats = { count: 41, first: 101, last: 150, events: [] };
    incidents.record(buildAlert(draft, { alertId: 'a1', repeats, ...(incident === undefined ? {} : { incident }) }));
    expect(incidents.detail(id)).to.deep.include({ alerts: 1, last: 150 });
    expect(incidents.detail(id)?.timeline.map(({ count }) => count)).to.deep.equal([42]);
  });

  it('remembers a bounded number, and counts what it forgets before its time', () => {
    const { incidents, raise } = setUp({ maxIncidents: 16 });
    const ids = Array.from({ length: 40 }, (_, at) => raise(match(1000 + at, [INIT], 100 + at)).id);
    expect(incidents.size).to.equal(16);
    expect(incidents.evictions).to.equal(24);
    expect(incidents.detail(ids[0] ?? '')).to.equal(undefined);
    expect(incidents.of('a1')).to.equal(undefined);
    expect(incidents.detail(ids[39] ?? '')).not.to.equal(undefined);
  });
});
