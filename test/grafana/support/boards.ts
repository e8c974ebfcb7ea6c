import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../prometheus/support/files.ts';

export const DASHBOARDS = join(ROOT, 'grafana', 'dashboards');

/** What the checks look at of a dashboard's JSON. */
export interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat: string;
  readonly instant?: boolean;
  readonly queryType?: string;
  readonly format?: string;
}
export interface Link {
  readonly title: string;
  readonly url?: string;
  readonly tags?: readonly string[];
  readonly type?: string;
}
export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly Target[];
  readonly links?: readonly Link[];
  readonly options?: Readonly<Record<string, unknown>>;
  readonly transformations?: readonly { readonly id: string; readonly options: Readonly<Record<string, unknown>> }[];
  readonly fieldConfig?: {
    readonly defaults: { readonly unit?: string; readonly links?: readonly Link[] } & Readonly<Record<string, unknown>>;
    readonly overrides: readonly {
      readonly matcher: { readonly id: string; readonly options: unknown };
      readonly properties: readonly { readonly id: string; readonly value: unknown }[];
    }[];
  };
}
export interface Variable {
  readonly type: string;
  readonly name: string;
  readonly label?: string;
  readonly query?: string | { readonly query: string };
  readonly datasource?: { readonly uid: string };
  readonly multi?: boolean;
  readonly includeAll?: boolean;
  readonly allValue?: string;
  readonly refresh?: number;
  readonly current?: { readonly value: unknown };
}
export interface Annotation {
  readonly name: string;
  readonly expr: string;
  readonly textFormat: string;
  readonly titleFormat: string;
  readonly datasource: { readonly uid: string };
}
export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly editable: boolean;
  readonly tags: readonly string[];
  readonly links: readonly Link[];
  readonly templating: { readonly list: readonly Variable[] };
  readonly annotations: { readonly list: readonly Annotation[] };
  readonly panels: readonly Panel[];
}

export function readDashboards(): Dashboard[] {
  return readdirSync(DASHBOARDS)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => JSON.parse(readFileSync(join(DASHBOARDS, file), 'utf8')) as Dashboard);
}

/** Panels that show something; rows are headings. */
export const panelsOf = (board: Dashboard): Panel[] => board.panels.filter(({ type }) => type !== 'row');

/** Whether the panel asks Loki; its queries are LogQL. */
export const asksLoki = ({ datasource }: Panel): boolean => datasource?.type === 'loki';
export const metricPanelsOf = (board: Dashboard): Panel[] => panelsOf(board).filter((panel) => !asksLoki(panel));

/** Every LogQL expression of a board with where it stands. */
export function logExpressions(board: Dashboard): { readonly where: string; readonly expr: string }[] {
  return panelsOf(board)
    .filter(asksLoki)
    .flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ where: `${board.title}: ${title}`, expr })));
}

/** Text of a variable's query, without its label_values(). */
export function variableSelector(variable: Variable): string | undefined {
  const text = typeof variable.query === 'string' ? variable.query : variable.query?.query;
  return /^label_values\((.*), *\w+\)$/.exec(text ?? '')?.[1];
}

/** An expression as Prometheus gets it. `choices` are values of the variables; all others allow everything. */
export function expand(
  expression: string,
  choices: Readonly<Record<string, string>> = {},
  times = { interval: '1m', range: '1h' },
): string {
  return expression
    .replaceAll('$__rate_interval', times.interval)
    .replaceAll('$__interval', times.interval)
    .replaceAll('$__auto', times.interval)
    .replaceAll('$__range', times.range)
    .replace(/\$(\w+)/g, (_, name: string) => choices[name] ?? (name === 'cluster' ? '.*' : '.+'));
}

/** Every expression of a board with where it stands. */
export function expressions(board: Dashboard): { readonly where: string; readonly expr: string }[] {
  return [
    ...metricPanelsOf(board).flatMap(({ title, targets = [] }) =>
      targets.map(({ refId, expr }) => ({ where: `${board.title}: ${title}: ${refId}`, expr })),
    ),
    ...board.annotations.list.map(({ name, expr }) => ({ where: `${board.title}: annotation ${name}`, expr })),
    ...board.templating.list.flatMap((variable) => {
      const expr = variableSelector(variable);
      return expr === undefined ? [] : [{ where: `${board.title}: variable ${variable.name}`, expr }];
    }),
  ];
}
