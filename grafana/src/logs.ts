import type * as cog from '@grafana/grafana-foundation-sdk/cog';
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import * as common from '@grafana/grafana-foundation-sdk/common';
import { type DynamicConfigValue, MappingType } from '@grafana/grafana-foundation-sdk/dashboard';
import * as loki from '@grafana/grafana-foundation-sdk/loki';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/table';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';
import { variable } from './links.ts';
import {
  legendOf,
  link,
  type Panel,
  type PanelOptions,
  PER_MINUTE,
  SEVERITY_COLORS,
  severityColors,
} from './panels.ts';
import { severityCells } from './table.ts';

/**
 * Panels that ask Loki for the alerts themselves, as the sink `otlp` sends
 * them: what Prometheus never gets, because no path, user or command is ever
 * a label of a metric. examples/opentelemetry-loki has Loki's side of it.
 */
export const LOKI: common.DataSourceRef = { type: 'loki', uid: variable('loki_datasource') };

/** Loki's names of resource and log attributes: every dot is an underscore. */
export const ALERTS = '{service_name="bpfwarden", host_name=~"$hostname", severity=~"$severity", rule_name=~"$rule"}';

type LogPanel = Omit<PanelOptions, 'unit' | 'queries'>;

const counting = (expr: string): Builder<cog.Dataquery> =>
  new loki.DataqueryBuilder().refId('A').expr(expr).legendFormat('{{severity}}');

/** Alerts a minute by severity, as they arrived in Loki. */
export function alertsOverTime(options: LogPanel): Panel {
  const panel = new timeseries.PanelBuilder()
    .title(options.title)
    .description(options.description)
    .datasource(LOKI)
    .span(options.width)
    .height(options.height ?? 8)
    .unit(PER_MINUTE)
    .min(0)
    .axisSoftMax(1)
    .targets([counting(`60 * sum by (severity) (rate(${ALERTS} [$__auto]))`)])
    .legend(legendOf(options.width, ['max']))
    .tooltip(
      new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending),
    )
    .drawStyle(common.GraphDrawStyle.Bars)
    .stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal))
    .lineWidth(1)
    .fillOpacity(80)
    .showPoints(common.VisibilityMode.Never);
  for (const [severity] of SEVERITY_COLORS) panel.overrideByName(severity, severityColors(severity));
  return panel;
}

/** How many alerts Loki has of the time shown. */
export function alertsStored(options: LogPanel): Panel {
  return new stat.PanelBuilder()
    .title(options.title)
    .description(options.description)
    .datasource(LOKI)
    .span(options.width)
    .height(options.height ?? 4)
    .unit('locale')
    .decimals(0)
    .targets([
      new loki.DataqueryBuilder().refId('A').expr(`sum(count_over_time(${ALERTS} [$__range]))`).queryType('instant'),
    ])
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false))
    .colorMode(common.BigValueColorMode.None)
    .graphMode(common.BigValueGraphMode.None);
}

export interface AttributeColumn {
  /** Name in Loki, or one that the query makes. */
  readonly attribute: string;
  /** Heading. */
  readonly name: string;
  readonly width?: number;
  readonly severity?: boolean;
  /** The cell is an address and leads there. */
  readonly leads?: string;
}

/** One row for each alert, the newest first. `format` is what the query adds: LogQL stages. */
export function alertTable(
  options: LogPanel & { readonly format: string; readonly columns: readonly AttributeColumn[]; readonly rows: number },
): Panel {
  // The field of the time is named so by older and by newer versions of the data source.
  const times = ['Time', 'timestamp'];
  const names = [...times, ...options.columns.map(({ attribute }) => attribute)];
  const panel = new PanelBuilder()
    .title(options.title)
    .description(options.description)
    .datasource(LOKI)
    .span(options.width)
    .height(options.height ?? 12)
    .unit('string')
    .filterable(true)
    .minWidth(60)
    .targets([
      new loki.DataqueryBuilder()
        .refId('A')
        .expr(`${ALERTS} ${options.format}`)
        .queryType('range')
        .direction(loki.LokiQueryDirection.Backward)
        .maxLines(options.rows),
    ])
    .transformations([
      // The attributes are one field with an object in each cell.
      { id: 'extractFields', options: { source: 'labels', format: 'json', replace: true, keepTime: true } },
      { id: 'filterFieldsByName', options: { include: { names } } },
      {
        id: 'organize',
        options: {
          excludeByName: {},
          indexByName: Object.fromEntries(names.map((name, index) => [name, index])),
          renameByName: Object.fromEntries([
            ...times.map((name) => [name, 'When']),
            ...options.columns.map(({ attribute, name }) => [attribute, name]),
          ]),
        },
      },
    ])
    .overrideByName('When', [
      { id: 'custom.width', value: 170 },
      { id: 'unit', value: 'dateTimeAsIso' },
    ]);
  for (const column of options.columns) panel.overrideByName(column.name, cellsOf(column));
  return panel;
}

function cellsOf({ width, severity, leads }: AttributeColumn): DynamicConfigValue[] {
  if (severity === true) return severityCells();
  return [
    ...(width === undefined ? [] : [{ id: 'custom.width', value: width }]),
    ...(leads === undefined
      ? []
      : [
          { id: 'links', value: [link(leads, variable('__value.raw')).build()] },
          // The address is long, and all of them begin alike.
          {
            id: 'mappings',
            value: [{ type: MappingType.RegexToText, options: { pattern: '.+', result: { text: 'open' } } }],
          },
        ]),
  ];
}
