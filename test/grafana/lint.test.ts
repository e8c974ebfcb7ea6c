import { expect } from 'chai';
import { readDashboards } from './support/boards.ts';
import { lint, RULES, readExclusions } from './support/lint.ts';

const boards = readDashboards();

/** Rules broken by the boards with one text replaced: the first behind `after`. */
function broken(from: string | RegExp, to: string, after: string) {
  const text = JSON.stringify(boards);
  const start = text.indexOf(after);
  const changed = text.slice(0, start) + text.slice(start).replace(from, to);
  expect(changed, `${from} is in no board`).to.not.equal(text);
  return lint(JSON.parse(changed)).open.map(({ rule }) => rule);
}

describe('rules of dashboard-linter', () => {
  it('hold for every board', () => {
    expect(lint(boards).open).to.deep.equal([]);
  });

  it('have no exclusion without a reason or without use', () => {
    const { all } = lint(boards);
    for (const [rule, { reason, entries = [] }] of Object.entries(readExclusions())) {
      expect(RULES).to.include(rule);
      expect(reason).to.match(/\.$/);
      expect(entries).to.not.be.empty;
      for (const entry of entries)
        expect(
          all.some(
            (finding) =>
              finding.rule === rule &&
              finding.dashboard === entry.dashboard &&
              (entry.panel === undefined || entry.panel === finding.panel),
          ),
          `${rule} excludes ${entry.dashboard} ${entry.panel ?? ''} for nothing`,
        ).to.equal(true);
    }
  });

  for (const [rule, from, to] of [
    ['template-datasource-rule', '"name":"datasource"', '"name":"source"'],
    ['template-cluster-rule', '"name":"cluster"', '"name":"region"'],
    ['template-job-rule', '"label":"Job"', '"label":"job"'],
    ['template-instance-rule', '"name":"instance"', '"name":"host"'],
    ['template-label-promql-rule', /label_values\([^)]*\)/, 'query_result(up)'],
    ['template-on-time-change-reload-rule', '"refresh":2', '"refresh":1'],
    ['panel-datasource-rule', /("id":3[^}]*)?"uid":"\$\{datasource\}"(?=\},"gridPos")/, '"uid":"my-prometheus"'],
    ['panel-title-description-rule', /"description":"[^"]+","datasource"/, '"description":"","datasource"'],
    ['panel-units-rule', '"unit":"si:/s"', '"unit":"events"'],
    ['panel-no-targets-rule', /"targets":\[\{[^\]]*\}\]/, '"targets":[]'],
    ['target-rate-interval-rule', '[$__rate_interval]', '[5m]'],
    ['target-cluster-rule', '{cluster=~\\"$cluster\\", job', '{job'],
    ['target-job-rule', 'job=~\\"$job\\", instance', 'instance'],
    ['target-instance-rule', ', instance=~\\"$instance\\"', ''],
    ['target-counter-agg-rule', /rate\((\w+_total\{[^}]*\})\[\$__rate_interval\]\)/, '$1'],
    ['uneditable-dashboard-rule', '"editable":false', '"editable":true'],
  ] as const)
    it(`finds what breaks ${rule}`, () => {
      expect(broken(from, to, rule.startsWith('target') ? '"targets"' : '')).to.include(rule);
    });
});
