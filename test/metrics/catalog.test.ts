import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { metricsReference } from '../../scripts/generate-metrics.ts';
import { MAX_RULES, PREFIX, SPECS, seriesLimit } from '../../src/metrics/catalog.ts';
import { EVENT_KINDS } from '../../src/metrics/kinds.ts';
import { TACTICS, tacticsOf } from '../../src/metrics/tactics.ts';
import { KERNEL_FAILURES } from '../../src/metrics/vocabulary.ts';

describe('the metric catalog', () => {
  it('knows exactly the event kinds of the record description', () => {
    const header = readFileSync('bpf/events.h', 'utf8');
    const body = /enum event_kind \{([^}]*)\}/.exec(header)?.[1] ?? '';
    const kinds = [...body.matchAll(/\bEVENT_([A-Z0-9_]+)\s*=\s*[1-9]/g)].map(([, name]) => name?.toLowerCase());
    expect(kinds).to.have.length.above(50);
    expect(EVENT_KINDS).to.deep.equal(kinds);
  });

  it('knows exactly the failures that the kernel programs count', () => {
    const header = readFileSync('bpf/maps.bpf.h', 'utf8');
    const body = /enum failure \{([^}]*)\}/.exec(header)?.[1] ?? '';
    const reasons = [...body.matchAll(/\bFAILURE_([A-Z0-9_]+)\s*=/g)]
      .map(([, name]) => name?.toLowerCase())
      .filter((name) => name !== 'none' && name !== 'max');
    expect(reasons).to.not.be.empty;
    expect(KERNEL_FAILURES).to.deep.equal(reasons);
  });

  it('lets the number of series follow from the number of rules, up to a limit', () => {
    const perRule = seriesLimit(1) - seriesLimit(0);
    // Each program and each kind of event has series of its own, so both add to it.
    expect(seriesLimit(0)).to.be.below(1550);
    expect(seriesLimit(500)).to.equal(seriesLimit(0) + 500 * perRule);
    expect(seriesLimit(MAX_RULES + 1)).to.equal(seriesLimit(MAX_RULES));
  });

  it('has the metrics that dashboards of others rely on, with their labels', () => {
    const contract = `build_info; events_total{event}; events_filtered_total{event}; events_throttled_total{event};
      events_lost_total{event,reason}; events_processed_total{event}; events_unaccounted;
      rule_matches_total{rule,severity,mode}; rule_info{rule,severity,technique};
      alerts_total{rule,severity,action}; alerts_suppressed_total{rule,reason}; risk_score{event};
      alert_deliveries_total{sink,outcome}; alert_delivery_seconds; spool_alerts; spool_bytes; spool_oldest_seconds;
      response_actions_total{action,outcome}; detection_latency_seconds; program_attached{program};
      program_run_seconds_total{program}; program_runs_total{program}; process_table_entries;
      process_table_evictions_total; process_table_misses_total; config_last_reload_successful;
      config_last_reload_success_timestamp_seconds; rules_loaded; series_overflow_total{metric}`;
    for (const entry of contract.split(';')) {
      const [, name = '', labels = ''] = /^\s*(\w+)(?:\{([^}]*)\})?/.exec(entry) ?? [];
      const spec = [...SPECS].find(([own]) => own === name)?.[1];
      expect(spec, name).to.not.equal(undefined);
      if (name !== 'build_info')
        expect(Object.keys(spec?.labels ?? {}), name).to.deep.equal(labels === '' ? [] : labels.split(','));
    }
  });

  it('follows the naming rules', () => {
    for (const [name, spec] of SPECS) {
      expect(name).to.match(/^[a-z][a-z_]*$/);
      expect(name.endsWith('_total'), name).to.equal(spec.type === 'counter');
      expect(spec.buckets !== undefined, name).to.equal(spec.type === 'histogram');
      expect(spec.help, name).to.match(/^[A-Z].*[.]$/);
      if (spec.unit !== undefined) expect(name.replace(/_total$/, '')).to.match(new RegExp(`_${spec.unit}$`));
      else expect(name).to.not.match(/_(seconds|bytes|ratio)(_total)?$/);
      for (const label of Object.keys(spec.labels))
        expect(['le', 'type', 'job', 'instance', 'host', 'path', 'pid', 'comm']).to.not.include(label);
    }
    expect(PREFIX).to.equal('bpfwarden_');
  });

  it('is what docs/metrics.md says', () => {
    expect(readFileSync('docs/metrics.md', 'utf8')).to.equal(metricsReference());
  });

  it('finds the tactics of a rule by its tags, else by its techniques', () => {
    expect(tacticsOf({ tags: ['attack.defense-evasion', 'attack.t1070'], mitre: ['T1059'] })).to.deep.equal([
      'defense_evasion',
    ]);
    expect(tacticsOf({ tags: ['cve.2021'], mitre: ['T1059.004', 'T1486'] })).to.deep.equal(['execution', 'impact']);
    expect(tacticsOf({ tags: [], mitre: ['T1543.002'] })).to.deep.equal(['persistence', 'privilege_escalation']);
    expect(tacticsOf({ tags: [], mitre: ['T9999'] })).to.deep.equal(['none']);
    expect(TACTICS).to.have.length(14);
  });
});
