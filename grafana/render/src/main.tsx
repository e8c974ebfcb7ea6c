import { createTheme, type DataFrame, ThemeContext } from '@grafana/data';
import { GlobalStyles, PanelChrome } from '@grafana/ui';
import React, { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { framesOf } from './frames.ts';
import { type BodyProps, Lines, Ranking, Stat, Table } from './panels.tsx';
import { Alerts, Heat, Note, States } from './standins.tsx';
import type { PageData, PanelData } from './types.ts';

const theme = createTheme({ colors: { mode: 'dark' } });
/** Grafana's grid: 24 columns, cells 30 pixels high, 8 pixels apart. */
const WIDTH = 1280;
const GAP = 8;
const CELL = 30;
const COLUMN = (WIDTH - 2 * GAP - 23 * GAP) / 24;
const BAR = 92;

const BODIES: Readonly<Record<string, (props: BodyProps) => React.JSX.Element | null>> = {
  timeseries: Lines,
  stat: Stat,
  bargauge: Ranking,
  table: Table,
  heatmap: Heat,
  'state-timeline': States,
  alertlist: Alerts,
};

function Panel({ data, from, to }: { data: PanelData; from: number; to: number }) {
  const [frames, setFrames] = useState<DataFrame[]>();
  const { panel } = data;
  const { x, y, w, h } = panel.gridPos;
  useEffect(() => {
    framesOf(data, theme).then(setFrames, (error: unknown) => {
      document.title = `failed: ${String(error)}`;
    });
  }, [data]);
  const width = w * COLUMN + (w - 1) * GAP;
  const height = h * CELL + (h - 1) * GAP;
  const place = { position: 'absolute', left: GAP + x * (COLUMN + GAP), top: BAR + y * (CELL + GAP), width, height } as const;
  if (panel.type === 'row')
    return <div style={{ ...place, fontSize: 16, fontWeight: 500, paddingTop: 4 }}>▾ {panel.title}</div>;
  const Body = BODIES[panel.type];
  return (
    <div style={place}>
      <PanelChrome title={panel.title} description={panel.description ?? ''} width={width} height={height}>
        {(innerWidth, innerHeight) =>
          Body === undefined ? (
            <Note text={`no component for ${panel.type}`} />
          ) : frames === undefined ? null : (
            <div className="drawn">
              <Body data={data} frames={frames} width={innerWidth} height={innerHeight} from={from} to={to} />
            </div>
          )
        }
      </PanelChrome>
    </div>
  );
}

function Page({ page }: { page: PageData }) {
  const rows = Math.max(...page.panels.map(({ panel }) => panel.gridPos.y + panel.gridPos.h));
  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <div style={{ position: 'relative', width: WIDTH, height: BAR + rows * (CELL + GAP) + GAP }}>
        <div style={{ padding: '10px 12px', fontSize: 20, fontWeight: 500 }}>
          {page.title}
          <span style={{ float: 'right', fontSize: 12, color: theme.colors.text.secondary }}>
            {new Date(page.from).toISOString().slice(0, 19)} to {new Date(page.to).toISOString().slice(11, 19)} UTC
          </span>
        </div>
        <div style={{ padding: '0 12px', fontSize: 13, display: 'flex', gap: 8 }}>
          {page.variables.map(([name, value]) => (
            <span key={name} style={{ border: `1px solid ${theme.colors.border.medium}`, borderRadius: 2 }}>
              <span style={{ padding: '3px 8px', background: theme.colors.background.secondary }}>{name}</span>
              <span style={{ padding: '3px 8px' }}>{value}</span>
            </span>
          ))}
          <span style={{ marginLeft: 'auto', fontStyle: 'italic', color: theme.colors.text.disabled, fontSize: 11 }}>
            drawn by `npm run screenshots` with @grafana/ui 13.2.2 from live data; not a picture of Grafana itself
          </span>
        </div>
        {page.panels.map((data) => (
          <Panel key={data.panel.id} data={data} from={page.from} to={page.to} />
        ))}
      </div>
    </ThemeContext.Provider>
  );
}

// Texts are measured before they are drawn, so the font must be there first.
for (const [weight, file] of [
  ['400', 'Regular'],
  ['500', 'Medium'],
] as const) {
  const face = new FontFace('Inter', `url(/public/fonts/inter/Inter-${file}.woff2)`, { weight });
  document.fonts.add(await face.load());
}
const root = document.getElementById('root');
if (root === null) throw new Error('no root');
const page = (await (await fetch('/page.json')).json()) as PageData;
createRoot(root).render(<Page page={page} />);
