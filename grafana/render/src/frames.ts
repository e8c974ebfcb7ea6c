import {
  applyFieldOverrides,
  cacheFieldDisplayNames,
  createDataFrame,
  type DataFrame,
  FieldConfigOptionsRegistry,
  type FieldConfigPropertyItem,
  type FieldConfigSource,
  FieldType,
  type GrafanaTheme2,
  standardTransformers,
  standardTransformersRegistry,
  transformDataFrame,
} from '@grafana/data';
import type { PanelData, QueryData, SeriesData } from './types.ts';

/** Prometheus' answers as the frames that Grafana's data source makes of them. */
const KNOWN_PROPERTIES = [
  'unit',
  'min',
  'max',
  'decimals',
  'displayName',
  'color',
  'thresholds',
  'mappings',
  'links',
  'noValue',
  'filterable',
];

/** Defaults that the panel plugin would set, without which the lines are not drawn. */
const TIME_SERIES_DEFAULTS = {
  drawStyle: 'line',
  lineInterpolation: 'linear',
  lineWidth: 1,
  fillOpacity: 0,
  gradientMode: 'none',
  spanNulls: false,
  insertNulls: false,
  showPoints: 'never',
  pointSize: 5,
  barAlignment: 0,
  barWidthFactor: 0.6,
  stacking: { mode: 'none', group: 'A' },
  axisPlacement: 'auto',
  axisLabel: '',
  axisColorMode: 'text',
  axisBorderShow: false,
  axisGridShow: true,
  axisCenteredZero: false,
  scaleDistribution: { type: 'linear' },
  hideFrom: { tooltip: false, viz: false, legend: false },
  thresholdsStyle: { mode: 'off' },
};

function property(path: string, isCustom: boolean): FieldConfigPropertyItem {
  const nothing = () => null;
  return {
    id: isCustom ? `custom.${path}` : path,
    path,
    name: path,
    isCustom,
    editor: nothing,
    override: nothing,
    process: (value: unknown) => value,
    shouldApply: () => true,
    settings: {},
  } as unknown as FieldConfigPropertyItem;
}

function registryFor(config: FieldConfigSource): FieldConfigOptionsRegistry {
  const custom = new Set([
    ...Object.keys((config.defaults.custom as object | undefined) ?? {}),
    ...config.overrides.flatMap(({ properties }) =>
      properties.flatMap(({ id }) => (id.startsWith('custom.') ? [id.slice('custom.'.length)] : [])),
    ),
  ]);
  return new FieldConfigOptionsRegistry(() => [
    ...KNOWN_PROPERTIES.map((path) => property(path, false)),
    ...[...custom].map((path) => property(path, true)),
  ]);
}

/** The panel's own field configuration with what a plugin would add. */
export function fieldConfigOf({ panel }: PanelData): FieldConfigSource {
  const defaults = panel.fieldConfig?.defaults ?? {};
  const given = (defaults.custom as Record<string, unknown> | undefined) ?? {};
  const custom =
    panel.type === 'timeseries'
      ? {
          ...TIME_SERIES_DEFAULTS,
          ...given,
          stacking: { ...TIME_SERIES_DEFAULTS.stacking, ...(given.stacking as object | undefined) },
        }
      : given;
  // Links need Grafana's own services.
  const { links: _, ...rest } = defaults;
  const overrides = (panel.fieldConfig?.overrides ?? []).map(({ matcher, properties }) => ({
    matcher,
    properties: properties.filter(({ id }) => id !== 'links'),
  }));
  return {
    defaults: { color: { mode: 'palette-classic' }, ...rest, custom },
    overrides,
  } as unknown as FieldConfigSource;
}

export const legendOf = (legend: string, metric: SeriesData['metric']): string =>
  legend === '__auto'
    ? Object.entries(metric)
        .filter(([name]) => name !== '__name__')
        .map(([, value]) => value)
        .join(' ') || 'Value'
    : legend.replace(/\{\{(\w+)\}\}/g, (_, label: string) => metric[label] ?? '');

function seriesFrame(query: QueryData, { metric, values }: SeriesData): DataFrame {
  const frame = createDataFrame({
    refId: query.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: values.map(([time]) => time * 1000) },
      {
        name: 'Value',
        type: FieldType.number,
        labels: { ...metric },
        config: { displayNameFromDS: legendOf(query.legend, metric) },
        values: values.map(([, value]) => Number(value)),
      },
    ],
  });
  return frame;
}

function tableFrame(query: QueryData, several: boolean): DataFrame {
  const labels = [...new Set(query.series.flatMap(({ metric }) => Object.keys(metric)))].sort();
  return createDataFrame({
    refId: query.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: query.series.map(({ values }) => (values[0]?.[0] ?? 0) * 1000) },
      ...labels.map((label) => ({
        name: label,
        type: FieldType.string,
        values: query.series.map(({ metric }) => metric[label] ?? ''),
      })),
      {
        name: several ? `Value #${query.refId}` : 'Value',
        type: FieldType.number,
        values: query.series.map(({ values }) => Number(values[0]?.[1])),
      },
    ],
  });
}

/** What Grafana's transformation extractFields, which is not published, makes of Loki's answer. */
function logFrame({ refId, logs = [] }: QueryData): DataFrame {
  const names = [...new Set(logs.flatMap(({ labels }) => Object.keys(labels)))];
  return createDataFrame({
    refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: logs.map(({ time }) => time * 1000) },
      ...names.map((name) => ({
        name,
        type: FieldType.string,
        values: logs.map(({ labels }) => labels[name] ?? ''),
      })),
    ],
  });
}

let prepared = false;
function prepareTransformers(): void {
  if (prepared) return;
  prepared = true;
  standardTransformersRegistry.setInit(
    () =>
      // Some stand in that list under two names.
      [...new Map(Object.values(standardTransformers).map((entry) => [entry.id, entry])).values()].map(
        (transformation) => ({
          id: transformation.id,
          name: transformation.name,
          transformation: () => Promise.resolve(transformation),
          editor: () => null,
          imageDark: '',
          imageLight: '',
        }),
      ) as never,
  );
}

async function transformed(data: PanelData, frames: DataFrame[]): Promise<DataFrame[]> {
  const transformations = (data.panel.transformations ?? []).filter(({ id }) => id !== 'extractFields');
  if (transformations.length === 0) return frames;
  prepareTransformers();
  return new Promise((resolve, reject) => {
    transformDataFrame(
      transformations.map(({ id, options }) => ({ id, options })),
      frames,
    ).subscribe({
      next: resolve,
      error: reject,
    });
  });
}

/** Frames of a panel with units, colours and overrides applied. */
export async function framesOf(data: PanelData, theme: GrafanaTheme2): Promise<DataFrame[]> {
  const { panel, queries } = data;
  const raw =
    panel.type === 'table'
      ? queries.map((query) => (query.logs === undefined ? tableFrame(query, queries.length > 1) : logFrame(query)))
      : queries.flatMap((query) => query.series.map((series) => seriesFrame(query, series)));
  const fieldConfig = fieldConfigOf(data);
  const frames = applyFieldOverrides({
    data: await transformed(data, raw),
    fieldConfig,
    fieldConfigRegistry: registryFor(fieldConfig),
    replaceVariables: (text: string) => text,
    theme,
    timeZone: 'utc',
  });
  // The table shows only names that were worked out before.
  cacheFieldDisplayNames(frames);
  return frames;
}
