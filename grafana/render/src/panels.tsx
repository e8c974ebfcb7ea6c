import {
  type DataFrame,
  type DisplayValueAlignmentFactors,
  dateTime,
  type FieldDisplay,
  getDisplayValueAlignmentFactors,
  getFieldDisplayValues,
  type TimeRange,
  VizOrientation,
} from '@grafana/data';
import { BarGauge, BigValue, TimeSeries, useTheme2, VizRepeater, type VizRepeaterRenderValueProps } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import React from 'react';
import { fieldConfigOf } from './frames.ts';
import type { PanelData } from './types.ts';

/** Panels whose component Grafana publishes. What the plugin around it does is done here from the same options. */
export interface BodyProps {
  readonly data: PanelData;
  readonly frames: DataFrame[];
  readonly width: number;
  readonly height: number;
  readonly from: number;
  readonly to: number;
}

const timeRange = (from: number, to: number): TimeRange => ({
  from: dateTime(from),
  to: dateTime(to),
  raw: { from: dateTime(from), to: dateTime(to) },
});

export function Lines({ data, frames, width, height, from, to }: BodyProps) {
  return (
    <TimeSeries
      frames={frames}
      width={width}
      height={height}
      timeRange={timeRange(from, to)}
      timeZone="utc"
      legend={data.panel.options?.legend as never}
    />
  );
}

/** One value for each series, as stat and bar gauge reduce them. */
function useValues({ data, frames }: BodyProps): FieldDisplay[] {
  const theme = useTheme2();
  return getFieldDisplayValues({
    data: frames,
    fieldConfig: fieldConfigOf(data),
    reduceOptions: data.panel.options?.reduceOptions as never,
    replaceVariables: (text: string) => text,
    theme,
    timeZone: 'utc',
  });
}

export function Stat(props: BodyProps) {
  const theme = useTheme2();
  const values = useValues(props);
  const options = props.data.panel.options ?? {};
  return (
    <Repeat
      {...props}
      values={values}
      orientation={VizOrientation.Auto}
      draw={({ value, width, height }) => (
        <BigValue
          value={options.textMode === 'name' ? { ...value.display, text: value.display.title ?? '' } : value.display}
          width={width}
          height={height}
          colorMode={options.colorMode as never}
          graphMode={options.graphMode as never}
          justifyMode={options.justifyMode as never}
          text={options.text as never}
          textMode={options.textMode as never}
          theme={theme}
        />
      )}
    />
  );
}

export function Ranking(props: BodyProps) {
  const theme = useTheme2();
  const values = useValues(props);
  const options = props.data.panel.options ?? {};
  return (
    <Repeat
      {...props}
      values={values}
      orientation={VizOrientation.Horizontal}
      maxVizHeight={options.maxVizHeight as number}
      draw={({ value, width, height, alignmentFactors }) => (
        <BarGauge
          value={value.display}
          field={value.field}
          display={value.view?.getFieldDisplayProcessor(value.colIndex ?? 0) as never}
          width={width}
          height={height}
          orientation={VizOrientation.Horizontal}
          displayMode={options.displayMode as never}
          valueDisplayMode={options.valueMode as never}
          namePlacement={options.namePlacement as never}
          showUnfilled={options.showUnfilled === true}
          itemSpacing={8}
          text={options.text as never}
          alignmentFactors={alignmentFactors}
          theme={theme}
        />
      )}
    />
  );
}

interface RepeatProps extends BodyProps {
  readonly values: FieldDisplay[];
  readonly orientation: VizOrientation;
  readonly maxVizHeight?: number;
  readonly draw: (props: VizRepeaterRenderValueProps<FieldDisplay, DisplayValueAlignmentFactors>) => React.JSX.Element;
}

function Repeat({ values, orientation, draw, width, height, frames, maxVizHeight = 300 }: RepeatProps) {
  return (
    <VizRepeater<FieldDisplay, DisplayValueAlignmentFactors>
      getValues={() => values}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={draw}
      width={width}
      height={height}
      source={frames}
      renderCounter={0}
      orientation={orientation}
      autoGrid
      minVizHeight={16}
      maxVizHeight={maxVizHeight}
    />
  );
}

export function Table({ data, frames, width, height }: BodyProps) {
  const frame = frames[0];
  if (frame === undefined) return null;
  const options = data.panel.options ?? {};
  return (
    <TableNG
      data={frame}
      width={width}
      height={height}
      sortBy={options.sortBy as never}
      cellHeight={options.cellHeight as never}
      fieldConfig={fieldConfigOf(data)}
      enableVirtualization={false}
    />
  );
}
