import {
  AnnotationQueryBuilder,
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  PanelBuilder,
  QueryVariableBuilder,
  RowBuilder,
  TextBoxVariableBuilder,
  VariableHide,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { variable } from './links.ts';
import { type Panel, PROMETHEUS } from './panels.ts';
import { CLUSTER, HOST, labelValues, select, selectProcess } from './query.ts';

export const TAG = 'bpfwarden';
/** Where a Prometheus that is started as prometheus/prometheus.yml says serves docs/runbooks. */
const RUNBOOKS = 'http://127.0.0.1:9090/user/runbooks';

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Board {
  /** Also the file's name and the address below /d/. */
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  /** Variables beside data source, cluster, job and instance. */
  readonly choose?: readonly ('rule' | 'severity')[];
  readonly oneHost?: boolean;
  readonly alertmanager?: boolean;
  /** Loki, and the names that the chosen hosts have there. */
  readonly loki?: boolean;
  readonly rows: readonly Row[];
}

const choice = (name: string, label: string, query: string) =>
  new QueryVariableBuilder(name)
    .label(label)
    .datasource(PROMETHEUS)
    .query({ query, refId: `variable-${name}`, qryType: 1 })
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.+')
    .current({ selected: true, text: ['All'], value: ['$__all'] });

function variables(builder: DashboardBuilder, board: Board): void {
  builder.withVariable(
    new DatasourceVariableBuilder('datasource')
      .label('Data source')
      .type('prometheus')
      .current({ text: '', value: '' }),
  );
  if (board.alertmanager === true)
    builder.withVariable(
      new DatasourceVariableBuilder('alertmanager')
        .label('Alertmanager')
        .type('alertmanager')
        .current({ text: '', value: '' }),
    );
  if (board.loki === true)
    builder.withVariable(
      new DatasourceVariableBuilder('loki_datasource').label('Loki').type('loki').current({ text: '', value: '' }),
    );
  builder.withVariable(choice('cluster', 'Cluster', labelValues('build_info', 'cluster')).allValue('.*'));
  builder.withVariable(choice('job', 'Job', labelValues('build_info', 'job', CLUSTER)));
  const instance = choice('instance', 'Instance', labelValues('build_info', 'instance', CLUSTER, 'job=~"$job"'));
  builder.withVariable(
    board.oneHost === true
      ? instance.multi(false).includeAll(false).allValue('').current({ selected: true, text: '', value: '' })
      : instance,
  );
  if (board.choose?.includes('severity'))
    builder.withVariable(choice('severity', 'Severity', labelValues('rule_matches_total', 'severity', ...HOST)));
  if (board.choose?.includes('rule'))
    builder.withVariable(
      choice('rule', 'Rule', labelValues('rule_matches_total', 'rule', ...HOST, 'severity=~"$severity"')),
    );
  // Prometheus knows a host by where it is scraped, an alert by the name the host has itself.
  if (board.loki === true)
    builder.withVariable(
      choice('hostname', 'Host name', labelValues('host_info', 'hostname', ...HOST)).hide(VariableHide.HideVariable),
    );
  builder.withVariable(
    new TextBoxVariableBuilder('runbooks')
      .label('Runbooks')
      .defaultValue(RUNBOOKS)
      .current({ text: RUNBOOKS, value: RUNBOOKS })
      .hide(VariableHide.HideVariable),
  );
}

/** Value of the series is the time of the event, so the mark stands where it happened and not at a scrape. */
const eventAt = (name: string, color: string, seconds: string, title: string) =>
  new AnnotationQueryBuilder()
    .name(name)
    .datasource(PROMETHEUS)
    .enable(true)
    .iconColor(color)
    .expr(`${seconds} * 1000`)
    .useValueForTime(true)
    .step('60s')
    .titleFormat(title)
    .textFormat('{{instance}}');

function annotations(builder: DashboardBuilder): void {
  builder
    .annotation(
      eventAt(
        'Reloads',
        'blue',
        select('config_last_reload_success_timestamp_seconds'),
        'Configuration and rules loaded',
      ),
    )
    .annotation(eventAt('Starts', 'purple', selectProcess('process_start_time_seconds'), 'Daemon started'))
    .annotation(
      new AnnotationQueryBuilder()
        .name('Critical alerts')
        .datasource(PROMETHEUS)
        .enable(true)
        .iconColor('red')
        .expr(`ALERTS{alertname=~"Bpfwarden.+", ${CLUSTER}, severity="critical", alertstate="firing"}`)
        .step('60s')
        .titleFormat('{{alertname}}')
        .textFormat('{{instance}} {{rule}}')
        .tagKeys('alertname,instance,rule'),
    );
}

/**
 * Alerts of the rules in Prometheus, through Grafana's alerting, which reads
 * them from every data source with manageAlerts; silences are made in the
 * Alertmanager chosen above.
 */
export function alertList(width: number, height: number, title = 'Alerts'): Panel {
  return new PanelBuilder()
    .type('alertlist')
    .title(title)
    .description(
      'Firing and pending alerts of bpfwarden; each links to its runbook. Silences are made in the Alertmanager data source.',
    )
    .datasource({ type: 'alertmanager', uid: variable('alertmanager') })
    .span(width)
    .height(height)
    .options({
      alertInstanceLabelFilter: '{alertname!="BpfwardenWatchdog"}',
      alertName: 'Bpfwarden',
      dashboardAlerts: false,
      datasource: '',
      folder: '',
      groupBy: [],
      groupMode: 'default',
      maxItems: 50,
      showInactiveAlerts: false,
      showInstances: true,
      sortOrder: 3,
      stateFilter: { firing: true, pending: true, noData: false, normal: false, error: true, recovering: false },
      viewMode: 'list',
    });
}

/** The board as Grafana reads it, with an id for every panel so that links to one stay the same. */
export function build(board: Board): Dashboard {
  const builder = new DashboardBuilder(`bpfwarden / ${board.title}`)
    .uid(board.uid)
    .description(board.description)
    .tags([TAG])
    .readonly()
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .timezone('browser')
    .link(
      new DashboardLinkBuilder('bpfwarden')
        .type(DashboardLinkType.Dashboards)
        .tags([TAG])
        .includeVars(true)
        .keepTime(true)
        .asDropdown(false),
    );
  variables(builder, board);
  annotations(builder);
  for (const row of board.rows) {
    builder.withRow(new RowBuilder(row.title));
    for (const panel of row.panels) builder.withPanel(panel);
  }
  const built = builder.build();
  built.panels?.forEach((panel, index) => {
    panel.id = index + 1;
  });
  // The SDK's default puts links and annotations into a menu, where nobody finds them.
  for (const entry of [
    ...(built.links ?? []),
    ...(built.annotations.list ?? []),
    ...(built.panels ?? []).flatMap((panel) => ('links' in panel ? (panel.links ?? []) : [])),
  ])
    delete entry.placement;
  return built;
}
