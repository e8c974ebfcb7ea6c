import { expect } from 'chai';
import { Interning } from '../../src/rules/interning.ts';
import { loadRuleTexts } from '../../src/rules/load.ts';
import { all, any, field, leaf, not } from '../../src/rules/tree.ts';
import type { FieldSource } from '../../src/schema/event.ts';
import { fieldName } from '../../src/schema/fields.ts';
import { eventOf } from './support/event.ts';

const shell = () => leaf(field('process.name'), { op: 'equal', values: ['sh'] });
const temporary = () => leaf(field('process.path'), { op: 'startsWith', values: ['/tmp/'] });

describe('equal conditions', () => {
  it('become one object, however deep they stand', () => {
    const interning = new Interning();
    const first = interning.of(all([shell(), not(temporary())]));
    const second = interning.of(any([not(temporary()), all([shell(), not(temporary())])]));
    if (first.type !== 'all' || second.type !== 'any') throw new Error('not what was made');
    expect(second.of[1]).to.equal(first);
    expect(second.of[0]).to.equal(first.of[1]);
  });

  it('stay apart where they differ, also in what JSON cannot tell', () => {
    const interning = new Interning();
    const size = (value: number) => leaf(field('file.bytes'), { op: 'lt', value });
    const conditions = [
      size(1),
      size(Number.POSITIVE_INFINITY),
      size(Number.NEGATIVE_INFINITY),
      leaf(field('file.bytes'), { op: 'lte', value: 1 }),
      leaf(field('file.path'), { op: 'equal', values: ['1'] }),
      leaf(field('file.path'), { op: 'equal', values: ['1'], ignoreCase: true }),
      not(size(1)),
    ];
    expect(new Set(conditions.map((condition) => interning.of(condition))).size).to.equal(conditions.length);
    expect(conditions.map((condition) => interning.of(condition))).to.deep.equal(conditions);
  });

  it('are shared by the rules that use the same macro', () => {
    const text = `
macros:
  in_tmp: process.path.startsWith('/tmp/') || process.cwd == '/tmp'
rules:
  - name: one
    condition: event.type == 'process_exec' && in_tmp
  - name: two
    condition: event.type == 'file_open' && in_tmp
`;
    const { ruleset, problems } = loadRuleTexts([{ path: 'r.yaml', text }]);
    expect(problems).to.deep.equal([]);
    const [one, two] = ruleset.rules.map(({ condition }) => (condition.type === 'all' ? condition.of[1] : undefined));
    expect(one).to.have.property('type', 'any');
    expect(two).to.equal(one);
  });

  it('are asked once for an event by all rules that share them, and anew for the next', () => {
    const text = `
macros:
  odd: process.name == 'odd' || process.cwd == '/odd'
rules:
  - { name: one, condition: "event.type == 'process_exec' && odd" }
  - { name: two, condition: "event.type == 'process_exec' && !odd" }
  - { name: three, condition: "event.type == 'process_exec' && (odd || process.uid == 0)" }
`;
    const { ruleset } = loadRuleTexts([{ path: 'r.yaml', text }]);
    const asked = new Map<string, number>();
    const matching = (fields: Readonly<Record<string, string | number>>) => {
      const event = eventOf({ 'event.type': 'process_exec', ...fields });
      const counting: FieldSource = {
        kind: event.kind,
        value(id) {
          const name = fieldName(id);
          asked.set(name, (asked.get(name) ?? 0) + 1);
          return event.value(id);
        },
      };
      return ruleset
        .observe(counting)
        ?.rules.map(({ info }) => info.name)
        .sort();
    };
    expect(matching({ 'process.name': 'odd', 'process.uid': 5 })).to.deep.equal(['one', 'three']);
    const before = asked.get('process.cwd') ?? 0;
    expect(matching({ 'process.name': 'plain', 'process.cwd': '/plain', 'process.uid': 0 })).to.deep.equal([
      'three',
      'two',
    ]);
    // By the index, by the condition that two rules share, twice by its negation (is it there, is it another): five without.
    expect((asked.get('process.cwd') ?? 0) - before).to.be.at.most(4);
    expect(matching({ 'process.name': 'plain', 'process.cwd': '/odd', 'process.uid': 5 })).to.deep.equal([
      'one',
      'three',
    ]);
  });
});
