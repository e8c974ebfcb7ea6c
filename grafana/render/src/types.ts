/** What scripts/screenshots.ts gathers from Prometheus and the page draws. */
export interface SeriesData {
  readonly metric: Readonly<Record<string, string>>;
  /** Unix seconds and the value as text, as Prometheus answers. */
  readonly values: readonly (readonly [number, string])[];
}

export interface QueryData {
  readonly refId: string;
  readonly legend: string;
  readonly instant: boolean;
  readonly series: readonly SeriesData[];
  /** Of a query for log lines: Unix seconds, and the labels and attributes. */
  readonly logs?: readonly { readonly time: number; readonly labels: Readonly<Record<string, string>> }[];
}

/** A panel as the dashboard's JSON has it. */
export interface PanelModel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly options?: Readonly<Record<string, unknown>>;
  readonly fieldConfig?: {
    readonly defaults: Readonly<Record<string, unknown>>;
    readonly overrides: readonly {
      readonly matcher: { readonly id: string; readonly options: unknown };
      readonly properties: readonly { readonly id: string; readonly value: unknown }[];
    }[];
  };
  readonly transformations?: readonly { readonly id: string; readonly options: Readonly<Record<string, unknown>> }[];
}

export interface AlertData {
  readonly name: string;
  readonly severity: string;
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly activeAt: string;
}

export interface PanelData {
  readonly panel: PanelModel;
  readonly queries: readonly QueryData[];
  /** Points behind a histogram: time in Unix seconds, and the observed value. */
  readonly exemplars: readonly { readonly time: number; readonly value: number }[];
  readonly alerts: readonly AlertData[];
}

export interface PageData {
  readonly title: string;
  /** Unix milliseconds. */
  readonly from: number;
  readonly to: number;
  readonly panels: readonly PanelData[];
  /** Names and values of the variables, as the bar above the panels shows them. */
  readonly variables: readonly (readonly [string, string])[];
}
