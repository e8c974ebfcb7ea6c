import { expect } from 'chai';
import fc from 'fast-check';
import { fingerprintOf } from '../../../src/alerts/identity.ts';
import { compilePredicate } from '../../../src/rules/predicate/compile.ts';
import { loadSigmaTexts, SigmaCorrelator, type SigmaSet } from '../../../src/rules/sigma/load.ts';
import { recordFromJson } from '../../../src/schema/record.ts';

const rule = (name: string, program: string) => `title: Rule ${name}
name: ${name}
id: 00000000-0000-4000-8000-0000000000${name}
logsource:
    product: linux
    category: process_creation
detection:
    selection:
        Image|endswith: /${program}
    condition: selection
---
`;
const RULES = rule('aa', 'a') + rule('bb', 'b') + rule('cc', 'c');

/** `body` is the correlation section. */
const correlation = (name: string, body: string, more = '') => `title: Correlation ${name}
name: ${name}
id: 00000000-0000-4000-8000-00000000cc${name}
correlation:
${body
  .trim()
  .split('\n')
  .map((line) => `    ${line}`)
  .join('\n')}
${more}level: high
---
`;
const load = (text: string): SigmaSet => loadSigmaTexts([{ path: 'c.yml', text }]);

interface Happening {
  readonly time: number;
  readonly program?: string;
  readonly user?: string;
  readonly [field: string]: unknown;
}

/** Runs events in the order given; each alert as `title@index`. */
function run(text: string, happenings: readonly Happening[]): string[] {
  const set = load(text);
  expect(set.problems).to.deep.equal([]);
  const correlator = new SigmaCorrelator(set.correlations);
  const rules = set.rules.map((one) => ({ ...one, matches: compilePredicate(one.condition) }));
  return happenings.flatMap(({ time, program = 'a', user = 'u', ...more }, index) => {
    const event = recordFromJson(
      {
        timestamp: time,
        event: { type: 'process_exec' },
        process: { path: `/bin/${program}` },
        user: { name: user },
        ...more,
      },
      String(index),
    );
    const matched = rules.filter((one) => one.matches(event));
    const alerts = [
      ...matched.filter((one) => !one.silent).map((one) => one.info),
      ...correlator
        .observe(
          event,
          event.timestamp,
          matched.map((one) => one.info.id),
        )
        .map((match) => match.rule),
    ];
    return alerts.map((info) => `${info.name.replace('Correlation ', '')}@${event.id}`);
  });
}

const COUNT = correlation(
  '01',
  `
type: event_count
rules: [aa]
group-by: [User]
timespan: 10s
condition:
    gte: 3`,
);
const at = (...times: number[]): Happening[] => times.map((time) => ({ time }));

describe('Sigma correlations', () => {
  it('count events in a sliding window and name the completing one', () => {
    expect(run(RULES + COUNT, at(1, 2))).to.deep.equal([]);
    expect(run(RULES + COUNT, at(1, 2, 3))).to.deep.equal(['01@2']);
    expect(run(RULES + COUNT, at(0, 9, 12, 18))).to.deep.equal(['01@3']);
    expect(run(RULES + COUNT, at(0, 5, 10))).to.deep.equal(['01@2']);
    expect(run(RULES + COUNT, at(0, 5, 10.001))).to.deep.equal([]);
  });

  it('count late events in their place', () => {
    expect(run(RULES + COUNT, at(100, 1, 103, 102))).to.deep.equal(['01@3']);
    expect(run(RULES + COUNT, at(100, 10, 20, 15))).to.deep.equal(['01@3']);
  });

  it('count per group, and leave out what has no group', () => {
    const events = [
      { time: 1, user: 'x' },
      { time: 2, user: 'y' },
      { time: 3, user: 'x' },
      { time: 4, user: 'x' },
    ];
    expect(run(RULES + COUNT, events)).to.deep.equal(['01@3']);
    const nameless = at(1, 2, 3).map((event) => ({ ...event, user: null as unknown as string }));
    expect(run(RULES + COUNT, nameless)).to.deep.equal([]);
  });

  it('are one alert for each group, whichever event and process completes them', () => {
    const set = load(RULES + COUNT);
    const correlator = new SigmaCorrelator(set.correlations);
    const rule = set.rules.find(({ info }) => info.name === 'Rule aa')?.info.id;
    if (rule === undefined) throw new Error('no rule');
    const prints = ['x', 'x', 'x', 'y', 'y', 'y', 'x'].map((user, index) => {
      const event = recordFromJson(
        {
          timestamp: index,
          event: { type: 'process_exec' },
          process: { pid: 100 + index, entity_id: `e${index}`, path: '/bin/a', command_line: `a ${index}` },
          user: { name: user },
        },
        String(index),
      );
      const [match] = correlator.observe(event, event.timestamp, [rule]);
      return match === undefined ? undefined : fingerprintOf(match, 'h', event);
    });
    expect(prints.map((print) => print !== undefined)).to.deep.equal([false, false, true, false, false, true, true]);
    expect(prints[6]).to.equal(prints[2]);
    expect(prints[5]).to.not.equal(prints[2]);
  });

  it('have their rules silent unless generate says otherwise', () => {
    const loud = COUNT.replace('level: high', 'generate: true\nlevel: high');
    expect(run(RULES + loud, at(1, 2, 3))).to.deep.equal(['Rule aa@0', 'Rule aa@1', 'Rule aa@2', '01@2']);
    expect(run(RULES + COUNT, [{ time: 1, program: 'b' }])).to.deep.equal(['Rule bb@0']);
  });

  for (const [condition, expected] of [
    ['gt: 2', ['2', '3']],
    ['eq: 2', ['1']],
    ['lt: 2', ['0']],
    ['lte: 2', ['0', '1']],
    ['neq: 3', ['0', '1', '3']],
    ['gt: 1\n    lte: 3', ['1', '2']],
  ] as const) {
    it(`compare with ${condition.replace(/\n +/, ', ')}`, () => {
      const text = RULES + COUNT.replace('gte: 3', condition.replace('\n', '\n    '));
      expect(run(text, at(1, 2, 3, 4))).to.deep.equal(expected.map((index) => `01@${index}`));
    });
  }

  it('count different values', () => {
    const text =
      RULES +
      correlation(
        '02',
        `
type: value_count
rules: [aa, bb]
group-by: [User]
timespan: 1m
condition:
    field: CurrentDirectory
    gte: 2`,
      );
    const events = [
      { time: 0, process: { path: '/bin/a', cwd: '/x' } },
      { time: 1, process: { path: '/bin/b', cwd: '/x' } },
      { time: 2, process: { path: '/bin/a' } },
      { time: 3, process: { path: '/bin/b', cwd: '/y' } },
      { time: 61.5, process: { path: '/bin/b', cwd: '/z' } },
      { time: 200, process: { path: '/bin/b', cwd: '/z' } },
      { time: 30, process: { path: '/bin/b', cwd: '/z' } },
    ];
    expect(run(text, events)).to.deep.equal(['02@3', '02@4', '02@6']);
  });

  const temporal = (type: string, more = '') =>
    RULES +
    correlation(
      '03',
      `
type: ${type}
rules: [aa, bb, cc]
group-by: [User]
timespan: 10s
${more}`,
    );
  const sequence = (text: string, start = 0) => [...text].map((program, index) => ({ time: start + index, program }));

  it('find all rules in any order', () => {
    expect(run(temporal('temporal'), sequence('cab'))).to.deep.equal(['03@2']);
    expect(run(temporal('temporal'), sequence('aabb'))).to.deep.equal([]);
    expect(run(temporal('temporal'), [...sequence('ab'), ...sequence('c', 10.5)])).to.deep.equal([]);
    expect(run(temporal('temporal', 'condition:\n    gte: 2'), sequence('aab'))).to.deep.equal(['03@2']);
  });

  it('combine rules', () => {
    const text = temporal('temporal', 'condition: aa and (bb or cc)');
    expect(run(text, sequence('bca'))).to.deep.equal(['03@2']);
    expect(run(text, sequence('bcb'))).to.deep.equal([]);
    expect(run(temporal('temporal', 'condition: aa and not bb'), sequence('cab'))).to.deep.equal(['03@1']);
  });

  it('find all rules in their order', () => {
    const text = temporal('temporal_ordered');
    expect(run(text, sequence('abc'))).to.deep.equal(['03@2']);
    expect(run(text, sequence('cba'))).to.deep.equal([]);
    expect(run(text, sequence('acbabc'))).to.deep.equal(['03@5']);
    expect(run(temporal('temporal_ordered', 'condition: aa and bb and cc'), sequence('abc'))).to.deep.equal(['03@2']);
    const late = [
      { time: 0, program: 'a' },
      { time: 2, program: 'c' },
      { time: 1, program: 'b' },
    ];
    expect(run(text, late)).to.deep.equal(['03@2']);
  });

  it('are not blinded by a flood of one of their rules', () => {
    const flood = Array.from({ length: 5000 }, (_, index) => ({ time: 2 + index / 1000, program: 'a' }));
    const events = [{ time: 0, program: 'a' }, { time: 1, program: 'b' }, ...flood, { time: 9, program: 'c' }];
    expect(run(temporal('temporal_ordered'), events)).to.deep.equal(['03@5002']);
  });

  it('chain, with the alert on the outermost', () => {
    const text =
      correlation(
        '04',
        `
type: temporal_ordered
rules: ['01', bb]
group-by: [User]
timespan: 1m`,
      ) +
      RULES +
      COUNT;
    expect(run(text, sequence('aaab'))).to.deep.equal(['04@3']);
    expect(run(text, sequence('baaa'))).to.deep.equal([]);
  });

  it('group by aliases, and by the field that a kind of event has', () => {
    const text = `${rule('aa', 'a')}title: Target
name: dd
id: 00000000-0000-4000-8000-0000000000dd
logsource:
    category: file_event
detection:
    selection:
        TargetFilename|startswith: /drop/
    condition: selection
---
${correlation(
  '05',
  `
type: temporal
rules: [aa, dd]
group-by: [program]
timespan: 1m
aliases:
    program:
        aa: Image
        dd: TargetFilename`,
)}`;
    const created = { event: { type: 'file_create' }, file: { path: '/drop/a' } };
    const renamed = { event: { type: 'file_rename' }, file: { path: '/x', new_path: '/drop/a' } };
    const exec = { process: { path: '/drop/a' } };
    expect(
      run(text, [
        { time: 0, ...created },
        { time: 1, ...exec },
      ]),
    ).to.deep.equal(['05@1']);
    expect(
      run(text, [
        { time: 0, ...renamed },
        { time: 1, ...exec },
      ]),
    ).to.deep.equal(['05@1']);
    expect(
      run(text, [
        { time: 0, ...created },
        { time: 1, process: { path: '/bin/a' } },
      ]),
    ).to.deep.equal([]);
  });

  it('leave the rules of a faulty correlation to speak for themselves', () => {
    const set = load(RULES + COUNT.replace('[aa]', '[aa, nobody]'));
    expect(set.correlations).to.deep.equal([]);
    expect(set.rules.every((one) => !one.silent)).to.equal(true);
    expect(set.problems).to.have.lengthOf(1);
    expect(set.problems[0]?.message).to.include('nobody');
  });

  it('remember across a reload what has not changed', () => {
    const first = new SigmaCorrelator(load(RULES + COUNT).correlations);
    const second = new SigmaCorrelator(load(RULES + COUNT.replace('level: high', 'level: low')).correlations);
    const changed = new SigmaCorrelator(load(RULES + COUNT.replace('10s', '11s')).correlations);
    const observe = (correlator: SigmaCorrelator, time: number) => {
      const event = recordFromJson({ event: { type: 'process_exec' }, user: { name: 'u' } }, 'x');
      return correlator.observe(event, time, ['00000000-0000-4000-8000-0000000000aa']);
    };
    observe(first, 1);
    observe(first, 2);
    second.adopt(first);
    changed.adopt(first);
    const [match] = observe(second, 3);
    expect(match?.rule.severity).to.equal('info');
    expect(match?.window).to.deep.equal({ count: 3, seconds: 10, key: { User: 'u' } });
    expect(observe(changed, 3)).to.deep.equal([]);
  });

  it('forget the group that was used longest ago when there are too many', () => {
    const correlator = new SigmaCorrelator(load(RULES + COUNT).correlations);
    for (let index = 0; index < 12_000; index++) {
      const event = recordFromJson({ event: { type: 'process_exec' }, user: { name: `u${index}` } }, 'x');
      correlator.observe(event, 1, ['00000000-0000-4000-8000-0000000000aa']);
    }
    expect(correlator.stats()).to.deep.equal({ groups: 10_000, remembered: 10_000, evictions: 2000 });
  });
});

describe('Sigma correlations against a search through all windows', () => {
  const SPAN = 10;
  const events = fc.array(
    fc.record({
      time: fc.integer({ min: 0, max: 18 }),
      program: fc.constantFrom('a', 'b', 'c'),
      user: fc.constantFrom('u', 'v'),
      cwd: fc.constantFrom('/1', '/2', '/3'),
    }),
    { maxLength: 14 },
  );
  type Event = { time: number; program: string; user: string; cwd: string };

  const orders = (window: readonly Event[], names: string): boolean =>
    names === '' ||
    window.some((event, index) => event.program === names[0] && orders(window.slice(index + 1), names.slice(1)));

  const kinds: Record<string, [body: string, holds: (window: readonly Event[]) => boolean]> = {
    event_count: [
      'rules: [aa, bb]\ncondition:\n    gte: 4',
      (window) => window.filter((e) => e.program !== 'c').length >= 4,
    ],
    value_count: [
      'rules: [aa, bb, cc]\ncondition:\n    field: CurrentDirectory\n    gte: 3',
      (window) => new Set(window.map((event) => event.cwd)).size >= 3,
    ],
    temporal: ['rules: [aa, bb, cc]', (window) => new Set(window.map((event) => event.program)).size === 3],
    temporal_ordered: ['rules: [aa, bb, cc]', (window) => orders(window, 'abc')],
  };

  for (const [type, [body, holds]] of Object.entries(kinds)) {
    for (const order of ['in order', 'in any order']) {
      it(`${type}, events ${order}`, () => {
        const text = RULES + correlation('09', `type: ${type}\ngroup-by: [User]\ntimespan: ${SPAN}s\n${body}`);
        fc.assert(
          fc.property(events, (random) => {
            const list = order === 'in order' ? [...random].sort((a, b) => a.time - b.time) : random;
            const expected = list.flatMap((event, index) => {
              if (type === 'event_count' && event.program === 'c') return [];
              const arrived = list
                .slice(0, index + 1)
                .map((one, arrival) => ({ ...one, arrival }))
                .filter((one) => one.user === event.user)
                .sort((a, b) => a.time - b.time || a.arrival - b.arrival);
              const complete = arrived.some(({ time: end }) => {
                if (end < event.time || end > event.time + SPAN) return false;
                const window = arrived.filter((one) => one.time <= end && one.time >= end - SPAN);
                if (type !== 'temporal_ordered') return holds(window);
                // The event itself must be part of the order.
                const own = window.findIndex((one) => one.arrival === index);
                return [...'abc'].some(
                  (name, place) =>
                    name === event.program &&
                    orders(window.slice(0, own), 'abc'.slice(0, place)) &&
                    orders(window.slice(own + 1), 'abc'.slice(place + 1)),
                );
              });
              return complete ? [`09@${index}`] : [];
            });
            const happenings = list.map((event) => ({
              time: event.time,
              user: event.user,
              process: { path: `/bin/${event.program}`, cwd: event.cwd },
            }));
            const silenced = run(text, happenings).filter((alert) => alert.startsWith('09'));
            expect(silenced).to.deep.equal(expected);
          }),
          { numRuns: 150 },
        );
      });
    }
  }
});
