import { expect } from 'chai';
import { type Candidate, candidatesOf, type Repeats } from '../../src/alerts/alert.ts';
import { createLedger, type LedgerOptions, ruleMatcher } from '../../src/alerts/ledger.ts';
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
  const ledger = createLedger({ ...OPTIONS, ...options }, { monotonic: () => clock.now, wall: () => clock.wall });
  const summaries: { candidate: Candidate; repeats: Repeats }[] = [];
  const due = (all?: boolean) => ledger.due((candidate, repeats) => summaries.push({ candidate, repeats }), all);
  return { ledger, clock, summaries, due };
}

function candidate(path = '/tmp/x', rule = {}, timestamp = 100): Candidate {
  const [found] = candidatesOf(findingOf(execEvent({ path }), rule), { hostName: 'h' });
  if (found === undefined) throw new Error('no candidate');
  return { ...found, timestamp };
}

describe('the ledger', () => {
  it('holds back repeats of one rule and entity, and sums them up when the window ends', () => {
    const { ledger, clock, summaries, due } = setUp();
    expect(ledger.accept(candidate('/tmp/x', {}, 100))).to.equal('accepted');
    for (const at of [105, 103, 150]) expect(ledger.accept(candidate('/tmp/x', {}, at))).to.equal('duplicate');
    expect(ledger.accept(candidate('/tmp/y'))).to.equal('accepted');
    clock.now = 59_999;
    due();
    expect(summaries).to.have.length(0);
    clock.now = 60_000;
    due();
    expect(summaries.map(({ repeats }) => repeats)).to.deep.equal([{ count: 3, first: 103, last: 150 }]);
    expect(ledger.accept(candidate()), 'the summary opened the next window').to.equal('duplicate');
    clock.now = 120_000;
    due();
    expect(summaries).to.have.length(2);
    clock.now = 180_000;
    due();
    expect(summaries, 'a window without repeats ends in silence').to.have.length(2);
    expect(ledger.size).to.equal(0);
    expect(ledger.accept(candidate())).to.equal('accepted');
  });

  it('keeps a repeat that comes late, when the summary is still owed', () => {
    const { ledger, clock, summaries, due } = setUp();
    ledger.accept(candidate());
    ledger.accept(candidate());
    clock.now = 61_000;
    expect(ledger.accept(candidate())).to.equal('duplicate');
    due();
    expect(summaries[0]?.repeats.count).to.equal(2);
  });

  it("uses the rule's own throttle instead, and names it", () => {
    const { ledger, clock } = setUp();
    const rule = { throttleSeconds: 3600 };
    expect(ledger.accept(candidate('/tmp/x', rule))).to.equal('accepted');
    clock.now = 61_000;
    expect(ledger.accept(candidate('/tmp/x', rule))).to.equal('throttled');
    expect(setUp({ dedupeSeconds: 0 }).ledger.accept(candidate())).to.equal('accepted');
  });

  it('does not dedupe with a window of 0', () => {
    const { ledger } = setUp({ dedupeSeconds: 0 });
    expect([1, 2, 3].map(() => ledger.accept(candidate()))).to.deep.equal(['accepted', 'accepted', 'accepted']);
    expect(ledger.size).to.equal(0);
  });

  it('limits the alerts of one rule over all entities', () => {
    const { ledger, clock } = setUp({ alertsPerMinute: 2 });
    const verdicts = (rule: object) =>
      ['a', 'b', 'c'].map((name) => ledger.accept(candidate(`/tmp/${clock.now}${name}`, rule)));
    expect(verdicts({})).to.deep.equal(['accepted', 'accepted', 'rate_limited']);
    expect(verdicts({ name: 'other' })).to.deep.equal(['accepted', 'accepted', 'rate_limited']);
    clock.now = 30_000;
    expect(verdicts({})).to.deep.equal(['accepted', 'rate_limited', 'rate_limited']);
  });

  it('asks the threshold, the switch and the silences first', () => {
    expect(setUp().ledger.accept(candidate('/tmp/x', { confidence: 0.5 }))).to.equal('low_confidence');
    expect(setUp({ enabled: false }).ledger.accept(candidate())).to.equal('disabled');
    const silence = { matchesRule: ruleMatcher('suspicious_*'), condition: undefined, until: 2_000_000, why: 'deploy' };
    const { ledger, clock } = setUp({ silences: [silence] });
    expect(ledger.accept(candidate())).to.equal('silenced');
    expect(ledger.accept(candidate('/tmp/x', { name: 'other' }))).to.equal('accepted');
    clock.wall = 2_000_000;
    expect(ledger.accept(candidate()), 'it has ended').to.equal('accepted');
    const conditional = setUp({ silences: [{ ...silence, condition: (event) => event.kind === 'file_open' }] });
    expect(conditional.ledger.accept(candidate())).to.equal('accepted');
  });

  it('forgets the oldest when it is full, counted, and not without its summary', () => {
    const { ledger, clock, summaries, due } = setUp({ maxEntries: 3 });
    for (const name of ['a', 'b', 'c']) {
      ledger.accept(candidate(`/tmp/${name}`));
      clock.now += 1;
    }
    ledger.accept(candidate('/tmp/a'));
    ledger.accept(candidate('/tmp/d'));
    expect(ledger.size).to.equal(3);
    expect(ledger.evictions).to.equal(1);
    due();
    expect(summaries.map(({ repeats }) => repeats.count)).to.deep.equal([1]);
  });

  it('gives every summary at the end, and keeps what it remembers over new options', () => {
    const { ledger, summaries, due } = setUp();
    ledger.accept(candidate());
    ledger.accept(candidate());
    ledger.configure({ ...OPTIONS, alertsPerMinute: 5 });
    expect(ledger.accept(candidate())).to.equal('duplicate');
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
