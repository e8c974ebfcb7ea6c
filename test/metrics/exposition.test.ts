import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { Exposition } from '../../src/metrics/exposition.ts';
import { negotiate } from '../../src/metrics/negotiate.ts';
import { FIXTURES, GOLDEN, golden, sample } from './support/golden.ts';
import { registry, ruleInfo, text } from './support/registry.ts';

describe('the exposition', () => {
  for (const [file, format] of GOLDEN) {
    it(`is the golden file in ${format}`, async () => {
      expect(await golden(format)).to.equal(readFileSync(join(FIXTURES, file), 'utf8'));
    });
  }

  it('gives promtool nothing to say', async () => {
    const metrics = registry({ processMetrics: true });
    metrics.declareRules([ruleInfo()]);
    const result = spawnSync('promtool', ['check', 'metrics'], { input: await text(metrics), encoding: 'utf8' });
    expect(result.stdout + result.stderr).to.equal('');
    expect(result.status).to.equal(0);
    const golden = readFileSync(join(FIXTURES, 'golden.txt'), 'utf8');
    const checked = spawnSync('promtool', ['check', 'metrics'], { input: golden, encoding: 'utf8' });
    expect(checked.stdout + checked.stderr).to.equal('');
  });

  it('has exemplars and # EOF in OpenMetrics only, and each family once', async () => {
    const metrics = sample();
    const plain = await text(metrics);
    const open = await text(metrics, 'openmetrics');
    expect(plain).to.not.match(/ # \{|# EOF|# UNIT/);
    expect(open).to.match(/\n# EOF\n$/);
    expect(open).to.match(/risk_score_bucket\{event="process_exec",le="0.8"\} 1 # \{alert_id="0192f0c0-\S+1"\} 0.7 \d/);
    expect(open).to.match(/detection_latency_seconds_bucket\{le="\+Inf"\} 1 # \{alert_id="0192f0c0-\S+1"\} 20 \d/);
    for (const output of [plain, open]) {
      const types = [...output.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
      expect(new Set(types).size).to.equal(types.length);
    }
    expect(open)
      .to.contain('# TYPE bpfwarden_events counter\n')
      .and.contain('bpfwarden_events_total{event="file_open"}');
    // Asking for one format must not change the other.
    expect(await text(metrics)).to.equal(plain);
  });

  it('shares one run between scrapes that come at the same time, and lets the event loop turn', async () => {
    const metrics = sample();
    let readings = 0;
    metrics.onCollect(() => {
      readings++;
    });
    const exposition = new Exposition(metrics);
    let turns = 0;
    const turning = setInterval(() => {
      turns++;
    }, 0);
    const immediate = { stop: false };
    const count = () => {
      turns++;
      if (!immediate.stop) setImmediate(count);
    };
    setImmediate(count);
    const [first, second] = await Promise.all([exposition.scrape('text'), exposition.scrape('text')]);
    immediate.stop = true;
    clearInterval(turning);
    expect(first).to.equal(second);
    expect(readings).to.equal(1);
    expect(first.length).to.be.above(1);
    expect(turns).to.be.above(1);
    await exposition.scrape('text');
    expect(readings).to.equal(2);
  });
});

describe('content negotiation', () => {
  const OM = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
  const TEXT = 'text/plain; version=0.0.4; charset=utf-8';
  const cases: [string, string | undefined, string][] = [
    ['nothing', undefined, TEXT],
    ['curl', '*/*', TEXT],
    ['a browser', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', TEXT],
    [
      'Prometheus 2.42',
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      OM,
    ],
    [
      'Prometheus with native histograms',
      'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      OM,
    ],
    [
      'Prometheus 3',
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1',
      `${OM}; escaping=allow-utf-8`,
    ],
    [
      'text 1.0.0 with an escaping',
      'text/plain;version=1.0.0;escaping=values',
      'text/plain; version=1.0.0; charset=utf-8; escaping=values',
    ],
    ['an unknown escaping', 'application/openmetrics-text;version=1.0.0;escaping="x\r\nSet-Cookie: a"', OM],
    ['text preferred', 'application/openmetrics-text;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.9', TEXT],
    ['OpenMetrics refused', 'application/openmetrics-text;q=0,text/plain;q=0.1', TEXT],
    ['an older OpenMetrics', 'application/openmetrics-text;version=0.0.1', OM.replace('1.0.0', '0.0.1')],
    ['a future OpenMetrics', 'application/openmetrics-text;version=2.0.0,text/plain;q=0.5', TEXT],
    ['spaces, quotes, capitals', 'Text/HTML ; q=1 , Application/OpenMetrics-Text ; Version="1.0.0" ; q=0.9', OM],
    ['only what there is not', 'image/png', TEXT],
    ['a bad quality', 'application/openmetrics-text;version=1.0.0;q=9,text/plain;q=0.1', TEXT],
  ];
  for (const [what, accept, type] of cases) {
    it(`answers ${what}`, () => {
      expect(negotiate(accept).contentType).to.equal(type);
      expect(negotiate(accept).format).to.equal(type.startsWith('text') ? 'text' : 'openmetrics');
    });
  }
});
