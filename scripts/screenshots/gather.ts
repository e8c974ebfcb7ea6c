import type { AlertData, PageData, PanelData, QueryData } from '../../grafana/render/src/types.ts';
import type { Prometheus } from '../../test/e2e/support/prometheus.ts';
import { asksLoki, type Dashboard, expand, type Panel, variableSelector } from '../../test/grafana/support/boards.ts';
import type { LokiStandIn } from './loki.ts';

/** What one board shows between two moments (Unix seconds), asked of Prometheus as Grafana would. */
export async function gather(
  { prometheus, loki }: { readonly prometheus: Prometheus; readonly loki: LokiStandIn },
  board: Dashboard,
  time: { readonly from: number; readonly to: number; readonly step: number },
  choices: Readonly<Record<string, string>>,
): Promise<PageData> {
  const times = { interval: '15s', range: `${Math.round(time.to - time.from)}s` };

  const moments = Array.from(
    { length: Math.floor((time.to - time.from) / time.step) + 1 },
    (_, index) => time.from + index * time.step,
  );
  const LOG_INTERVAL = 15;

  /** As Loki would answer: a table gets the log lines themselves. */
  function logsOf(panel: Panel): QueryData[] {
    return (panel.targets ?? []).map(({ expr, refId, legendFormat = '', queryType }) => {
      const expression = expand(expr, {}, times);
      const empty = { refId, legend: legendFormat, instant: queryType === 'instant' };
      if (panel.type === 'table') return { ...empty, series: [], logs: loki.logs(expression, time.from, time.to, 200) };
      return empty.instant
        ? { ...empty, ...loki.series(expression, [time.to], time.to - time.from) }
        : { ...empty, ...loki.series(expression, moments, LOG_INTERVAL) };
    });
  }

  async function queriesOf(panel: Panel): Promise<QueryData[]> {
    if (asksLoki(panel)) return logsOf(panel);
    return Promise.all(
      (panel.targets ?? []).map(async ({ expr, refId, legendFormat, instant }) => {
        const expression = expand(expr, choices, times);
        const series =
          instant === true
            ? await prometheus.query(expression, time.to)
            : await prometheus.queryRange(expression, time.from, time.to, time.step);
        return { refId, legend: legendFormat, instant: instant === true, series };
      }),
    );
  }

  async function exemplarsOf(panel: Panel): Promise<PanelData['exemplars']> {
    if (panel.type !== 'heatmap') return [];
    const found = await prometheus.get<{ exemplars: { value: string; timestamp: number }[] }[]>('query_exemplars', {
      query: expand(panel.targets?.[0]?.expr ?? '', choices, times),
      start: String(time.from),
      end: String(time.to),
    });
    return found.flatMap(({ exemplars }) =>
      exemplars.map(({ value, timestamp }) => ({ time: timestamp, value: Number(value) })),
    );
  }

  const panels = await Promise.all(
    board.panels.map(async (panel) => ({
      panel,
      queries: await queriesOf(panel),
      exemplars: await exemplarsOf(panel),
      alerts: panel.type === 'alertlist' ? await alertsOf(prometheus) : [],
    })),
  );
  const variables = board.templating.list
    .filter((variable) => variableSelector(variable) !== undefined)
    .map(({ name, label }) => [label ?? name, choices[name] ?? 'All'] as const);
  return { title: board.title, from: time.from * 1000, to: time.to * 1000, panels, variables };
}

/** The alerts that Grafana's alert list would take from this Prometheus: the most important first. */
async function alertsOf(prometheus: Prometheus): Promise<AlertData[]> {
  const { alerts } = await prometheus.get<{
    alerts: { labels: Record<string, string>; state: string; activeAt: string }[];
  }>('alerts');
  const order = ['critical', 'warning', 'info'];
  return alerts
    .filter(({ labels }) => labels.alertname !== 'BpfwardenWatchdog')
    .map(({ labels, state, activeAt }) => {
      const { alertname = '', severity = '', origin: _origin, job: _job, ...others } = labels;
      return { name: alertname, severity, state, labels: others, activeAt };
    })
    .sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
}
