import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { PREFIX, SPECS } from '../../src/metrics/catalog.ts';
import { readDashboards } from '../grafana/support/boards.ts';
import { emptyPanels } from '../grafana/support/live.ts';
import { catalogSeries } from '../prometheus/support/series.ts';
import { keepActive } from './support/activity.ts';
import { type Daemon, eventually, startDaemon } from './support/daemon.ts';
import { type Prometheus, startPrometheus } from './support/prometheus.ts';

const RANGE = 60;

describe('dashboards over the daemon on a live kernel', function () {
  this.timeout(120_000);
  let receiver: Server;
  let daemon: Daemon;
  let prometheus: Prometheus;
  let rest: () => Promise<void>;

  before(async () => {
    receiver = createServer((request, response) => {
      request.resume().on('end', () => response.end());
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const { port } = receiver.address() as AddressInfo;
    daemon = await startDaemon({
      toml: `[response]\nalert_webhook = "http://127.0.0.1:${port}/"\n[kernel]\nprogram_statistics = true\n[ledger]\ndedupe_seconds = 2\n`,
    });
    prometheus = await startPrometheus([new URL(daemon.url).host]);
    rest = keepActive(port);
    await eventually(
      'alerts were delivered and rates have enough scrapes',
      async () => {
        const ready = await prometheus.query(
          'sum(bpfwarden_alert_deliveries_total{outcome="delivered"}) > 5 and on () min(count_over_time(bpfwarden_events_total[60s])) > 15',
        );
        return ready.length > 0 || undefined;
      },
      60_000,
    );
  });
  after(async () => {
    await rest?.();
    await prometheus?.stop();
    await daemon?.stop();
    receiver.closeAllConnections();
    receiver.close();
  });

  it('have data in every panel, annotation and variable, and every legend resolves', async () => {
    const instance = new URL(daemon.url).host;
    expect(await emptyPanels(prometheus, readDashboards(), { instance }, RANGE)).to.deep.equal([]);
  });

  it('find in Prometheus no metric that the catalog does not have, and every one that it always has', async () => {
    const scraped = new Set(
      (await prometheus.get<{ metric: string }[]>('targets/metadata', { limit: '10000' })).map(({ metric }) => metric),
    );
    const known = catalogSeries();
    for (const metric of scraped)
      expect(
        ['', '_total', '_count'].some((suffix) => known.has(metric + suffix)),
        `${metric} is exposed and not in the catalog`,
      ).to.equal(true);
    for (const [name, { labels, type }] of SPECS) {
      const family = type === 'counter' ? name.replace(/_total$/, '') : name;
      if (Object.keys(labels).length === 0) expect(scraped, 'always exposed').to.include(PREFIX + family);
    }
  });

  it('find every program of a healthy daemon attached, and no update folded but those of rules beyond the limit', async () => {
    expect(await prometheus.query('bpfwarden_program_attached == 0')).to.deep.equal([]);
    // More rules than the series limit allows for are told by BpfwardenSeriesCapReached; all else must fit.
    const byRule = 'rule_matches_total|rule_info|alerts_total|alerts_suppressed_total';
    const folded = `bpfwarden_series_overflow_total{metric!~"bpfwarden_(syscalls_total|risk_score|${byRule})"} > 0`;
    expect(await prometheus.query(folded)).to.deep.equal([]);
  });

  it('see detections, and alert on the first of them', async () => {
    const { alerts } = await prometheus.get<{ alerts: { labels: Record<string, string>; state: string }[] }>('alerts');
    const firing = alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname);
    expect(firing).to.include('BpfwardenWatchdog');
    expect(firing.some((name) => /^Bpfwarden(Critical|Warning)Detection$/.test(name ?? ''))).to.equal(true);
    for (const trouble of ['BpfwardenDown', 'BpfwardenEventsUnaccounted', 'BpfwardenDecodeErrors', 'BpfwardenSilent'])
      expect(firing).to.not.include(trouble);
  });
});
