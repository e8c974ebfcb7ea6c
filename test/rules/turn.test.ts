import { expect } from 'chai';
import fc from 'fast-check';
import { Likenesses } from '../../src/enrich/likenesses.ts';
import { celCondition } from '../../src/rules/cel/condition.ts';
import { RuleIndex } from '../../src/rules/literals/rule-index.ts';
import { scopeOfField } from '../../src/rules/predicate/actor.ts';
import { compilePredicate, predicateCompiler } from '../../src/rules/predicate/compile.ts';
import { Turn } from '../../src/rules/predicate/turn.ts';
import type { CompiledRule } from '../../src/rules/rule.ts';
import { bareSource } from '../../src/rules/source.ts';
import type { Condition } from '../../src/rules/tree.ts';
import type { EventView, FieldSource, ProcessSummary } from '../../src/schema/event.ts';
import { FIELD_NAMES, fieldId, fieldName, kindHasField } from '../../src/schema/fields.ts';
import { cel, fields, tree } from './support/arbitrary.ts';
import { eventOf, type Fields } from './support/event.ts';
import { ruleOf } from './support/rule.ts';

function indexOf(conditions: readonly Condition[]): { index: RuleIndex; turn: Turn; rules: readonly CompiledRule[] } {
  const turn = new Turn();
  const compile = predicateCompiler(conditions, turn);
  const rules = conditions.map((condition, at) => ({ ...ruleOf(condition, at), ...compile(condition) }));
  return { index: new RuleIndex(rules, turn, compile), turn, rules };
}

/** What a process is at a time: its program and creator, and its ancestors. */
interface State {
  readonly program: { readonly name: string; readonly likeness: () => number | undefined };
  readonly own: FieldSource;
  ancestors: { readonly processes: readonly ProcessSummary[] };
  lineage: FieldSource;
}

interface Actor {
  readonly pid: number;
  state: State;
}

/** The same number for the same values. */
const likenesses = new Likenesses();

const stateOf = (values: Fields, settled = true): State => ({
  program: { name: 'x', likeness: () => (settled ? likenesses.numberOf([JSON.stringify(values)]) : undefined) },
  own: eventOf(values),
  ancestors: { processes: [] },
  lineage: eventOf(values),
});

/** What no live event lacks. */
const ALWAYS: ReadonlyMap<string, string | number> = new Map<string, string | number>([
  ['event.error', ''],
  ['event.result', 0],
  ['event.source', 'syscall'],
  ['process.pid', 1],
  ['process.name', 'x'],
  ['process.comm', 'x'],
  ['process.uid', 0],
  ['process.euid', 0],
]);

/** What these tell is known of a variant. */
const FIXED = [fieldId('network.destination.port') ?? -1, fieldId('process.memfd') ?? -1];

let ktime = 1e9;

function happened(actor: Actor, values: Fields): EventView {
  const event = eventOf(values);
  const { state } = actor;
  const read = {
    own: (field: number) => (/uid$/.test(FIELD_NAMES[field] ?? '') ? event.value(field) : state.own.value(field)),
    lineage: (field: number) => state.lineage.value(field),
  };
  const process = (actor as { process?: object }).process ?? {
    pid: actor.pid,
    parent: undefined,
    cgroup: undefined,
    hostNamespaces: undefined,
    get ancestors() {
      return actor.state.ancestors;
    },
  };
  Object.assign(actor, { process });
  ktime += 1000;
  const value = (field: number) => {
    if (!kindHasField(event.kind, fieldName(field))) return undefined;
    const scope = scopeOfField(field);
    return (scope === undefined ? event.value(field) : read[scope](field)) ?? ALWAYS.get(fieldName(field));
  };
  const fixed = new Map(FIXED.map((field) => [field, value(field)]));
  return {
    live: true,
    kind: event.kind,
    ktime,
    process: process as never,
    program: state.program as never,
    span: () => undefined,
    address: () => undefined,
    value,
    variant: () =>
      likenesses.numberOf([event.kind, JSON.stringify([...fixed].map(([field, one]) => [field, one ?? null]))]),
    variantValues: () => fixed,
    snapshot: () => {
      throw new Error('not asked for');
    },
  };
}

type Step =
  | { readonly type: 'event'; readonly actor: number; readonly values: Fields }
  | { readonly type: 'exec' | 'family'; readonly actor: number; readonly values: Fields };

const step: fc.Arbitrary<Step> = fc.record({
  type: fc.constantFrom('event', 'event', 'event', 'event', 'event', 'event', 'exec', 'family'),
  actor: fc.constantFrom(0, 0, 0, 1),
  values: fields(),
});

describe('what is remembered of an actor', () => {
  it('changes no verdict, whatever the process becomes in between', () => {
    let matches = 0;
    let remembered = 0;
    const conditions = fc.array(
      fc.oneof(
        tree,
        cel.map((text) => celCondition(bareSource(text))),
      ),
      { minLength: 1, maxLength: 12 },
    );
    fc.assert(
      fc.property(conditions, fields(), fc.array(step, { minLength: 30, maxLength: 40 }), (some, first, steps) => {
        const { index, turn } = indexOf(some);
        const predicates = some.map(compilePredicate);
        const actors: Actor[] = [1, 2].map((pid) => ({ pid, state: stateOf(first) }));
        for (const { type, actor: number, values } of steps) {
          const actor = actors[number] as Actor;
          if (type === 'exec') actor.state = stateOf(values);
          else if (type === 'family') {
            actor.state.ancestors = { processes: [] };
            actor.state.lineage = eventOf(values);
          } else {
            const event = happened(actor, values);
            const linear = predicates.flatMap((predicate, at) => (predicate(event) ? [at] : []));
            matches += linear.length;
            const found = index.matching(event).map((rule) => rule.index);
            if (turn.row !== undefined) remembered++;
            expect(found.sort((a, b) => a - b)).to.deep.equal(linear);
          }
        }
      }),
      { numRuns: 250 },
    );
    expect(matches).to.be.greaterThan(2000);
    expect(remembered).to.be.greaterThan(1500);
  });

  const condition = celCondition(
    bareSource("process.path == '/usr/bin/sh' && process.cwd == '/' && file.path == '/x'"),
  );
  const values: Fields = {
    'event.type': 'file_open',
    'process.path': '/usr/bin/sh',
    'process.cwd': '/',
    'file.path': '/x',
  };

  it('begins after a few events, for a program that is known for good', () => {
    const { index, turn } = indexOf([condition]);
    const unsettled: Actor = { pid: 1, state: stateOf(values, false) };
    for (let at = 0; at < 10; at++) index.matching(happened(unsettled, values));
    expect(turn.row).to.equal(undefined);
    const settled: Actor = { pid: 2, state: stateOf(values) };
    index.matching(happened(settled, values));
    expect(turn.row).to.equal(undefined);
    for (let at = 0; at < 10; at++) index.matching(happened(settled, values));
    expect(turn.row).not.to.equal(undefined);
  });

  it('is asked for once, and whether it is still the same after a quarter of a minute', () => {
    const { index } = indexOf([condition]);
    let asked = 0;
    let likeness = likenesses.numberOf(['first']);
    const actor: Actor = {
      pid: 1,
      state: {
        ...stateOf(values),
        program: { name: 'x', likeness: () => likeness },
        own: {
          kind: 'file_open',
          value: (field) => {
            if (FIELD_NAMES[field] === 'process.cwd') asked++;
            return eventOf(values).value(field);
          },
        },
      },
    };
    const askedIn = (events: number) => {
      asked = 0;
      for (let at = 0; at < events; at++) index.matching(happened(actor, values));
      return asked;
    };
    askedIn(20);
    expect(askedIn(1000)).to.equal(0);
    likeness = likenesses.numberOf(['second']);
    expect(askedIn(1000)).to.equal(0);
    ktime += 16e9;
    expect(askedIn(10)).to.be.greaterThan(0);
    expect(askedIn(1000)).to.equal(0);
    ktime += 16e9;
    expect(askedIn(1000)).to.equal(0);
  });

  it('takes a bounded number of actors', () => {
    const { index, turn } = indexOf([condition]);
    for (let pid = 1; pid < 5000; pid++) {
      const actor: Actor = { pid, state: stateOf({ ...values, 'process.cwd': `/${pid % 2000}` }) };
      for (let at = 0; at < 4; at++) index.matching(happened(actor, values));
    }
    expect(turn.remembered).to.be.within(1, 1024);
    expect(turn.cells.length).to.be.at.most(2 * 1024 * 1024);
  });
});
