import { type DynamicConfigValue, MappingType } from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/table';
import type { Drill } from './links.ts';
import { link, type Panel, PROMETHEUS, SEVERITY_COLORS, step } from './panels.ts';

export interface Column {
  /** Heading. */
  readonly name: string;
  readonly expr: string;
  readonly unit: string;
  readonly decimals?: number;
  /** From this value on the cell is orange. */
  readonly warnFrom?: number;
}

/** Cells of a label that lead somewhere. */
export interface LabelColumn {
  readonly label: string;
  readonly name: string;
  readonly drill?: Drill;
  /** In pixels. */
  readonly width?: number;
  /** The cells are severities, in their colours. */
  readonly severity?: boolean;
}

export interface TableOptions {
  readonly title: string;
  readonly description: string;
  readonly width: number;
  readonly height?: number;
  readonly labels: readonly LabelColumn[];
  readonly columns: readonly Column[];
  /** Heading of the column to sort by, largest first. */
  readonly sort: string;
}

const REF_IDS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';

/**
 * One row for each set of labels, one column for each query. Every query must
 * give the same labels; those that are not listed are hidden by the query's
 * own aggregation, not here.
 */
export function table(options: TableOptions): Panel {
  const valueField = (index: number) => (options.columns.length === 1 ? 'Value' : `Value #${REF_IDS[index]}`);
  const panel = new PanelBuilder()
    .title(options.title)
    .description(options.description)
    .datasource(PROMETHEUS)
    .span(options.width)
    .height(options.height ?? 9)
    .unit('short')
    .filterable(true)
    .minWidth(80)
    .targets(
      options.columns.map(({ expr }, index) =>
        new DataqueryBuilder()
          .refId(REF_IDS[index] ?? 'Z')
          .expr(expr)
          .legendFormat('__auto')
          .format(PromQueryFormat.Table)
          .instant(),
      ),
    )
    .transformations([
      { id: 'merge', options: {} },
      {
        id: 'organize',
        options: {
          excludeByName: { Time: true },
          indexByName: Object.fromEntries([
            ...options.labels.map(({ label }, index) => [label, index]),
            ...options.columns.map((_, index) => [valueField(index), options.labels.length + index]),
          ]),
          renameByName: Object.fromEntries([
            ...options.labels.map(({ label, name }) => [label, name]),
            ...options.columns.map(({ name }, index) => [valueField(index), name]),
          ]),
        },
      },
    ]);
  for (const column of options.columns) panel.overrideByName(column.name, columnStyle(column));
  for (const { name, drill, severity, width = 280 } of options.labels)
    panel.overrideByName(name, [
      ...(severity === true ? severityCells() : [{ id: 'custom.width', value: width }]),
      ...(drill === undefined
        ? []
        : [{ id: 'links', value: [link(drill.title, drill.url).targetBlank(false).build()] }]),
    ]);
  return panel.sortBy([{ build: () => ({ displayName: options.sort, desc: true }) }]);
}

/** A cell with the name of a severity has its colour. */
export function severityCells(): DynamicConfigValue[] {
  return [
    { id: 'custom.width', value: 90 },
    { id: 'custom.cellOptions', value: { type: 'color-text' } },
    {
      id: 'mappings',
      value: [
        {
          type: MappingType.ValueToText,
          options: Object.fromEntries(
            SEVERITY_COLORS.map(([severity, color], index) => [severity, { text: severity, color, index }]),
          ),
        },
      ],
    },
  ];
}

function columnStyle({ unit, decimals, warnFrom }: Column): DynamicConfigValue[] {
  return [
    { id: 'unit', value: unit },
    ...(decimals === undefined ? [] : [{ id: 'decimals', value: decimals }]),
    ...(warnFrom === undefined
      ? []
      : [
          { id: 'custom.cellOptions', value: { type: 'color-text' } },
          { id: 'thresholds', value: { mode: 'absolute', steps: [step(null, 'text'), step(warnFrom, 'orange')] } },
          { id: 'color', value: { mode: 'thresholds' } },
        ]),
  ];
}
