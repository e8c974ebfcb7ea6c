import * as bargauge from '@grafana/grafana-foundation-sdk/bargauge';
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import * as heatmap from '@grafana/grafana-foundation-sdk/heatmap';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as statetimeline from '@grafana/grafana-foundation-sdk/statetimeline';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';
import { type Drill, variable } from './links.ts';

/** The house style of every kind of panel. A panel says what it shows, in what unit and where to read on. */
export const PROMETHEUS: common.DataSourceRef = { type: 'prometheus', uid: variable('datasource') };

export type Panel = Builder<dashboard.Panel>;

/** As people write them; Grafana's own "c/s" and "c/m" are known to few. */
export const PER_SECOND = 'si:/s';
export const PER_MINUTE = 'suffix:/min';

export interface Query {
  readonly expr: string;
  /** `{{label}}`, or a fixed text. */
  readonly legend?: string;
}

export interface PanelOptions {
  readonly title: string;
  readonly description: string;
  /** Of 24 columns. */
  readonly width: number;
  /** Of about 30 pixels. */
  readonly height?: number;
  readonly unit: string;
  readonly queries: readonly Query[];
  /** Alerts whose runbooks explain what to do about what the panel shows. */
  readonly runbooks?: readonly string[];
  /** Where a click on a value leads. */
  readonly drill?: Drill;
}

const REF_IDS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';

export function link(title: string, url: string): dashboard.DashboardLinkBuilder {
  return new dashboard.DashboardLinkBuilder(title).type(dashboard.DashboardLinkType.Link).url(url).targetBlank(true);
}

const runbookLinks = (alerts: readonly string[] = []) =>
  alerts.map((alert) => link(`Runbook: ${alert}`, `${variable('runbooks')}/${alert}.md`));

const drillLinks = ({ drill }: PanelOptions) =>
  drill === undefined ? [] : [link(drill.title, drill.url).targetBlank(false)];

function query({ expr, legend }: Query, index: number): DataqueryBuilder {
  return new DataqueryBuilder()
    .refId(REF_IDS[index] ?? 'Z')
    .expr(expr)
    .legendFormat(legend ?? '__auto')
    .range();
}

/** One value now. */
function instant(entry: Query, index: number): DataqueryBuilder {
  return query(entry, index).instant();
}

export const step = (value: number | null, color: string): dashboard.Threshold =>
  ({ value, color }) as dashboard.Threshold;

/** Green below the first limit. */
export function limits(...steps: readonly (readonly [number, string])[]): dashboard.ThresholdsConfigBuilder {
  return new dashboard.ThresholdsConfigBuilder()
    .mode(dashboard.ThresholdsMode.Absolute)
    .steps([step(null, 'green'), ...steps.map(([value, color]) => step(value, color))]);
}

/** Colours of severities, the same on every board. */
export const SEVERITY_COLORS = [
  ['info', 'blue'],
  ['warning', 'orange'],
  ['critical', 'red'],
] as const;

export const severityColors = (severity: string): dashboard.DynamicConfigValue[] => [
  {
    id: 'color',
    value: { mode: 'fixed', fixedColor: SEVERITY_COLORS.find(([name]) => name === severity)?.[1] ?? 'text' },
  },
];

/** From this width on there is room for a table beside the lines, which scrolls; a list below them is cut. */
const WIDE = 12;

export const legendOf = (width: number, calcs: readonly string[]) =>
  new common.VizLegendOptionsBuilder()
    .showLegend(true)
    .displayMode(width >= WIDE ? common.LegendDisplayMode.Table : common.LegendDisplayMode.List)
    .placement(width >= WIDE ? common.LegendPlacement.Right : common.LegendPlacement.Bottom)
    .calcs(width >= WIDE ? [...calcs] : []);

const COUNTS: ReadonlySet<string> = new Set([PER_SECOND, PER_MINUTE, 'short', 'none', 'locale']);

export interface LineOptions extends PanelOptions {
  readonly stacked?: boolean;
  readonly bars?: boolean;
  readonly severities?: boolean;
  readonly max?: number;
  /** Points of the histograms behind the lines, each with its alert_id. */
  readonly exemplars?: boolean;
}

export function lines(options: LineOptions): Panel {
  const panel = new timeseries.PanelBuilder()
    .title(options.title)
    .description(options.description)
    .datasource(PROMETHEUS)
    .span(options.width)
    .height(options.height ?? 8)
    .unit(options.unit)
    .min(0)
    .targets(options.queries.map((entry, index) => query(entry, index).exemplar(options.exemplars === true)))
    .legend(legendOf(options.width, ['max']))
    .tooltip(
      new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending),
    )
    .drawStyle(options.bars === true ? common.GraphDrawStyle.Bars : common.GraphDrawStyle.Line)
    .lineWidth(1)
    .fillOpacity(options.bars === true ? 80 : options.stacked === true ? 40 : 10)
    .showPoints(common.VisibilityMode.Never)
    .links(runbookLinks(options.runbooks))
    .dataLinks(drillLinks(options));
  if (options.max !== undefined) panel.max(options.max);
  // Nothing happened looks like nothing, not like a scale to 100.
  else if (COUNTS.has(options.unit)) panel.axisSoftMax(1);
  if (options.stacked === true) panel.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal));
  if (options.severities === true)
    for (const [severity] of SEVERITY_COLORS) panel.overrideByName(severity, severityColors(severity));
  return panel;
}

export interface StatOptions extends PanelOptions {
  readonly thresholds?: Builder<dashboard.ThresholdsConfig>;
  readonly mappings?: readonly dashboard.ValueMapping[];
  readonly decimals?: number;
  /** Shows the legend's text, for values that are labels. */
  readonly name?: boolean;
}

export function number(options: StatOptions): Panel {
  const panel = new stat.PanelBuilder()
    .title(options.title)
    .description(options.description)
    .datasource(PROMETHEUS)
    .span(options.width)
    .height(options.height ?? 4)
    .unit(options.unit)
    .targets(options.queries.map(instant))
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false))
    .colorMode(options.thresholds === undefined ? common.BigValueColorMode.None : common.BigValueColorMode.Value)
    .graphMode(common.BigValueGraphMode.None)
    .textMode(options.name === true ? common.BigValueTextMode.Name : common.BigValueTextMode.Auto)
    .thresholds(options.thresholds ?? limits())
    .colorScheme(new dashboard.FieldColorBuilder().mode(dashboard.FieldColorModeId.Thresholds))
    .mappings([...(options.mappings ?? [])])
    .links(runbookLinks(options.runbooks))
    .dataLinks(drillLinks(options));
  if (options.decimals !== undefined) panel.decimals(options.decimals);
  return panel;
}

/** topk() sorts by itself. */
const sorted = (expr: string) => (expr.startsWith('topk(') ? expr : `sort_desc(${expr})`);

/** A ranking over the whole time shown. */
export function ranking(options: PanelOptions & { readonly color?: string }): Panel {
  return (
    new bargauge.PanelBuilder()
      .title(options.title)
      .description(options.description)
      .datasource(PROMETHEUS)
      .span(options.width)
      .height(options.height ?? 8)
      .unit(options.unit)
      .min(0)
      .decimals(0)
      .targets(options.queries.map(({ expr, ...rest }, index) => instant({ ...rest, expr: sorted(expr) }, index)))
      .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false))
      .orientation(common.VizOrientation.Horizontal)
      .displayMode(common.BarGaugeDisplayMode.Basic)
      .valueMode(common.BarGaugeValueMode.Text)
      .showUnfilled(false)
      .namePlacement(common.BarGaugeNamePlacement.Left)
      .sizing(common.BarGaugeSizing.Manual)
      .minVizHeight(16)
      .maxVizHeight(24)
      // Else each panel chooses a size of its own.
      .text(new common.VizTextDisplayOptionsBuilder().titleSize(12).valueSize(14))
      .colorScheme(
        new dashboard.FieldColorBuilder().mode(dashboard.FieldColorModeId.Fixed).fixedColor(options.color ?? 'blue'),
      )
      .links(runbookLinks(options.runbooks))
      .dataLinks(drillLinks(options))
  );
}

/** How the observations of a histogram spread over time. */
export function heat(options: PanelOptions): Panel {
  return new heatmap.PanelBuilder()
    .title(options.title)
    .description(options.description)
    .datasource(PROMETHEUS)
    .span(options.width)
    .height(options.height ?? 8)
    .targets(options.queries.map((entry, index) => query(entry, index).format(PromQueryFormat.Heatmap).exemplar(true)))
    .calculate(false)
    .color(
      new heatmap.HeatmapColorOptionsBuilder()
        .mode(heatmap.HeatmapColorMode.Scheme)
        .scheme('Oranges')
        .steps(64)
        .fill('dark-orange')
        .exponent(0.5)
        .reverse(false)
        .scale(heatmap.HeatmapColorScale.Exponential),
    )
    .yAxis(new heatmap.YAxisConfigBuilder().unit(options.unit))
    .rowsFrame(new heatmap.RowsHeatmapOptionsBuilder().layout(common.HeatmapCellLayout.Auto))
    .cellGap(1)
    .filterValues(new heatmap.FilterValueRangeBuilder().le(1e-9))
    .showValue(common.VisibilityMode.Never)
    .showLegend()
    .tooltip(
      new heatmap.HeatmapTooltipBuilder()
        .mode(common.TooltipDisplayMode.Single)
        .yHistogram(false)
        .showColorScale(false),
    )
    .exemplarsColor('rgba(255,0,255,0.7)')
    .links(runbookLinks(options.runbooks));
}

/** What one value of a state is called, and its colour. */
export type State = readonly [value: number, text: string, color: string];

/** States over time, a line for each series. */
export function states(options: PanelOptions & { readonly of: readonly State[] }): Panel {
  return new statetimeline.PanelBuilder()
    .title(options.title)
    .description(options.description)
    .datasource(PROMETHEUS)
    .span(options.width)
    .height(options.height ?? 8)
    .unit(options.unit)
    .targets(options.queries.map(query))
    .mappings(options.of.map((state) => valueMapping(...state)))
    .mergeValues(true)
    .showValue(common.VisibilityMode.Never)
    .rowHeight(0.85)
    .lineWidth(0)
    .fillOpacity(80)
    .colorScheme(new dashboard.FieldColorBuilder().mode(dashboard.FieldColorModeId.Thresholds))
    .thresholds(
      new dashboard.ThresholdsConfigBuilder()
        .mode(dashboard.ThresholdsMode.Absolute)
        .steps(options.of.map(([value, , color], index) => step(index === 0 ? null : value, color))),
    )
    .legend(legendOf(0, []))
    .links(runbookLinks(options.runbooks))
    .dataLinks(drillLinks(options));
}

export function valueMapping(value: number, text: string, color: string): dashboard.ValueMapping {
  return { type: dashboard.MappingType.ValueToText, options: { [String(value)]: { text, color, index: value } } };
}
