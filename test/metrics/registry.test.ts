import { expect } from 'chai';
import { capOf, MAX_RULES, PREFIX, SPECS, seriesLimit } from '../../src/metrics/catalog.ts';
import { EVENT_KINDS } from '../../src/metrics/kinds.ts';
import type { MetricsRegistry } from '../../src/metrics/registry.ts';
import type { Labels } from '../../src/metrics/types.ts';
import { registry, ruleInfo, samples, sampleValue, text } from './support/registry.ts';

const HOSTILE = [
  '/tmp/evil',
  'x"} 1\nbpfwarden_events_unaccounted 99',
  '__proto__',
  'constructor',
  '\u0000',
  'process_exec\u0000',
  ' process_exec',
  '../../etc/passwd',
  '\ud800',
  'a'.repeat(10_000),
];

/** Updates every metric with the label values, by the operation of its type. */
function updateAll(metrics: MetricsRegistry, value: (label: string, index: number) => string, index = 0): void {
  for (const [name, spec] of SPECS) {
    const labels: Labels = Object.fromEntries(Object.keys(spec.labels).map((label) => [label, value(label, index)]));
    const loose = metrics as unknown as {
      counter(name: string): { inc(labels: Labels): void };
      gauge(name: string): { set(value: number, labels: Labels): void };
      histogram(name: string): { observe(value: number, labels: Labels, exemplar: Labels): void };
      advance(name: string, total: number, labels: Labels): void;
      setInfo(name: string, labels: Labels): void;
    };
    if (spec.type === 'counter') {
      loose.counter(name).inc(labels);
      loose.advance(name, index + 1, labels);
    } else if (spec.type === 'gauge') {
      loose.gauge(name).set(1, labels);
      if (name.endsWith('_info') && name !== 'rule_info') loose.setInfo(name, labels);
    } else loose.histogram(name).observe(0.5, labels, { alert_id: value('alert_id', index), extra: value('x', index) });
  }
}

const manyRules = (count: number) =>
  Array.from({ length: count }, (_, index) =>
    ruleInfo({
      name: `rule_${index}`,
      severity: index % 3 === 0 ? 'critical' : index % 3 === 1 ? 'warning' : 'info',
      mode: index % 10 === 0 ? 'shadow' : 'enforce',
      mitre: [`T${1000 + index}`, `T${1000 + index}.001`],
    }),
  );

describe('the metrics registry', () => {
  it('has every known series at 0 from the start', async () => {
    const metrics = registry();
    const lines = await samples(metrics);
    for (const kind of EVENT_KINDS) {
      for (const name of ['events_total', 'events_filtered_total', 'events_throttled_total', 'events_processed_total'])
        expect(lines).to.include(`bpfwarden_${name}{event="${kind}"} 0`);
      for (const reason of ['ring_full', 'scratch'])
        expect(lines).to.include(`bpfwarden_events_lost_total{event="${kind}",reason="${reason}"} 0`);
    }
    expect(lines).to.include('bpfwarden_response_actions_total{action="kill",outcome="simulated"} 0');
    expect(lines).to.include('bpfwarden_series_overflow_total{metric="bpfwarden_alerts_total"} 0');
    expect(lines).to.include('bpfwarden_detection_latency_seconds_count 0');
    expect(lines).to.include('bpfwarden_process_table_misses_total 0');
  });

  it('has the series of rules, sinks, programs and plugins at 0 once they are known', async () => {
    const metrics = registry();
    metrics.declareRules(
      [ruleInfo({ name: 'r', mitre: ['T1059.004'] }), ruleInfo({ name: 'h', heuristic: true })],
      ['net_conn'],
    );
    metrics.declareSinks(['hook']);
    metrics.declarePrograms(['on_exec']);
    metrics.declarePlugins(['p']);
    const lines = await samples(metrics);
    for (const line of [
      'rule_matches_total{rule="r",severity="warning",mode="enforce"} 0',
      'rule_matches_total{rule="h",severity="warning",mode="enforce"} 0',
      'rule_info{rule="r",severity="warning",technique="T1059.004"} 1',
      'rule_info{rule="h",severity="warning",technique="none"} 1',
      'alerts_total{rule="r",severity="warning",action="alert"} 0',
      'alerts_suppressed_total{rule="r",reason="duplicate"} 0',
      'alert_deliveries_total{sink="hook",outcome="dead_letter"} 0',
      'program_attached{program="on_exec"} 0',
      'program_runs_total{program="on_exec"} 0',
      'plugin_failures_total{plugin="p"} 0',
      'risk_score_count{event="net_conn"} 0',
      'rules_loaded 2',
    ])
      expect(lines).to.include(`bpfwarden_${line}`);
    expect(lines.join('\n')).to.not.contain('alerts_total{rule="h"');
  });

  it('lets no string of an attacker become a label', async () => {
    const metrics = registry();
    metrics.declareRules([ruleInfo()]);
    metrics.declareSinks(['hook']);
    const before = await samples(metrics);
    for (const [index, hostile] of HOSTILE.entries()) updateAll(metrics, () => hostile, index);
    const after = await text(metrics);
    const openMetrics = await text(metrics, 'openmetrics');
    for (const output of [after, openMetrics]) {
      for (const value of output.matchAll(/="((?:[^"\\]|\\.)*)"/gs)) {
        expect(HOSTILE, value[0]).to.not.include(value[1]);
        expect(value[1]?.length).to.be.below(100);
      }
      expect(output).to.not.match(/evil|passwd|aaaa|proto__"|constructor|extra/);
    }
    const names = (lines: string[]) => new Set(lines.map((line) => line.slice(0, line.lastIndexOf(' '))));
    const fresh = [...names(after.split('\n').filter((line) => line !== '' && !line.startsWith('#')))].filter(
      (name) => !names(before).has(name),
    );
    expect(fresh).to.not.be.empty;
    for (const name of fresh) expect(name).to.contain('__other__');
    expect(
      await sampleValue(metrics, 'bpfwarden_series_overflow_total{metric="bpfwarden_rule_matches_total"}'),
    ).to.be.above(0);
    expect(await sampleValue(metrics, 'bpfwarden_events_unaccounted')).to.equal(1);
  });

  it('has series for each of 500 rules and puts none of them into __other__', async () => {
    const metrics = registry();
    const rules = manyRules(500);
    metrics.declareRules(rules, EVENT_KINDS);
    for (const { name: rule, severity, mode, action } of rules) {
      metrics.counter('rule_matches_total').inc({ rule, severity, mode });
      metrics.counter('alerts_total').inc({ rule, severity, action });
      for (const reason of [mode === 'shadow' ? 'shadow' : 'duplicate', 'silenced'])
        metrics.counter('alerts_suppressed_total').inc({ rule, reason });
    }
    const lines = await samples(metrics);
    expect(lines.filter((line) => line.includes('__other__'))).to.be.empty;
    expect(lines.filter((line) => /^bpfwarden_series_overflow_total.* [^0]/.test(line))).to.be.empty;
    for (const { name } of rules)
      for (const metric of ['rule_info', 'rule_matches_total', 'alerts_total', 'alerts_suppressed_total'])
        expect(
          lines.some((line) => line.startsWith(`bpfwarden_${metric}{rule="${name}",`)),
          `${metric} of ${name}`,
        ).to.equal(true);
  });

  it('gives room back when rules go', async () => {
    const metrics = registry();
    metrics.declareRules(manyRules(500));
    metrics.declareRules(manyRules(3));
    expect((await samples(metrics)).filter((line) => line.includes('rule_499'))).to.be.empty;
    metrics.declareRules(manyRules(400));
    expect(
      (await samples(metrics)).some((line) => line.startsWith('bpfwarden_alerts_total{rule="rule_399",')),
    ).to.equal(true);
  });

  it('stays below its limit, whatever is thrown at it', async () => {
    const metrics = registry({ processMetrics: true });
    metrics.declareRules(manyRules(245), EVENT_KINDS);
    metrics.declareSinks(Array.from({ length: 12 }, (_, index) => `sink${index}`));
    metrics.declarePrograms(Array.from({ length: 40 }, (_, index) => `program${index}`));
    metrics.declarePlugins(Array.from({ length: 8 }, (_, index) => `plugin${index}`));
    metrics.declareSyscalls(Array.from({ length: 400 }, (_, index) => `call${index}`));
    const loaded = await samples(metrics);
    expect(loaded.length).to.be.at.most(seriesLimit(245));
    for (let index = 0; index < 200; index++)
      expect(loaded.some((line) => line.startsWith(`bpfwarden_rule_matches_total{rule="rule_${index}",`))).to.equal(
        true,
      );

    metrics.declareRules(manyRules(5000));
    for (let index = 0; index < 3000; index++) {
      updateAll(
        metrics,
        (label, n) => `${label.replace('syscall', 'call')}${label === 'rule' ? '_' : ''}${n % 500}`,
        index,
      );
      updateAll(
        metrics,
        (label, n) =>
          ({ severity: ['info', 'warning', 'critical'][n % 3], mode: 'shadow', action: 'kill', reason: 'duplicate' })[
            label
          ] ?? `${label}_${n}`,
        index,
      );
    }
    const flooded = await samples(metrics);
    expect(flooded.length).to.be.at.most(seriesLimit(5000));
    for (const [name, spec] of SPECS) {
      if (spec.type === 'histogram') continue;
      const own = flooded.filter(
        (line) => line.startsWith(`${PREFIX}${name}{`) || line.startsWith(`${PREFIX}${name} `),
      );
      expect(own.length, name).to.be.at.most(capOf(spec, 5000));
    }
  });

  it('folds into __other__ with severity and mode kept, counts it, and keeps the sum', async () => {
    const metrics = registry();
    const many = manyRules(MAX_RULES + 55);
    metrics.declareRules(many);
    const matches = metrics.counter('rule_matches_total');
    for (const { name: rule, severity, mode } of many) matches.inc({ rule, severity, mode });
    const lines = (await samples(metrics)).filter((line) => line.startsWith('bpfwarden_rule_matches_total{'));
    expect(lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)).to.equal(many.length);
    // The most severe rules have series of their own.
    expect(lines.filter((line) => line.includes('severity="critical"') && line.includes('__other__'))).to.be.empty;
    expect(
      await sampleValue(metrics, 'bpfwarden_rule_matches_total{rule="__other__",severity="info",mode="enforce"}'),
    ).to.be.above(0);
    expect(
      await sampleValue(metrics, 'bpfwarden_series_overflow_total{metric="bpfwarden_rule_matches_total"}'),
    ).to.equal(55);
  });

  it('keeps counts over a reload and ends the series of what is gone', async () => {
    const metrics = registry();
    metrics.declareRules([ruleInfo({ name: 'a' }), ruleInfo({ name: 'b' }), ruleInfo({ name: 'c' })]);
    for (const rule of ['a', 'b', 'c'])
      metrics.counter('rule_matches_total').inc({ rule, severity: 'warning', mode: 'enforce' }, 3);
    metrics.declareRules([ruleInfo({ name: 'a' }), ruleInfo({ name: 'c', severity: 'critical' })]);
    const lines = (await samples(metrics)).filter((line) => line.startsWith('bpfwarden_rule_matches_total{'));
    expect(lines).to.have.members([
      'bpfwarden_rule_matches_total{rule="a",severity="warning",mode="enforce"} 3',
      'bpfwarden_rule_matches_total{rule="c",severity="critical",mode="enforce"} 0',
    ]);
    expect(await sampleValue(metrics, 'bpfwarden_rules_loaded')).to.equal(2);
  });

  it('counts alerts by tactic', async () => {
    const metrics = registry();
    metrics.declareRules([ruleInfo({ name: 'a', mitre: ['T1053'] }), ruleInfo({ name: 'b' })]);
    const matches = metrics.counter('alerts_total');
    matches.inc({ rule: 'a', severity: 'warning', action: 'alert' }, 2);
    matches.inc({ rule: 'b', severity: 'critical', action: 'alert' });
    const sample = (tactic: string, severity: string) =>
      sampleValue(metrics, `bpfwarden_tactic_alerts_total{tactic="${tactic}",severity="${severity}"}`);
    expect(await sample('execution', 'warning')).to.equal(2);
    expect(await sample('persistence', 'warning')).to.equal(2);
    expect(await sample('none', 'critical')).to.equal(1);
  });

  it('never lets a counter go backwards when its source restarts', async () => {
    const metrics = registry();
    const seen: (number | undefined)[] = [];
    for (const total of [5, 9, 9, 2, 4]) {
      metrics.advance('events_total', total, { event: 'file_open' });
      seen.push(await sampleValue(metrics, 'bpfwarden_events_total{event="file_open"}'));
    }
    expect(seen).to.deep.equal([5, 9, 9, 11, 13]);
  });

  it('survives a reading that fails, and says so', async () => {
    const errors: unknown[] = [];
    const metrics = registry({ onError: (error) => errors.push(error) });
    const end = metrics.onCollect(() => {
      throw new Error('map gone');
    });
    metrics.onCollect(() => metrics.gauge('spool_alerts').set(7));
    expect(await sampleValue(metrics, 'bpfwarden_spool_alerts')).to.equal(7);
    expect(await sampleValue(metrics, 'bpfwarden_collect_failures_total')).to.equal(2);
    end();
    await text(metrics);
    expect(errors).to.have.length(2);
  });

  it('replaces an info series', async () => {
    const metrics = registry();
    metrics.setInfo('config_hash_info', { sha256: '0123456789abcdef' });
    metrics.setInfo('config_hash_info', { sha256: 'fedcba9876543210' });
    const lines = (await samples(metrics)).filter((line) => line.startsWith('bpfwarden_config_hash_info'));
    expect(lines).to.deep.equal(['bpfwarden_config_hash_info{sha256="fedcba9876543210"} 1']);
  });
});
