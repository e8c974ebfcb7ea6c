import { expect } from 'chai';
import fc from 'fast-check';
import { RuleIndex } from '../../src/rules/literals/rule-index.ts';
import { compilePredicate } from '../../src/rules/predicate/compile.ts';
import { field, leaf, type Test } from '../../src/rules/tree.ts';
import { BatchDecoder } from '../../src/schema/batch.ts';
import { fieldId } from '../../src/schema/fields.ts';
import type { LiveView } from '../../src/schema/view.ts';
import { drained, ipv4, LAYOUT, record as liveRecord } from '../schema/records.ts';
import { load, record } from './support/load.ts';
import { ruleOf } from './support/rule.ts';

const IP = 'network.destination.ip';

function connection(bytes: readonly number[], port = 443): LiveView {
  const { buffer, bulkBytes, priorityBytes } = drained([
    liveRecord('net_conn', { family: 10, transport: 6, 'destination.ip': bytes, 'destination.port': port }),
  ]);
  const [view] = new BatchDecoder(LAYOUT, buffer).decode(bulkBytes, priorityBytes);
  if (view === undefined) throw new Error('no view');
  return view;
}

const v4 = fc
  .tuple(fc.constantFrom(10, 127, 192, 255, 0), fc.nat(2), fc.nat(1), fc.constantFrom(0, 1, 255))
  .map((parts) => parts.join('.'));
const v6 = fc.constantFrom(
  Array<number>(16).fill(0),
  [...Array<number>(15).fill(0), 1],
  [0xfd, ...Array<number>(14).fill(0), 9],
  [...Array<number>(9).fill(0), 1, 0xff, 0xff, 10, 0, 0, 1],
);
const bytes = fc.oneof({ weight: 4, arbitrary: v4.map(ipv4) }, { weight: 1, arbitrary: v6 });
const literal = fc.oneof(v4, fc.constantFrom('::1', '::', 'fd00::9', '010.0.0.1', '::ffff:10.0.0.1', '', 'x'));

const test: fc.Arbitrary<Exclude<Test, { op: 'compare' }>> = fc.oneof(
  fc.record({ op: fc.constant('equal' as const), values: fc.array(literal, { minLength: 1, maxLength: 3 }) }),
  fc.constantFrom(
    { op: 'exists' as const },
    { op: 'startsWith' as const, values: ['10.'] },
    { op: 'matches' as const, pattern: '^1' },
    { op: 'cidr' as const, values: ['10.0.0.0/8', 'fd00::/8'] },
    { op: 'cidr' as const, values: ['127.0.0.0/8', '192.0.0.0/31', '0.0.0.0/0'] },
    { op: 'cidr' as const, values: ['::ffff:10.0.0.0/104'] },
  ),
);

describe('an address of a live event', () => {
  it('is found and tested by its number as by its text', () => {
    let held = 0;
    fc.assert(
      fc.property(fc.array(test, { minLength: 1, maxLength: 4 }), bytes, (tests, address) => {
        const view = connection(address);
        const text = view.value(fieldId(IP) ?? -1);
        const recorded = record({ 'event.type': 'net_conn', [IP]: text });
        const conditions = tests.map((one) => leaf(field(IP), one));
        const byText = conditions.flatMap((one, at) => (compilePredicate(one)(recorded) ? [at] : []));
        held += byText.length;
        expect(conditions.flatMap((one, at) => (compilePredicate(one)(view) ? [at] : []))).to.deep.equal(byText);
        const found = new RuleIndex(conditions.map(ruleOf)).matching(view).map(({ index }) => index);
        expect(found.sort((a, b) => a - b)).to.deep.equal(byText);
      }),
      { numRuns: 1000 },
    );
    expect(held).to.be.greaterThan(500);
  });

  it('is the same part of a window as the text of a recorded one', () => {
    const window = { seconds: 10, count: 2, by: [IP], distinct: 'network.destination.port' };
    const { ruleset, problems } = load([{ rules: [{ name: 'r', condition: "event.type == 'net_conn'", window }] }]);
    expect(problems).to.deep.equal([]);
    for (const [place, address] of [ipv4('10.0.0.1'), [0xfd, ...Array<number>(14).fill(0), 9]].entries()) {
      const view = connection(address, 22);
      const text = view.value(fieldId(IP) ?? -1);
      expect(ruleset.observe(view), String(text)).to.equal(undefined);
      const next = { 'event.type': 'net_conn', [IP]: text, 'network.destination.port': 23, timestamp: 1 };
      const seen = ruleset.observe(record(next));
      expect([...(seen?.windows?.values() ?? [])], String(place)).to.deep.equal([
        { count: 2, seconds: 10, key: { [IP]: text } },
      ]);
    }
  });
});
