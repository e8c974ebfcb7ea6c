import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Alert, byScene, judgeAttacks, recallOf } from '../../quality/judge.ts';
import { isTuned, readAttacks, readWork } from '../../quality/scenario.ts';
import { markOf } from '../../quality/stage.ts';

const QUALITY = join(import.meta.dirname, '..', '..', 'quality');

function attacksOf(text: string): ReturnType<typeof readAttacks> {
  const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-attacks-'));
  try {
    writeFileSync(join(directory, 'execution.yaml'), text);
    return readAttacks(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

let alerts = 0;
const alert = (mark: string, severity: Alert['severity'], rule = 'r'): Alert => ({
  alert_id: `alert-${alerts++}`,
  severity,
  rule: { name: rule },
  process: { ancestors: [{ command_line: 'bash' }, { command_line: `sh /run/quality/launch.sh ${mark}` }] },
});

const TWO = `
- id: a
  title: t
  techniques: [T1059]
  severity: warning
  variations: {one: 'true', two: {script: 'false', user: dev}}
`;

describe('the judge', () => {
  it('reads every data file that is shipped; every id is one of a kind', () => {
    const attacks = readAttacks(join(QUALITY, 'attacks'));
    const work = readWork(join(QUALITY, 'work'));
    const ids = [...attacks.flatMap(({ variations }) => variations.map(({ id }) => id)), ...work.map(({ id }) => id)];
    expect(new Set(ids).size).to.equal(ids.length);
    for (const { id, techniques } of attacks) expect(techniques, id).to.match(/^T\d{4}/);
  });

  it('counts an alert for the scene whose mark is among the ancestors, whoever was started in between', () => {
    const found = byScene([alert('quality-scenario-a+one', 'warning'), { ...alert('x', 'critical'), process: {} }]);
    expect([...found.keys()]).to.deep.equal(['quality-scenario-a+one']);
  });

  it('counts an alert and its updates once', () => {
    const one = alert('quality-scenario-a+one', 'warning');
    expect(byScene([one, one, { ...one, severity: 'critical' }]).get('quality-scenario-a+one')).to.deep.equal([one]);
  });

  it('calls a variation caught at the severity that was wanted, seen below it, and nothing when it was not performed', () => {
    const behaviours = attacksOf(TWO);
    const [one, two] = behaviours[0]?.variations ?? [];
    if (one === undefined || two === undefined) throw new Error('two variations');
    const performed = new Map([
      [one, { scene: one, status: 0, output: '' }],
      [two, { scene: two, status: 0, output: '' }],
    ]);
    const found = byScene([alert(markOf(one), 'critical'), alert(markOf(two), 'info')]);
    const results = judgeAttacks(behaviours, performed, found);
    expect(results.map(({ caught, seen }) => [caught, seen])).to.deep.equal([
      [true, true],
      [false, true],
    ]);
    expect(recallOf(results)).to.deep.equal({
      behaviours: 1,
      caughtBehaviours: 1,
      variations: 2,
      caughtVariations: 1,
      seenVariations: 2,
    });
    const missing = new Map([[one, { scene: one, status: undefined, output: 'not on this host: x' }]]);
    expect(recallOf(judgeAttacks(behaviours, missing, found)).variations).to.equal(0);
  });

  it('calls an incident caught only while it is as few alerts as it should be', () => {
    const behaviours = attacksOf(TWO.replace('severity: warning', 'severity: warning\n  alerts: 1'));
    const [one] = behaviours[0]?.variations ?? [];
    if (one === undefined) throw new Error('a variation');
    const performed = new Map([[one, { scene: one, status: 0, output: '' }]]);
    const judged = (count: number) =>
      judgeAttacks(behaviours, performed, byScene(Array.from({ length: count }, () => alert(markOf(one), 'warning'))));
    expect(judged(1)[0]?.caught).to.equal(true);
    expect(judged(2)[0]?.caught).to.equal(false);
  });

  it('expands a file that is placed into the ways of placing it', () => {
    const [behaviour] = attacksOf(
      '- {id: a, title: t, techniques: [T1053.003], severity: warning, placed: /etc/cron.d/x, content: "it\'s"}',
    );
    const names = behaviour?.variations.map(({ id }) => id) ?? [];
    expect(names).to.include.members(['a/move', 'a/hard-link', 'a/symbolic-link', 'a/busybox-mv']);
    expect(behaviour?.variations[0]?.prepare).to.include("it'\\''s");
  });

  it('splits behaviours into two halves that depend on the seed alone', () => {
    const ids = Array.from({ length: 200 }, (_, n) => `behaviour-${n}`);
    const half = ids.filter((id) => isTuned(id, 12));
    expect(half.length).to.be.within(70, 130);
    expect(ids.filter((id) => isTuned(id, 12))).to.deep.equal(half);
    expect(ids.filter((id) => isTuned(id, 13))).to.not.deep.equal(half);
  });

  it('says file, entry and what is known for a key that it does not know', () => {
    expect(() => attacksOf(`${TWO}  severty: x\n`)).to.throw(/execution\.yaml: a: unknown severty; known are id/);
    expect(() => attacksOf(TWO.replace('warning', 'high'))).to.throw(/severity is one of info, warning, critical/);
    expect(() => attacksOf(TWO + TWO)).to.throw(/an id of its own/);
  });
});
