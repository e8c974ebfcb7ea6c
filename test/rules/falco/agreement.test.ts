import { expect } from 'chai';
import fc from 'fast-check';
import { ConditionEngine } from '../../../src/rules/engine/engine.ts';
import { compilePredicate } from '../../../src/rules/predicate/compile.ts';
import { explainCondition } from '../../../src/rules/predicate/explain.ts';
import { RuleSet } from '../../../src/rules/ruleset.ts';
import { load, record, ruleText } from './support/load.ts';
import { type Event, type Expr, holdsFor, textOf } from './support/reference.ts';

const PATHS = ['/etc/shadow', '/etc/passwd', '/usr/bin/bash', '/tmp/x y', '/tmp/a/b', '/'] as const;
const NAMES = ['bash', 'sh', 'nginx', 'a-very-long-name-indeed', 'x y'] as const;
const ADDRESSES = ['10.0.0.5', '93.184.216.34', '127.0.0.1'] as const;

const TEXT_FIELDS: Readonly<Record<string, readonly string[]>> = {
  'proc.name': ['bash', 'sh', 'nginx', 'a-very-long-nam', 'a-very-long-name-indeed'],
  'proc.exepath': PATHS,
  'proc.exe': [...PATHS, 'bash'],
  'proc.args': ['-c id', '', '-c'],
  'proc.cmdline': ['bash -c id', 'sh', 'nginx -c id'],
  'proc.pname': NAMES,
  'proc.aname[2]': NAMES,
  'user.name': ['root', 'ann'],
  'container.id': ['host', 'c0ffeec0ffee'],
  'fd.name': [...PATHS, '10.0.0.5:40000->93.184.216.34:443'],
  'fd.directory': ['/etc', '/tmp', '/'],
  'fd.filename': ['shadow', 'x y', 'b'],
  'fd.typechar': ['f', '4'],
  'evt.res': ['SUCCESS', 'EACCES', 'ENOENT'],
  'toupper(proc.name)': ['BASH', 'SH', 'bash', 'A-VERY-LONG-NAM'],
  'tolower(proc.exepath)': [...PATHS, '/ETC'],
  'basename(proc.exepath)': ['shadow', 'bash', 'x y', 'b'],
  'concat(proc.name, "@", proc.pname)': ['bash@sh', 'nginx@bash', 'sh@nginx'],
  'getopt(proc.args, "c:")[c]': ['id', '-c'],
};
const NUMBERS = { 'proc.pid': ['1', '700'], 'len(proc.exepath)': ['1', '11', '13'] } as const;
const TEXT_OPERATORS = ['=', '==', '!=', 'contains', 'icontains', 'startswith', 'endswith'] as const;

const pieces = (values: readonly string[]) =>
  fc.oneof(
    fc.constantFrom(...values),
    fc.constantFrom(...values).map((text) => text.slice(0, 3)),
  );
const check = (field: string, operator: string, values: readonly string[]): Expr => ({
  is: 'check',
  field,
  operator,
  values,
});

const textCheck: fc.Arbitrary<Expr> = fc.constantFrom(...Object.entries(TEXT_FIELDS)).chain(([field, values]) =>
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc
        .tuple(fc.constantFrom(...TEXT_OPERATORS), pieces(values))
        .map(([operator, value]) => check(field, operator, [value])),
    },
    {
      weight: 3,
      arbitrary: fc
        .array(fc.constantFrom(...values), { minLength: 1, maxLength: 3 })
        .map((list) => check(field, 'in', list)),
    },
    { weight: 1, arbitrary: fc.constantFrom('*a*', '/etc/*', '?h', '*').map((glob) => check(field, 'glob', [glob])) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('/etc/.*', 'ba.h', '[a-z]+', '.*:443').map((regex) => check(field, 'regex', [regex])),
    },
    { weight: 1, arbitrary: fc.constant(check(field, 'exists', [])) },
  ),
);
const pathCheck = fc
  .tuple(
    fc.constantFrom('fd.name', 'proc.exepath'),
    fc.subarray(['/etc', '/tmp/a', '/usr/bin/bash', '/et'], { minLength: 1 }),
  )
  .map(([field, values]) => check(field, 'pmatch', values));
const severalCheck = fc.constantFrom(...Object.entries(TEXT_FIELDS)).chain(([field, values]) =>
  fc.record({
    is: fc.constant('several' as const),
    field: fc.constant(field),
    operator: fc.constantFrom(...TEXT_OPERATORS),
    modifier: fc.constantFrom('oneof', 'anyof', 'allof'),
    values: fc.array(pieces(values), { maxLength: 3 }),
  }),
);
const numberCheck = fc
  .constantFrom(...Object.entries(NUMBERS))
  .chain(([field, values]) =>
    fc
      .tuple(fc.constantFrom('=', '!=', '<', '<=', '>', '>='), fc.constantFrom(...values))
      .map(([operator, value]) => check(field, operator, [value])),
  );
const otherCheck = fc.oneof(
  fc
    .constantFrom(['>=', '0'], ['<', '0'], ['=', '-1'], ['!=', '-1'])
    .map(([operator = '', value = '']) => check('fd.num', operator, [value])),
  fc.constantFrom('evt.is_open_read', 'evt.is_open_write', 'evt.failed').map((field) => check(field, '=', ['true'])),
  fc.subarray(['execve', 'openat', 'connect'], { minLength: 1 }).map((types) => check('evt.type', 'in', types)),
  fc.constantFrom('=', '!=').map((operator) => check('evt.type', operator, ['openat'])),
  fc.constantFrom('443', '80').map((port) => check('fd.sport', '=', [port])),
  fc
    .tuple(fc.constantFrom('fd.sip', 'fd.cip'), fc.constantFrom('=', '!='), fc.constantFrom(...ADDRESSES))
    .map(([field, operator, address]) => check(field, operator, [address])),
  fc
    .tuple(
      fc.constantFrom('proc.exe', 'proc.pname', 'proc.cmdline'),
      fc.constantFrom('=', '!=', 'startswith', 'contains'),
      fc.constantFrom('proc.exepath', 'proc.name', 'proc.aname[2]', 'proc.args'),
    )
    .map(([field, operator, other]): Expr => ({ is: 'pair', field, operator, other })),
);

const condition: fc.Arbitrary<Expr> = fc.letrec<{ node: Expr }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3 },
    { weight: 5, arbitrary: textCheck },
    { weight: 1, arbitrary: pathCheck },
    { weight: 1, arbitrary: numberCheck },
    { weight: 2, arbitrary: severalCheck },
    { weight: 3, arbitrary: otherCheck },
    {
      weight: 3,
      arbitrary: fc.array(tie('node'), { minLength: 2, maxLength: 3 }).map((of): Expr => ({ is: 'and', of })),
    },
    {
      weight: 3,
      arbitrary: fc.array(tie('node'), { minLength: 2, maxLength: 3 }).map((of): Expr => ({ is: 'or', of })),
    },
    { weight: 2, arbitrary: tie('node').map((of): Expr => ({ is: 'not', of })) },
  ),
})).node;

/** An exception over two fields: its operators, and tuples of which one suffices. */
interface Exception {
  readonly fields: readonly string[];
  readonly comps: readonly string[];
  readonly values: readonly (readonly string[])[];
}
const EXCEPTED = { 'proc.name': NAMES, 'proc.exepath': PATHS, 'user.name': ['root', 'ann'] } as const;
const exception: fc.Arbitrary<Exception> = fc
  .tuple(fc.constantFrom(...Object.entries(EXCEPTED)), fc.constantFrom(...Object.entries(EXCEPTED)))
  .chain(([[first, firsts], [second, seconds]]) =>
    fc.record({
      fields: fc.constant([first, second]),
      comps: fc.array(fc.constantFrom('=', '!=', 'startswith', 'endswith'), { minLength: 2, maxLength: 2 }),
      values: fc.array(fc.tuple(fc.constantFrom(...firsts), fc.constantFrom(...seconds)), {
        minLength: 1,
        maxLength: 3,
      }),
    }),
  );
/** What a rule with these exceptions asks. */
const withoutThem = (expr: Expr, exceptions: readonly Exception[]): Expr => ({
  is: 'and',
  of: [
    expr,
    ...exceptions.map(
      ({ fields, comps, values }): Expr => ({
        is: 'not',
        of: {
          is: 'or',
          of: values.map((tuple) => ({
            is: 'and',
            of: tuple.map((value, at) => check(fields[at] ?? '', comps[at] ?? '', [value])),
          })),
        },
      }),
    ),
  ],
});

const process = fc
  .record({
    name: fc.constantFrom(...NAMES),
    path: fc.constantFrom(...PATHS),
    args: fc.option(fc.constantFrom(['bash', '-c', 'id'], ['/usr/bin/bash'], ['sh', '']), { nil: undefined }),
    parent: fc.option(fc.constantFrom(...NAMES.slice(0, 3)), { nil: undefined }),
    above: fc.boolean(),
    user: fc.option(fc.constantFrom('root', 'ann'), { nil: undefined }),
    container: fc.boolean(),
  })
  .map(
    ({ name, path, args, parent, above, user, container }): Event => ({
      'process.pid': 700,
      'process.name': name,
      'process.path': path,
      ...(args === undefined ? {} : { 'process.args': args }),
      ...(parent === undefined ? {} : { 'process.parent.name': parent }),
      ...(parent !== undefined && above
        ? {
            'process.ancestors': [
              { pid: 3, name: parent },
              { pid: 2, name: 'sh' },
            ],
          }
        : {}),
      ...(user === undefined ? {} : { 'user.name': user }),
      ...(container ? { 'container.id': 'c0ffee'.repeat(11).slice(0, 64) } : {}),
    }),
  );
const kind: fc.Arbitrary<Event> = fc.oneof(
  fc.constant<Event>({ 'event.type': 'process_exec', 'event.syscall': 'execve', 'event.error': '', 'event.result': 0 }),
  fc
    .tuple(fc.constantFrom(...PATHS), fc.constantFrom('read', 'write', 'read_write'), fc.constantFrom('', 'EACCES'))
    .map(
      ([path, access, error]): Event => ({
        'event.type': 'file_open',
        'event.syscall': 'openat',
        'event.error': error,
        'event.result': error === '' ? 3 : -13,
        'file.path': path,
        'file.access': access,
      }),
    ),
  fc.tuple(fc.constantFrom(...ADDRESSES), fc.constantFrom(443, 80)).map(
    ([address, port]): Event => ({
      'event.type': 'net_conn',
      'event.syscall': 'connect',
      'event.error': '',
      'event.result': 0,
      'network.transport': 'tcp',
      'network.family': 'ipv4',
      'network.direction': 'outbound',
      'network.source.ip': '10.0.0.5',
      'network.source.port': 40000,
      'network.destination.ip': address,
      'network.destination.port': port,
    }),
  ),
);
const event = fc.tuple(process, kind).map(([one, two]): Event => ({ ...one, ...two }));

const exceptions = fc.array(exception, { maxLength: 2 });

describe('Falco conditions', () => {
  it('mean the same to the rule set, the predicate, json-rules-engine, the explanation and a reference evaluator', async () => {
    let matches = 0;
    await fc.assert(
      fc.asyncProperty(
        condition,
        exceptions,
        fc.array(event, { minLength: 6, maxLength: 6 }),
        async (bare, except, events) => {
          const text = textOf(bare);
          const named = except.map((one, at) => ({ name: `e${at}`, ...one }));
          const set = load(ruleText(text, '', named.length === 0 ? {} : { exceptions: named }));
          const expr = withoutThem(bare, except);
          expect(set.problems, text).to.deep.equal([]);
          const tree = set.rules[0]?.condition;
          if (tree === undefined) throw new Error('no rule');
          const ruleset = new RuleSet({ definitions: set.rules });
          const predicate = compilePredicate(tree);
          const engine = new ConditionEngine(tree, Number.POSITIVE_INFINITY);
          for (const fields of events) {
            const stored = record(fields);
            const wanted = holdsFor(expr, fields);
            if (wanted) matches++;
            const shown = `${text} except ${JSON.stringify(except)} for ${JSON.stringify(fields)}`;
            expect(predicate(stored), shown).to.equal(wanted);
            expect((await ruleset.evaluate(stored)) !== undefined, shown).to.equal(wanted);
            expect((await engine.run(stored)) !== undefined, shown).to.equal(wanted);
            expect(explainCondition(tree, stored).result, shown).to.equal(wanted);
          }
        },
      ),
      { numRuns: 250 },
    );
    expect(matches).to.be.greaterThan(250);
  });
});
