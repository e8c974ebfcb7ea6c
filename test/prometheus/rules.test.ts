import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { SPECS } from '../../src/metrics/catalog.ts';
import { SEVERITIES } from '../../src/rules/types.ts';
import { ROOT, RULES, type Rule, readRules, run } from './support/files.ts';
import { namesIn } from './support/promql.ts';
import { catalogSeries, type KnownSeries, recordedLabels, unknownNames } from './support/series.ts';

const rules = readRules();
const alerts = rules.filter((rule) => rule.alert !== undefined);
const ruleFiles = readdirSync(RULES).map((file) => join(RULES, file));
const TESTS = join(ROOT, 'prometheus', 'tests');

/** The catalog's series and what the recording rules make of them. */
function seriesWithRecorded(specs = SPECS as Parameters<typeof catalogSeries>[0]): KnownSeries {
  const known = catalogSeries(specs);
  for (const { record } of rules) if (record !== undefined) known.set(record, recordedLabels(record));
  return known;
}

function problems(known: KnownSeries): string[] {
  return rules.flatMap((rule) =>
    unknownNames(rule.expr, known).map((problem) => `${rule.file}: ${rule.alert ?? rule.record}: ${problem}`),
  );
}

/** Labels that an alert has when it fires, as far as its outermost aggregation tells; undefined where it tells nothing. */
function alertLabels(rule: Rule, known: KnownSeries): Set<string> {
  const outer = /^\s*(?:sum|count|group|max)\s+by\s*\(([^)]*)\)/.exec(rule.expr)?.[1];
  if (outer !== undefined) return new Set(outer.split(',').map((label) => label.trim()));
  return new Set(namesIn(rule.expr).selectors.flatMap(({ metric }) => [...(known.get(metric) ?? [])]));
}

describe('Prometheus rules', function () {
  this.timeout(60_000);

  it('pass promtool check rules with all lints', () => {
    const { status, stdout, stderr } = run('promtool', 'check', 'rules', '--lint=all', '--lint-fatal', ...ruleFiles);
    expect(status, stdout + stderr).to.equal(0);
  });

  it('pass their promtool unit tests', () => {
    const files = readdirSync(TESTS).map((file) => join(TESTS, file));
    const { status, stdout, stderr } = run('promtool', 'test', 'rules', ...files);
    expect(status, stdout + stderr).to.equal(0);
  });

  it('name only metrics and labels of the catalog', () => {
    expect(problems(seriesWithRecorded())).to.deep.equal([]);
  });

  it('are noticed when a metric leaves the catalog or a label is renamed', () => {
    const without = new Map([...SPECS].filter(([name]) => name !== 'events_lost_total'));
    expect(problems(seriesWithRecorded(without)).join('\n')).to.contain('unknown metric bpfwarden_events_lost_total');

    const spec = SPECS.get('alerts_total');
    if (spec === undefined) throw new Error('alerts_total is not in the catalog');
    const { severity, ...others } = spec.labels;
    const labels = { ...others, level: severity } as typeof spec.labels;
    const renamed = new Map(SPECS).set('alerts_total', { ...spec, labels });
    expect(problems(seriesWithRecorded(renamed)).join('\n')).to.contain('bpfwarden_alerts_total has no label severity');
  });

  it('record under names of the form level:metric:operations', () => {
    const labels = new Set(['job', 'instance', ...[...SPECS.values()].flatMap((spec) => Object.keys(spec.labels))]);
    for (const { record, expr } of rules) {
      if (record === undefined) continue;
      expect(record).to.match(/^[a-z]+(?:_[a-z]+)*:[a-z_]+:[a-z0-9_]+$/);
      for (const label of recordedLabels(record)) expect(labels, record).to.include(label);
      expect(record.split(':')[1], 'a rate has no _total').to.not.match(/_total$/);
      expect(expr, 'aggregates with without').to.not.match(/\bsum by\b/);
    }
  });

  it('have a summary that is the same for the whole group and a description with known labels', () => {
    const known = seriesWithRecorded();
    for (const rule of alerts) {
      const { summary = '', description = '' } = rule.annotations ?? {};
      expect(summary, rule.alert).to.match(/^[A-Z][^{}]+\.$/);
      expect(description, rule.alert).to.match(/\S\.$/);
      const labels = alertLabels(rule, known);
      for (const [, label = ''] of description.matchAll(/\$labels\.(\w+)/g))
        expect(labels, `${rule.alert} uses ${label}`).to.include(label);
    }
  });

  it('have one of the severities, the origin, and never a value as a label', () => {
    for (const { alert, labels = {} } of alerts) {
      expect(alert).to.match(/^Bpfwarden[A-Z][A-Za-z]+$/);
      expect(SEVERITIES as readonly string[], alert).to.include(labels.severity);
      expect(labels.origin, alert).to.equal('rules');
      expect(Object.values(labels).join(''), alert).to.not.contain('{{');
    }
    expect(new Set(alerts.map(({ alert }) => alert)).size).to.equal(alerts.length);
  });

  it('read ranges of at least four scrapes and never rate a gauge', () => {
    for (const { expr, alert, record } of rules) {
      for (const [, range = ''] of expr.matchAll(/\b(?:rate|increase|deriv)\([^[]*\[(\d+)m\]/g))
        expect(Number(range), alert ?? record).to.be.at.least(5);
      for (const [, metric = ''] of expr.matchAll(/\b(?:rate|increase)\((\w+)/g))
        expect(metric, alert ?? record).to.match(/_(?:total|count|bucket|sum)$/);
    }
  });

  it('have a test in which they fire and one in which they do not', () => {
    const fires = new Set<string>();
    const silent = new Set<string>();
    const names = alerts.map(({ alert = '' }) => alert);
    for (const file of readdirSync(TESTS)) {
      const loaded = new Set(
        rules.filter((rule) => readFileSync(join(TESTS, file), 'utf8').includes(rule.file)).map(({ alert }) => alert),
      );
      const { tests } = parse(readFileSync(join(TESTS, file), 'utf8')) as {
        tests: {
          promql_expr_test?: { expr: string; exp_samples: { labels: string }[] }[];
          alert_rule_test?: { alertname: string; exp_alerts: unknown[] }[];
        }[];
      };
      for (const { promql_expr_test: asked = [], alert_rule_test: exact = [] } of tests) {
        for (const { alertname, exp_alerts: expected } of exact) (expected.length > 0 ? fires : silent).add(alertname);
        for (const { expr, exp_samples: expected } of asked) {
          if (!expr.startsWith('ALERTS')) continue;
          const pattern = new RegExp(`^(?:${/alertname=~?"([^"]+)"/.exec(expr)?.[1] ?? '.*'})$`);
          const expectedNames = new Set(expected.map(({ labels }) => /alertname="([^"]+)"/.exec(labels)?.[1] ?? ''));
          for (const name of expectedNames) fires.add(name);
          for (const name of names)
            if (loaded.has(name) && pattern.test(name) && !expectedNames.has(name)) silent.add(name);
        }
      }
    }
    expect(names.filter((name) => !fires.has(name))).to.deep.equal([]);
    // The watchdog always fires; that is its purpose.
    expect(names.filter((name) => !silent.has(name) && name !== 'BpfwardenWatchdog')).to.deep.equal([]);
  });
});
