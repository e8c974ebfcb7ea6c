import { expect } from 'chai';
import { type AlertDraft, draftsOf } from '../../src/alerts/alert.ts';
import { Ledger, type LedgerOptions, ruleMatcher, type Summary } from '../../src/alerts/ledger.ts';
import { execEvent, findingOf } from './support/findings.ts';

const OPTIONS: LedgerOptions = {
  enabled: true,
  confidenceThreshold: 0.6,
  dedupeSeconds: 60,
  maxEntries: 100,
  alertsPerMinute: 0,
  silences: [],
};

function setUp(options: Partial<LedgerOptions> = {}) {
  const clock = { now: 0, wall: 1_000_000 };
  const ledger = new Ledger({ ...OPTIONS, ...options }, { monotonic: () => clock.now, wall: () => clock.wall });
  const summaries: Summary[] = [];
  const due = (all?: boolean) => ledger.due((summary) => summaries.push(summary), all);
  let alerts = 0;
  const accept = (draft: AlertDraft) => ledger.accept(draft, `alert-${++alerts}`);
  return { ledger, accept, clock, summaries, due };
}

function draft(path = '/tmp/x', rule = {}, timestamp = 100): AlertDraft {
  const [found] = draftsOf(findingOf(execEvent({ path }), rule), { hostName: 'h' });
  if (found === undefined) throw new Error('no draft');
  return { ...found, timestamp };
}

describe('the ledger', () => {
  it('holds back repeats of one rule and entity, and sums them up when the window ends', () => {
    const { accept, ledger, clock, summaries, due } = setUp();
    expect(accept(draft('/tmp/x', {}, 100))).to.equal('accepted');
    for (const at of [105, 103, 150]) expect(accept(draft('/tmp/x', {}, at))).to.equal('duplicate');
    expect(accept(draft('/tmp/y'))).to.equal('accepted');
    clock.now = 59_999;
    due();
    expect(summaries).to.have.length(0);
    clock.now = 60_000;
    due();
    expect(summaries.map(({ alertId, repeats }) => [alertId, repeats])).to.deep.equal([
      ['alert-1', { count: 3, first: 103, last: 150, events: ['e1', 'e1', 'e1'] }],
    ]);
    expect(accept(draft()), 'the summary opened the next window').to.equal('duplicate');
    clock.now = 179_999;
    due();
    expect(summaries, 'which is twice as long').to.have.length(1);
    clock.now = 180_000;
    due();
    expect(summaries.map(({ alertId }) => alertId)).to.deep.equal(['alert-1', 'alert-1']);
    clock.now = 420_000;
    due();
    expect(summaries, 'a window without repeats ends in silence').to.have.length(2);
    expect(ledger.size).to.equal(0);
    expect(accept(draft())).to.equal('accepted');
  });

  it('tells what the repeats of a burst had in common and what not, in bounded space', () => {
    const { accept, summaries, due } = setUp();
    const remove = (index: number) => {
      const extra = { event: { type: 'file_unlink', id: `e${index}` }, file: { path: `/srv/x/f${index}` } };
      const [found] = draftsOf(findingOf(execEvent({ path: '/usr/bin/rm', extra })), { hostName: 'h' });
      return accept(found ?? draft());
    };
    expect(remove(0)).to.equal('accepted');
    for (let index = 1; index <= 2000; index++) expect(remove(index)).to.equal('duplicate');
    due(true);
    expect(summaries).to.have.length(1);
    const { count, distinct, more, events } = summaries[0]?.repeats ?? { events: [] };
    expect([count, more, events]).to.deep.equal([2000, ['file.path'], ['e1', 'e2', 'e3', 'e4', 'e5']]);
    expect(distinct).to.deep.equal({ 'file.path': Array.from({ length: 8 }, (_, at) => `/srv/x/f${at + 1}`) });
  });

  it('is told less and less often of what goes on, at last every ten minutes', () => {
    const { accept, clock, summaries, due } = setUp();
    for (clock.now = 0; clock.now < 6 * 3_600_000; clock.now += 1000) {
      accept(draft());
      due();
    }
    // 1, 2, 4, 8, 10, 10, … minutes
    expect(summaries.length).to.equal(4 + Math.floor((360 - 15) / 10));
  });

  it('keeps a repeat that comes late, when the summary is still owed', () => {
    const { accept, clock, summaries, due } = setUp();
    accept(draft());
    accept(draft());
    clock.now = 61_000;
    expect(accept(draft())).to.equal('duplicate');
    due();
    expect(summaries[0]?.repeats.count).to.equal(2);
  });

  it("uses the rule's own throttle instead, and names it", () => {
    const { accept, clock } = setUp();
    const rule = { throttleSeconds: 3600 };
    expect(accept(draft('/tmp/x', rule))).to.equal('accepted');
    clock.now = 61_000;
    expect(accept(draft('/tmp/x', rule))).to.equal('throttled');
    expect(setUp({ dedupeSeconds: 0 }).accept(draft())).to.equal('accepted');
  });

  it('does not dedupe with a window of 0', () => {
    const { accept, ledger } = setUp({ dedupeSeconds: 0 });
    expect([1, 2, 3].map(() => accept(draft()))).to.deep.equal(['accepted', 'accepted', 'accepted']);
    expect(ledger.size).to.equal(0);
  });

  it('limits the alerts of one rule over all entities', () => {
    const { accept, clock } = setUp({ alertsPerMinute: 2 });
    const verdicts = (rule: object) => ['a', 'b', 'c'].map((name) => accept(draft(`/tmp/${clock.now}${name}`, rule)));
    expect(verdicts({})).to.deep.equal(['accepted', 'accepted', 'rate_limited']);
    expect(verdicts({ name: 'other' })).to.deep.equal(['accepted', 'accepted', 'rate_limited']);
    clock.now = 30_000;
    expect(verdicts({})).to.deep.equal(['accepted', 'rate_limited', 'rate_limited']);
  });

  it('asks the threshold, the switch and the silences first', () => {
    expect(setUp().accept(draft('/tmp/x', { confidence: 0.5 }))).to.equal('low_confidence');
    expect(setUp({ enabled: false }).accept(draft())).to.equal('disabled');
    const silence = { matchesRule: ruleMatcher('suspicious_*'), condition: undefined, until: 2_000_000, why: 'deploy' };
    const { accept, clock } = setUp({ silences: [silence] });
    expect(accept(draft())).to.equal('silenced');
    expect(accept(draft('/tmp/x', { name: 'other' }))).to.equal('accepted');
    clock.wall = 2_000_000;
    expect(accept(draft()), 'it has ended').to.equal('accepted');
    clock.now = 1_000_000;
    clock.wall = 1_000_001;
    expect(accept(draft('/tmp/y')), 'nor is it revived by a clock that is set back').to.equal('accepted');
    const conditional = setUp({ silences: [{ ...silence, condition: (event) => event.kind === 'file_open' }] });
    expect(conditional.accept(draft())).to.equal('accepted');
  });

  it('forgets the oldest when it is full, counted, and not without its summary', () => {
    const { accept, ledger, clock, summaries, due } = setUp({ maxEntries: 3 });
    for (const name of ['a', 'b', 'c']) {
      accept(draft(`/tmp/${name}`));
      clock.now += 1;
    }
    accept(draft('/tmp/a'));
    accept(draft('/tmp/d'));
    expect(ledger.size).to.equal(3);
    expect(ledger.evictions).to.equal(1);
    due();
    expect(summaries.map(({ repeats }) => repeats.count)).to.deep.equal([1]);
  });

  it('gives every summary at the end, and keeps what it remembers over new options', () => {
    const { accept, ledger, summaries, due } = setUp();
    accept(draft());
    accept(draft());
    ledger.configure({ ...OPTIONS, alertsPerMinute: 5 });
    expect(accept(draft())).to.equal('duplicate');
    due(true);
    expect(summaries.map(({ repeats }) => repeats.count)).to.deep.equal([2]);
    expect(ledger.size).to.equal(0);
  });

  it('matches rule names with wildcards', () => {
    const cases: [pattern: string, name: string, matches: boolean][] = [
      ['', 'any', true],
      ['*', 'any', true],
      ['abc', 'abc', true],
      ['abc', 'abcd', false],
      ['a*c', 'abc', true],
      ['a*c', 'ac', true],
      ['a*c', 'a', false],
      ['a*a', 'a', false],
      ['*b*d*', 'abcde', true],
      ['*d*b*', 'abcde', false],
      ['a.c', 'abc', false],
    ];
    for (const [pattern, name, matches] of cases)
      expect(ruleMatcher(pattern)(name), `${pattern} ${name}`).to.equal(matches);
  });
});
