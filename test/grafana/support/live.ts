import type { Prometheus, Series } from '../../e2e/support/prometheus.ts';
import { type Dashboard, expand, metricPanelsOf, type Panel, variableSelector } from './boards.ts';

/** Labels in a legend, or in the links of a panel's values. */
function labelsNeeded(legend: string, panel: Panel): string[] {
  const links = (panel.fieldConfig?.defaults.links ?? []).map(({ url = '' }) => url).join(' ');
  return [
    ...[...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label),
    ...[...links.matchAll(/__field\.labels\.(\w+)/g)].map(([, label = '']) => label),
  ];
}

/**
 * Runs every query of the boards as Grafana would and tells what would be empty
 * or unreadable: no series, no finite value, a legend or link without its label.
 * `range` is the time shown, in seconds.
 */
export async function emptyPanels(
  prometheus: Prometheus,
  boards: readonly Dashboard[],
  choices: Readonly<Record<string, string>>,
  range: number,
): Promise<string[]> {
  const faults: string[] = [];
  // Four scrapes, as Grafana reckons $__rate_interval.
  const times = { interval: '4s', range: `${range}s` };
  const ask = async (expr: string, instant: boolean): Promise<Series[]> => {
    const expression = expand(expr, choices, times);
    if (instant) return prometheus.query(expression);
    const now = Date.now() / 1000;
    return prometheus.queryRange(expression, now - range, now, 1);
  };
  for (const board of boards) {
    for (const panel of metricPanelsOf(board))
      for (const { expr, refId, instant, legendFormat } of panel.targets ?? []) {
        const where = `${board.title}: ${panel.title}: ${refId}`;
        const series = await ask(expr, instant === true);
        if (series.length === 0) faults.push(`${where} has no series: ${expr}`);
        else if (!series.some(({ values }) => values.some(([, value]) => Number.isFinite(Number(value)))))
          faults.push(`${where} has no finite value: ${expr}`);
        for (const label of labelsNeeded(legendFormat, panel))
          if (!series.every(({ metric }) => metric[label] !== undefined && metric[label] !== ''))
            faults.push(`${where} has series without the label ${label}`);
      }
    for (const { name, expr, textFormat } of board.annotations.list) {
      if (expr.startsWith('ALERTS')) continue;
      const series = await ask(expr, false);
      if (series.length === 0) faults.push(`${board.title}: annotation ${name} has no series`);
      for (const [, label = ''] of textFormat.matchAll(/\{\{(\w+)\}\}/g))
        if (!series.every(({ metric }) => metric[label] !== undefined))
          faults.push(`${board.title}: annotation ${name} lacks the label ${label}`);
    }
    for (const variable of board.templating.list) {
      const selector = variableSelector(variable);
      if (selector === undefined) continue;
      const found = await prometheus.get<unknown[]>('series', { 'match[]': expand(selector, choices, times) });
      if (found.length === 0) faults.push(`${board.title}: variable ${variable.name} has no values`);
    }
  }
  return faults;
}
