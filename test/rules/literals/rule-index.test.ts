import { expect } from 'chai';
import fc from 'fast-check';
import { celCondition } from '../../../src/rules/cel/condition.ts';
import { RuleIndex } from '../../../src/rules/literals/rule-index.ts';
import { compilePredicate } from '../../../src/rules/predicate/compile.ts';
import { bareSource } from '../../../src/rules/source.ts';
import { type Condition, field, leaf } from '../../../src/rules/tree.ts';
import { fieldName } from '../../../src/schema/fields.ts';
import { baseName, directoryName, extensionOf } from '../../../src/schema/paths.ts';
import { cel, fields, tree } from '../support/arbitrary.ts';
import { eventOf } from '../support/event.ts';
import { ruleOf } from '../support/rule.ts';

function indexOf(conditions: readonly Condition[]): RuleIndex {
  return new RuleIndex(conditions.map(ruleOf));
}

function found(index: RuleIndex, values: Parameters<typeof eventOf>[0]): number[] {
  return index
    .matching(eventOf(values))
    .map((rule) => rule.index)
    .sort((a, b) => a - b);
}

describe('rule index', () => {
  it('finds every rule that a linear scan finds', () => {
    let matches = 0;
    const conditions = fc.array(
      fc.oneof(
        tree,
        cel.map((text) => celCondition(bareSource(text))),
      ),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(conditions, fc.array(fields(), { minLength: 6, maxLength: 6 }), (rules, events) => {
        const index = indexOf(rules);
        const predicates = rules.map(compilePredicate);
        for (const values of events) {
          const event = eventOf(values);
          const linear = predicates.flatMap((predicate, at) => (predicate(event) ? [at] : []));
          matches += linear.length;
          expect(found(index, values)).to.deep.equal(linear);
        }
      }),
      { numRuns: 500 },
    );
    expect(matches).to.be.greaterThan(1000);
  });

  it('finds by the path what rules ask of its parts, on live events, also when it comes again', () => {
    const PARTS = ['file.path', 'file.name', 'file.directory', 'file.extension'] as const;
    const path = fc
      .array(fc.constantFrom('etc', 'Shadow', '.ssh', 'id_rsa', 'key.pem', 'a.b.c', 'é', ''), { maxLength: 3 })
      .chain((parts) => fc.constantFrom(`/${parts.join('/')}`, `/var/lib/an-application/${parts.join('/')}`))
      .map((text) => (text.length % 5 === 0 ? text.slice(1) : text));
    const part = fc.oneof(
      path,
      fc.constantFrom('', '/', 'shadow', 'pem', 'c', '.ssh', '/etc', '/etc/', '/.ssh', 'id_', 'y.p'),
    );
    const test = fc.tuple(
      fc.constantFrom(...PARTS),
      fc.constantFrom('equal', 'contains', 'startsWith', 'endsWith'),
      part,
      fc.boolean(),
    );
    let matches = 0;
    fc.assert(
      fc.property(fc.array(test, { minLength: 1, maxLength: 6 }), path, fc.boolean(), (tests, text, inBytes) => {
        const rules = tests.map(([name, op, value, ignoreCase]) =>
          leaf(field(name), { op, values: [value], ignoreCase }),
        );
        const values = {
          'event.type': 'file_open',
          'file.path': text,
          'file.name': baseName(text),
          'file.directory': directoryName(text),
          'file.extension': extensionOf(text),
        };
        const bytes = Buffer.from(`-${text}-`);
        const span = (id: number) =>
          fieldName(id) === 'file.path' && text !== '' ? { bytes, at: 1, length: bytes.length - 2 } : undefined;
        const way = { address: () => undefined, variant: () => 0, variantValues: () => new Map() };
        const event = { ...eventOf(values), ...way, live: true, span: () => undefined, ...(inBytes ? { span } : {}) };
        const linear = rules.flatMap((rule, at) => (compilePredicate(rule)(event) ? [at] : []));
        matches += linear.length;
        const index = indexOf(rules);
        // From the second time on a long path is known, from the third on what was found in it.
        for (let time = 0; time < 4; time++) {
          const held = index.matching(event).map((rule) => rule.index);
          expect(held.sort((a, b) => a - b)).to.deep.equal(linear);
        }
      }),
      { numRuns: 2000 },
    );
    expect(matches).to.be.greaterThan(200);
  });

  it('allocates no list when nothing matches', () => {
    const index = indexOf([celCondition(bareSource("process.name == 'a'"))]);
    const none = index.matching(eventOf({ 'process.name': 'b' }));
    expect(index.matching(eventOf({ 'process.name': 'c' }))).to.equal(none);
  });

  it('tries few rules of many', () => {
    const conditions = Array.from({ length: 1000 }, (_, at) =>
      celCondition(bareSource(`event.type == 'file_open' && file.path.contains('/secret-${at}/')`)),
    );
    const rules = conditions.map(ruleOf);
    const index = new RuleIndex(rules);
    index.matching(eventOf({ 'event.type': 'file_open', 'file.path': '/srv/secret-17/key' }));
    index.matching(eventOf({ 'event.type': 'process_exec', 'file.path': '/srv/secret-17/key' }));
    expect(rules.reduce((sum, rule) => sum + rule.counts.evaluations, 0)).to.equal(1);
  });

  it('keeps its memory bounded for 100,000 literals', () => {
    const literals = Array.from(
      { length: 100_000 },
      (_, at) => `${at * 7919}é${String.fromCharCode(256 + (at % 40000))}`,
    );
    const condition = celCondition(bareSource('process.path in names'), {
      lists: new Map([['names', literals]]),
      macros: new Map(),
    });
    const contains: Condition = {
      type: 'leaf',
      subject: field('process.path'),
      test: { op: 'contains', values: literals },
    };
    const before = process.memoryUsage().arrayBuffers;
    const index = indexOf([condition, contains]);
    expect(process.memoryUsage().arrayBuffers - before).to.be.lessThan(40 * 1024 * 1024);
    expect(found(index, { 'process.path': literals[777] })).to.deep.equal([0, 1]);
    expect(found(index, { 'process.path': `x${literals[777]}x` })).to.deep.equal([1]);
    expect(found(index, { 'process.path': 'nothing' })).to.deep.equal([]);
  });
});
