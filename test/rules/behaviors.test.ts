import { expect } from 'chai';
import fc from 'fast-check';
import { expandBehaviors } from '../../src/rules/behaviors.ts';
import { celCondition } from '../../src/rules/cel/condition.ts';
import { kernelFilter } from '../../src/rules/literals/kernel-filter.ts';
import { RuleIndex } from '../../src/rules/literals/rule-index.ts';
import { compilePredicate } from '../../src/rules/predicate/compile.ts';
import { bareSource } from '../../src/rules/source.ts';
import { all, any, type Condition, not, walk } from '../../src/rules/tree.ts';
import { BEHAVIOR_ROWS, BEHAVIORS, behaviorsOf } from '../../src/schema/behaviors.ts';
import { fieldId, kindHasField } from '../../src/schema/fields.ts';
import { KINDS } from '../../src/schema/kinds.ts';
import { id, recordFromJson } from '../../src/schema/record.ts';
import { eventOf, type Fields, withBehaviors } from './support/event.ts';
import { ruleOf } from './support/rule.ts';

const cel = (text: string): Condition => celCondition(bareSource(text));
const text = fc.constantFrom('/etc/cron.d/x', '/etc/shadow', '/tmp/a', '/usr/bin/b');
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

/** Events of every kind, also with fields that the kind does not have and without those that it has. */
const event: fc.Arbitrary<Fields> = fc
  .record({
    'event.type': fc.constantFrom(...new Set(BEHAVIOR_ROWS.map(({ kind }) => kind)), 'file_read', 'kill', 'unheard_of'),
    'event.error': fc.constantFrom('', '', '', 'EACCES', undefined),
    'process.path': maybe(text),
    'process.setuid': maybe(fc.boolean()),
    'file.path': maybe(text),
    'file.new_path': maybe(text),
    'file.access': maybe(fc.constantFrom('read', 'write', 'read_write')),
    'file.created': maybe(fc.boolean()),
    'file.flags': maybe(fc.subarray(['O_TRUNC', 'O_CREAT'])),
    'file.attribute': maybe(fc.constantFrom('security.capability', 'user.x')),
    'mount.flags': maybe(fc.subarray(['MS_BIND', 'MS_RDONLY'])),
    'credentials.old_euid': maybe(fc.constantFrom(0, 1000)),
    'credentials.new_euid': maybe(fc.constantFrom(0, 1000)),
  })
  .map(withBehaviors);

const leaf = fc.constantFrom(
  ...[
    ...Object.keys(BEHAVIORS).map((name) => `'${name}' in event.behaviors`),
    "event.behaviors.exists(b, b in ['connected', 'listened'])",
    "event.behaviors.exists(b, !b.startsWith('file_'))",
    'event.behaviors.exists(b, b == process.path)',
    "event.behaviors.all(b, b == 'file_placed')",
    'size(event.behaviors) > 1',
    "event.behaviors[0] == 'file_placed'",
    "file.placed_path == '/etc/shadow'",
    "file.placed_path.startsWith('/etc/cron')",
    '!file.placed_path.contains("tmp")',
    'has(file.removed_path)',
    'file.removed_path == file.placed_path',
    'file.placed_path == file.path',
    'file.path == file.placed_path',
    "event.type == 'file_rename'",
    "file.access == 'read'",
  ].map(cel),
);
const condition: fc.Arbitrary<Condition> = fc.letrec<{ node: Condition }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3 },
    { weight: 4, arbitrary: leaf },
    { weight: 1, arbitrary: fc.array(tie('node'), { minLength: 2, maxLength: 3 }).map(all) },
    { weight: 1, arbitrary: fc.array(tie('node'), { minLength: 2, maxLength: 3 }).map(any) },
    { weight: 1, arbitrary: tie('node').map(not) },
  ),
})).node;

describe('behaviours', () => {
  it('mean the same to the index as to the predicate', () => {
    let matches = 0;
    fc.assert(
      fc.property(
        fc.array(condition, { minLength: 1, maxLength: 6 }),
        fc.array(event, { minLength: 8, maxLength: 8 }),
        (conditions, events) => {
          const index = new RuleIndex(conditions.map(ruleOf));
          for (const fields of events) {
            const source = eventOf(fields);
            const linear = conditions.flatMap((one, at) => (compilePredicate(one)(source) ? [at] : []));
            matches += linear.length;
            for (const [at, one] of conditions.entries())
              expect(compilePredicate(expandBehaviors(one))(source)).to.equal(linear.includes(at));
            const found = index.matching(source).map((rule) => rule.index);
            expect(found.sort((a, b) => a - b)).to.deep.equal(linear);
          }
        },
      ),
      { numRuns: 500 },
    );
    expect(matches).to.be.greaterThan(1000);
  });

  it('are asked of the kernel by kind and path', () => {
    const rule = ruleOf(cel("file.placed_path.startsWith('/etc/cron.d/')"), 0);
    const { kinds } = kernelFilter([rule], Object.keys(KINDS));
    for (const kind of ['file_open', 'file_write', 'file_create', 'file_rename', 'file_link', 'file_symlink'])
      expect(kinds.get(kind), kind).to.have.property('pass', 'tokens');
    expect(kinds.get('file_open'))
      .to.have.nested.property('tokens[0].classes')
      .that.deep.equals(['open_create', 'open_write']);
    expect(kinds.get('file_read')).to.deep.equal({ pass: 'none' });
    expect(kinds.get('file_unlink')).to.deep.equal({ pass: 'none' });
  });

  it('leave nothing computed in what the index looks for', () => {
    const expanded = expandBehaviors(cel("'file_placed' in event.behaviors && !has(file.removed_path)"));
    const computed = ['event.behaviors', 'file.placed_path', 'file.removed_path'].map(fieldId);
    walk(expanded, (node) => {
      const subject = node.type === 'quantifier' ? node.over : node.subject;
      if (subject.from === 'field') expect(computed).not.to.include(subject.field);
    });
  });

  it('name fields that their kinds have', () => {
    for (const { kind, path, when = [], is } of BEHAVIOR_ROWS) {
      for (const field of [...(path === undefined ? [] : [path]), ...when.map((test) => test.field)])
        expect(kindHasField(kind, field), `${kind} ${field}`).to.equal(true);
      if (is === 'file_placed') expect(kindHasField(kind, 'file.placed_path'), kind).to.equal(true);
      expect(BEHAVIORS).to.have.property(is);
    }
  });

  it('are known of recorded events, and not written with them', () => {
    const record = recordFromJson(
      { event: { type: 'file_rename' }, file: { path: '/tmp/a', new_path: '/etc/cron.d/a' } },
      '1',
    );
    expect(behaviorsOf(record)).to.deep.equal(['file_placed', 'file_removed']);
    expect(record.value(id('file.placed_path'))).to.equal('/etc/cron.d/a');
    expect(record.value(id('file.removed_path'))).to.equal('/tmp/a');
    expect(record.toJSON().file).not.to.have.property('placed_path');
    const failed = recordFromJson({ event: { type: 'file_rename', error: 'EPERM' }, file: { path: '/tmp/a' } }, '1');
    expect(failed.value(id('event.behaviors'))).to.deep.equal([]);
  });
});
