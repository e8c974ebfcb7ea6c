import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { asJson, dashboards } from '../../grafana/src/index.ts';
import { SPECS } from '../../src/metrics/catalog.ts';
import { ROOT, RUNBOOKS, readRules, run } from '../prometheus/support/files.ts';
import { catalogSeries, type KnownSeries, recordedLabels, unknownNames } from '../prometheus/support/series.ts';
import {
  asksLoki,
  DASHBOARDS,
  type Dashboard,
  expand,
  expressions,
  metricPanelsOf,
  panelsOf,
  readDashboards,
} from './support/boards.ts';

const boards = readDashboards();
const all = boards.flatMap(expressions);

function known(specs: Parameters<typeof catalogSeries>[0] = SPECS): KnownSeries {
  const series = catalogSeries(specs);
  for (const { record } of readRules()) if (record !== undefined) series.set(record, recordedLabels(record));
  return series;
}

const problems = (series: KnownSeries) =>
  all.flatMap(({ where, expr }) => unknownNames(expand(expr), series).map((problem) => `${where}: ${problem}`));

describe('dashboards', function () {
  this.timeout(60_000);

  it('are what their sources generate', () => {
    expect(
      readdirSync(DASHBOARDS)
        .filter((file) => file.endsWith('.json'))
        .sort(),
    ).to.deep.equal(
      dashboards()
        .map(({ uid }) => `${uid}.json`)
        .sort(),
    );
    for (const board of dashboards())
      expect(
        readFileSync(join(DASHBOARDS, `${board.uid}.json`), 'utf8'),
        `${board.uid}: run npm run generate`,
      ).to.equal(asJson(board));
  });

  it('ask in valid PromQL', () => {
    const directory = mkdtempSync('/tmp/bpfwarden-boards-');
    try {
      const file = join(directory, 'rules.json');
      const rules = all.map(({ expr }, index) => ({ record: `check:expression:${index}`, expr: expand(expr) }));
      writeFileSync(file, JSON.stringify({ groups: [{ name: 'boards', rules }] }));
      const { status, stdout, stderr } = run('promtool', 'check', 'rules', '--lint=none', file);
      expect(status, stdout + stderr).to.equal(0);
      writeFileSync(file, JSON.stringify({ groups: [{ name: 'boards', rules: [{ record: 'x', expr: 'rate(up)' }] }] }));
      expect(run('promtool', 'check', 'rules', file).status, 'a wrong expression passes').to.not.equal(0);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('name only metrics and labels of the catalog', () => {
    expect(all.length).to.be.above(100);
    expect(problems(known())).to.deep.equal([]);
  });

  it('are noticed when any metric they use leaves the catalog', () => {
    const used = [...SPECS.keys()].filter((name) =>
      all.some(({ expr }) => new RegExp(`bpfwarden_${name}\\b`).test(expr)),
    );
    expect(used.length).to.be.above(20);
    for (const name of used) {
      const without = new Map([...SPECS].filter(([other]) => other !== name));
      expect(problems(known(without)).join('\n'), name).to.contain(`unknown metric bpfwarden_${name}`);
    }
  });

  it('are noticed when a label they use is renamed', () => {
    for (const [name, label] of [
      ['rule_matches_total', 'severity'],
      ['tactic_alerts_total', 'tactic'],
      ['events_total', 'event'],
      ['alert_deliveries_total', 'outcome'],
    ] as const) {
      const spec = SPECS.get(name);
      if (spec === undefined) throw new Error(`${name} is not in the catalog`);
      const labels = Object.fromEntries(
        Object.entries(spec.labels).map(([key, values]) => [key === label ? 'renamed' : key, values]),
      );
      expect(problems(known(new Map(SPECS).set(name, { ...spec, labels }))).join('\n'), name).to.contain(label);
    }
  });

  it('use labels in legends and links that their queries keep', () => {
    const missing = (legend: string, expr: string) =>
      [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label).filter((label) => !keeps(expr, label));
    for (const board of boards)
      for (const { title, targets = [], fieldConfig } of metricPanelsOf(board)) {
        for (const { legendFormat, expr } of targets)
          expect(missing(legendFormat, expr), `${title}: ${expr}`).to.be.empty;
        for (const { url = '' } of fieldConfig?.defaults.links ?? [])
          for (const [, label = ''] of url.matchAll(/__field\.labels\.(\w+)/g))
            for (const { expr } of targets) expect(keeps(expr, label), `${title} links by ${label}`).to.equal(true);
      }
  });

  it('lead to boards and runbooks that exist', () => {
    const uids = new Set(boards.map(({ uid }) => uid));
    const pages = new Set(readdirSync(RUNBOOKS));
    for (const board of boards) {
      const variables = new Set(board.templating.list.map(({ name }) => name));
      const text = JSON.stringify(board);
      for (const [, uid = ''] of text.matchAll(/"\/d\/([\w-]+)\?/g)) expect(uids).to.include(uid);
      for (const [, page = ''] of text.matchAll(/\$\{runbooks\}\/(\w+\.md)/g)) expect(pages).to.include(page);
      for (const [, name = ''] of text.matchAll(/\$\{(\w+):queryparam\}/g))
        expect(variables, board.title).to.include(name);
      expect(board.links.map(({ type, tags }) => [type, tags])).to.deep.equal([['dashboards', board.tags]]);
    }
    const linked = new Set(
      boards.flatMap((board) => [...JSON.stringify(board).matchAll(/"\/d\/([\w-]+)\?/g)].map(([, uid]) => uid)),
    );
    expect([...linked]).to.include.members(['bpfwarden-host', 'bpfwarden-detections']);
  });

  it('place their panels without gaps over one another', () => {
    for (const board of boards) {
      const taken = new Map<string, string>();
      for (const { id, title, gridPos } of board.panels) {
        expect(gridPos.x + gridPos.w, title).to.be.at.most(24);
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
          for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
            expect(taken.get(`${x},${y}`), `${board.title}: ${title} covers another`).to.equal(undefined);
            taken.set(`${x},${y}`, `${id}`);
          }
      }
      expect(new Set(board.panels.map(({ id }) => id)).size).to.equal(board.panels.length);
    }
  });

  it('mark reloads, starts and critical alerts', () => {
    for (const board of boards) {
      expect(board.annotations.list.map(({ name }) => name)).to.deep.equal(['Reloads', 'Starts', 'Critical alerts']);
      expect(JSON.stringify([board.annotations, board.links]), board.title).to.not.contain('inControlsMenu');
    }
  });

  it('have the types of the SDK, panel options included', () => {
    const directory = mkdtempSync(join(ROOT, 'build', 'board-types-'));
    try {
      writeFileSync(join(directory, 'boards.ts'), typed(boards));
      const config = {
        extends: join(ROOT, 'tsconfig.json'),
        compilerOptions: { noEmit: true, incremental: false, tsBuildInfoFile: null, rootDir: ROOT, types: [] },
        include: ['boards.ts'],
      };
      writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(config));
      const check = () =>
        spawnSync(process.execPath, [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', directory], {
          encoding: 'utf8',
        });
      const sound = check();
      expect(sound.status, sound.stdout).to.equal(0);
      writeFileSync(join(directory, 'boards.ts'), typed(boards).replaceAll('"showLegend":true', '"showLegend":"yes"'));
      expect(check().status, 'a wrong option passes').to.not.equal(0);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

/** Whether the result of an expression has the label: its outermost aggregation names it, or there is none. */
function keeps(expr: string, label: string): boolean {
  const lists = [...expr.matchAll(/\b(?:sum|max|min|count|avg) by \(([^)]*)\)/g)].map(([, list = '']) =>
    list.split(',').map((entry) => entry.trim()),
  );
  const first = lists[0];
  return first === undefined ? !/\b(?:sum|count)\(/.test(expr) : first.includes(label);
}

const OPTION_TYPES: Readonly<Record<string, string>> = {
  timeseries: 'timeseries',
  stat: 'stat',
  bargauge: 'bargauge',
  heatmap: 'heatmap',
  table: 'table',
  'state-timeline': 'statetimeline',
};

/** Enums are compared by value, and queries are taken for those of Prometheus; those of Loki are compared by themselves. */
const PLAIN = [
  "import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';",
  "import type { Dataquery } from '@grafana/grafana-foundation-sdk/prometheus';",
  "import type * as loki from '@grafana/grafana-foundation-sdk/loki';",
  'type LogQuery = Plain<Omit<loki.dataquery, "_implementsDataqueryVariant">>;',
  'type Query = Plain<Omit<Dataquery, "_implementsDataqueryVariant">>;',
  'type Plain<T> = T extends string ? `$' + '{T}` : T extends number ? number : T extends (infer E)[] ? Plain<E>[]',
  '  : T extends { _implementsDataqueryVariant: unknown } ? Query',
  '  : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;',
];

const withoutLogQueries = (board: Dashboard) => ({
  ...board,
  panels: board.panels.map((panel) => (asksLoki(panel) ? { ...panel, targets: [] } : panel)),
});

/** The boards as a TypeScript program that compiles if they are what the SDK describes. */
function typed(list: readonly Dashboard[]): string {
  const options = list.flatMap((board) =>
    panelsOf(board).flatMap((panel) => {
      const module = OPTION_TYPES[panel.type];
      if (module === undefined) return [];
      const name = `${board.uid.replaceAll('-', '_')}_${panel.id}`;
      return [
        `export const ${name}: Plain<${module}.Options> = ${JSON.stringify(panel.options)};`,
        ...(asksLoki(panel)
          ? (panel.targets ?? []).map(
              (target, index) => `export const ${name}_${index}: LogQuery = ${JSON.stringify(target)};`,
            )
          : []),
      ];
    }),
  );
  return [
    ...PLAIN,
    ...Object.values(OPTION_TYPES).map(
      (name) => `import type * as ${name} from '@grafana/grafana-foundation-sdk/${name}';`,
    ),
    ...list.map(
      (board) =>
        `export const ${board.uid.replaceAll('-', '_')}: Plain<Dashboard> = ${JSON.stringify(withoutLogQueries(board))};`,
    ),
    ...options,
  ].join('\n');
}
