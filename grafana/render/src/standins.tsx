import { getValueFormat } from '@grafana/data';
import { useTheme2 } from '@grafana/ui';
import React from 'react';
import { legendOf } from './frames.ts';
import type { BodyProps } from './panels.tsx';

/** Panels whose component Grafana does not publish, drawn plainly from the same queries. */
const AXIS = 64;
const FOOT = 18;

export function Note({ text = 'drawn by a stand-in from the same query; this panel is not among what Grafana publishes' }) {
  const theme = useTheme2();
  return <div style={{ fontSize: 10, fontStyle: 'italic', color: theme.colors.text.disabled, height: 14 }}>{text}</div>;
}

function TimeAxis({ from, to, width, y }: { from: number; to: number; width: number; y: number }) {
  const theme = useTheme2();
  const steps = Math.max(2, Math.floor(width / 110));
  return (
    <>
      {Array.from({ length: steps + 1 }, (_, index) => {
        const time = from + ((to - from) * index) / steps;
        return (
          <text
            key={time}
            x={AXIS + (width * index) / steps}
            y={y}
            fontSize={11}
            textAnchor={index === steps ? 'end' : index === 0 ? 'start' : 'middle'}
            fill={theme.colors.text.secondary}
          >
            {new Date(time).toISOString().slice(11, 19)}
          </text>
        );
      })}
    </>
  );
}

/** Buckets of a histogram: each row what fell between two bounds. */
export function Heat({ data, width, height, from, to }: BodyProps) {
  const theme = useTheme2();
  const yAxis = (data.panel.options?.yAxis ?? {}) as { unit?: string };
  const format = getValueFormat(yAxis.unit ?? 'none');
  const buckets = [...(data.queries[0]?.series ?? [])]
    .map(({ metric, values }) => ({
      bound: metric.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(metric.le),
      values: new Map(values.map(([time, value]) => [time, Number(value)])),
    }))
    .sort((a, b) => a.bound - b.bound);
  const times = [...new Set(buckets.flatMap(({ values }) => [...values.keys()]))].sort((a, b) => a - b);
  const cells = buckets.map(({ values }, row) =>
    times.map((time) => Math.max(0, (values.get(time) ?? 0) - (buckets[row - 1]?.values.get(time) ?? 0))),
  );
  const most = Math.max(1e-9, ...cells.flat());
  const inner = { width: width - AXIS - 4, height: height - FOOT - 16 };
  const cellHeight = inner.height / Math.max(1, buckets.length);
  const step = times.length > 1 ? ((times[1] ?? 0) - (times[0] ?? 0)) * 1000 : 15_000;
  const x = (milliseconds: number) => AXIS + ((milliseconds - from) / (to - from)) * inner.width;
  const rowOf = (value: number) => buckets.findIndex(({ bound }) => value <= bound);
  const text = (bound: number) => {
    if (!Number.isFinite(bound)) return '+Inf';
    if ((yAxis.unit ?? 'none') === 'none') return `≤ ${bound}`;
    const { text: shown, suffix = '' } = format(bound);
    return `≤ ${shown}${suffix}`;
  };
  return (
    <div>
      <svg width={width} height={height - 16} role="img">
        {cells.map((row, index) => {
          const top = inner.height - (index + 1) * cellHeight;
          const bound = buckets[index]?.bound ?? 0;
          return (
            <g key={bound}>
              <text
                x={AXIS - 6}
                y={top + cellHeight / 2 + 4}
                fontSize={11}
                textAnchor="end"
                fill={theme.colors.text.secondary}
              >
                {text(bound)}
              </text>
              {row.map((value, column) => {
                const time = (times[column] ?? 0) * 1000;
                return value <= 1e-9 ? null : (
                  <rect
                    key={time}
                    x={Math.max(AXIS, x(time - step))}
                    y={top + 1}
                    width={Math.max(1, x(time) - x(time - step) - 1)}
                    height={Math.max(1, cellHeight - 2)}
                    fill={`rgba(255, 130, 20, ${0.2 + 0.8 * Math.sqrt(value / most)})`}
                  />
                );
              })}
            </g>
          );
        })}
        {data.exemplars.filter(({ time }) => time * 1000 > from).map(({ time, value }, index) => (
          <rect
            // biome-ignore lint: points of one moment are told apart by their place in the list only
            key={index}
            x={x(time * 1000) - 3}
            y={inner.height - (rowOf(value) + 0.5) * cellHeight - 3}
            width={6}
            height={6}
            transform={`rotate(45 ${x(time * 1000)} ${inner.height - (rowOf(value) + 0.5) * cellHeight})`}
            fill="rgba(255, 60, 255, 0.9)"
          />
        ))}
        <TimeAxis from={from} to={to} width={inner.width} y={inner.height + 14} />
      </svg>
      <Note />
    </div>
  );
}

export function States({ data, width, height, from, to }: BodyProps) {
  const theme = useTheme2();
  const mappings = (data.panel.fieldConfig?.defaults.mappings ?? []) as {
    options: Record<string, { text: string; color: string }>;
  }[];
  const look = (value: string) => mappings.map(({ options }) => options[value]).find((entry) => entry !== undefined);
  const rows = data.queries.flatMap(({ legend, series }) =>
    series.map(({ metric, values }) => ({ name: legendOf(legend, metric), values })),
  );
  const names = 16 + 7.2 * Math.max(12, ...rows.map(({ name }) => name.length));
  const inner = { width: width - names - 8, height: height - FOOT - 32 };
  const rowHeight = inner.height / Math.max(1, rows.length);
  const x = (seconds: number) => names + ((seconds * 1000 - from) / (to - from)) * inner.width;
  return (
    <div>
      <svg width={width} height={height - 32} role="img">
        {rows.map(({ name, values }, row) => (
          <g key={name}>
            <text
              x={names - 8}
              y={(row + 0.5) * rowHeight + 4}
              fontSize={Math.min(12, rowHeight)}
              textAnchor="end"
              fill={theme.colors.text.primary}
            >
              {name}
            </text>
            {values.slice(1).map(([time, value], index) => (
              <rect
                key={time}
                x={x(values[index]?.[0] ?? time)}
                y={row * rowHeight + rowHeight * 0.1}
                width={x(time) - x(values[index]?.[0] ?? time) + 0.5}
                height={rowHeight * 0.8}
                fill={theme.visualization.getColorByName(look(value)?.color ?? 'gray')}
              />
            ))}
          </g>
        ))}
        <g transform={`translate(${names - AXIS} 0)`}>
          <TimeAxis from={from} to={to} width={inner.width} y={inner.height + 14} />
        </g>
      </svg>
      <div style={{ display: 'flex', gap: 16, fontSize: 12, height: 18 }}>
        {mappings.flatMap(({ options }) =>
          Object.values(options).map(({ text, color }) => (
            <span key={text}>
              <span style={{ color: theme.visualization.getColorByName(color) }}>■</span> {text}
            </span>
          )),
        )}
      </div>
      <Note />
    </div>
  );
}

const SEVERITY_COLOR: Readonly<Record<string, string>> = { critical: 'red', warning: 'orange', info: 'blue' };

export function Alerts({ data, height }: BodyProps) {
  const theme = useTheme2();
  return (
    <div>
      <div style={{ height: height - 16, overflow: 'hidden' }}>
        {data.alerts.length === 0 && <div style={{ padding: 8 }}>No alerts matching filters</div>}
        {data.alerts.map(({ name, severity, state, labels, activeAt }) => (
          <div
            key={name + JSON.stringify(labels)}
            style={{ padding: '5px 8px', borderBottom: `1px solid ${theme.colors.border.weak}`, lineHeight: 1.35 }}
          >
            <span
              style={{
                background: theme.visualization.getColorByName(SEVERITY_COLOR[severity] ?? 'gray'),
                color: '#fff',
                borderRadius: 3,
                padding: '0 6px',
                fontSize: 11,
                marginRight: 8,
              }}
            >
              {severity}
            </span>
            <b>{name}</b>
            <div style={{ fontSize: 11, color: theme.colors.text.secondary }}>
              {state} since {activeAt.slice(11, 19)}
              {Object.entries(labels).map(([label, value]) => `  ${label}=${value}`)}
            </div>
          </div>
        ))}
      </div>
      <Note />
    </div>
  );
}
