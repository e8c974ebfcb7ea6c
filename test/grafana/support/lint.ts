import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as units from '@grafana/grafana-foundation-sdk/units';
import { parse } from 'yaml';
import { variable } from '../../../grafana/src/links.ts';
import { PER_MINUTE, PER_SECOND } from '../../../grafana/src/panels.ts';
import { asksLoki, DASHBOARDS, type Dashboard, type Panel, panelsOf, type Target, variableSelector } from './boards.ts';

/**
 * The rules of grafana/dashboard-linter that concern Prometheus dashboards, under
 * their names, with the exclusions of grafana/dashboards/.lint. Whether queries
 * parse is promtool's business, see boards.test.ts.
 */
export interface Finding {
  readonly rule: string;
  readonly dashboard: string;
  readonly panel?: string;
  readonly message: string;
}

type Check = (board: Dashboard) => Omit<Finding, 'rule' | 'dashboard'>[];

const DATASOURCE = variable('datasource');
const LOKI_DATASOURCE = variable('loki_datasource');
/** Grafana's own units, and those that a board names itself. */
const UNITS = new Set<unknown>([...Object.values(units), PER_SECOND, PER_MINUTE]);
const ON_TIME_RANGE = 2;

const forPanels =
  (check: (panel: Panel, board: Dashboard) => string | undefined): Check =>
  (board) =>
    panelsOf(board).flatMap((panel) => {
      const message = check(panel, board);
      return message === undefined ? [] : [{ panel: panel.title, message }];
    });

const forTargets = (check: (target: Target) => string | undefined): Check =>
  // These rules are about PromQL.
  forPanels((panel) =>
    asksLoki(panel) ? undefined : panel.targets?.map(check).find((message) => message !== undefined),
  );

function template(name: 'cluster' | 'job' | 'instance', label: string, allValue = '.+'): Check {
  return (board) => {
    const found = board.templating.list.find((variable) => variable.name === name);
    const faults: string[] = [];
    if (found === undefined) faults.push('is missing');
    else {
      if (found.type !== 'query') faults.push('is not a query');
      if (found.datasource?.uid !== DATASOURCE) faults.push(`does not use ${DATASOURCE}`);
      if (found.label !== label) faults.push(`is not labelled ${label}`);
      if (found.multi !== true) faults.push('takes one value only');
      if (found.allValue !== allValue) faults.push(`has not the allValue ${allValue}`);
    }
    return faults.map((fault) => ({ message: `the variable ${name} ${fault}` }));
  };
}

/** Every selector has the matcher; what stands in brackets after a name is a selector. */
function required(label: string): Check {
  return forTargets(({ expr }) => {
    const bare = expr.replace(/"[^"]*"/g, '""');
    const selectors = [...expr.matchAll(/([a-zA-Z_:][\w:]*)\{([^}]*)\}/g)];
    const missing = selectors.find(([, , inside = '']) => !inside.includes(`${label}=~"$${label}"`));
    if (missing !== undefined) return `${missing[1]} has no matcher ${label}=~"$${label}"`;
    const naked = /\b(bpfwarden_\w+|process_\w+|nodejs_\w+|up)\b(?!\{|\w)/.exec(bare);
    return naked === null ? undefined : `${naked[1]} has no matchers`;
  });
}

const CHECKS: Readonly<Record<string, Check>> = {
  'template-datasource-rule': (board) => {
    const sources = board.templating.list.filter(({ type }) => type === 'datasource');
    if (sources.length === 0) return [{ message: 'no data source variable' }];
    return sources.flatMap(({ name, label, query }) => {
      const specific = `${String(query)}_datasource`;
      const names = sources.length === 1 ? ['datasource', specific] : [specific];
      if (!names.includes(name)) return [{ message: `the variable ${name} should be named ${names.join(' or ')}` }];
      return name === 'datasource' && label !== 'Data source' ? [{ message: 'is not labelled "Data source"' }] : [];
    });
  },
  // Of our own: `.*` fits series without the label, too.
  'template-cluster-rule': template('cluster', 'Cluster', '.*'),
  'template-job-rule': template('job', 'Job'),
  'template-instance-rule': template('instance', 'Instance'),
  'template-label-promql-rule': (board) =>
    board.templating.list
      .filter((variable) => variable.type === 'query' && variableSelector(variable) === undefined)
      .map(({ name }) => ({ message: `the variable ${name} is not a label_values(selector, label)` })),
  'template-on-time-change-reload-rule': (board) =>
    board.templating.list
      .filter(({ type, refresh }) => type === 'query' && refresh !== ON_TIME_RANGE)
      .map(({ name }) => ({ message: `the variable ${name} is not read again when the time range changes` })),
  'panel-datasource-rule': forPanels(({ datasource }) =>
    datasource?.uid === DATASOURCE || (datasource?.type === 'loki' && datasource.uid === LOKI_DATASOURCE)
      ? undefined
      : `uses the data source ${datasource?.uid ?? 'by default'}`,
  ),
  'panel-title-description-rule': forPanels(({ title, description = '' }) =>
    title === '' || description === '' ? 'has no title or no description' : undefined,
  ),
  'panel-units-rule': forPanels(({ type, fieldConfig }) =>
    ['stat', 'table', 'timeseries', 'gauge', 'bargauge', 'state-timeline'].includes(type) &&
    !UNITS.has(fieldConfig?.defaults.unit)
      ? `has the unit ${fieldConfig?.defaults.unit ?? 'missing'}`
      : undefined,
  ),
  'panel-no-targets-rule': forPanels(({ type, targets = [] }) =>
    targets.length === 0 && type !== 'alertlist' ? 'has no queries' : undefined,
  ),
  'target-rate-interval-rule': forTargets(({ expr }) =>
    /\b(?:i?rate)\([^[]*\[(?!\$__rate_interval\])/.test(expr) ? `a rate not over $__rate_interval: ${expr}` : undefined,
  ),
  'target-cluster-rule': required('cluster'),
  'target-job-rule': required('job'),
  'target-instance-rule': required('instance'),
  'target-counter-agg-rule': forTargets(({ expr }) => {
    const bare = [...expr.matchAll(/(.{0,9})\b\w+_total\{[^}]*\}(.?)/g)].find(
      ([, before = '', after]) => !/(?:rate|increase)\($/.test(before) || after !== '[',
    );
    return bare === undefined ? undefined : `a counter without rate or increase: ${bare[0]}`;
  }),
  'uneditable-dashboard-rule': ({ editable }) => (editable ? [{ message: 'can be edited' }] : []),
};

type Exclusions = Readonly<Record<string, { reason?: string; entries?: { dashboard: string; panel?: string }[] }>>;

export const readExclusions = (): Exclusions =>
  (parse(readFileSync(join(DASHBOARDS, '.lint'), 'utf8')) as { exclusions: Exclusions }).exclusions;

/** Everything that the rules find, and what of it no exclusion covers. */
export function lint(boards: readonly Dashboard[]): { readonly all: Finding[]; readonly open: Finding[] } {
  const all = boards.flatMap((board) =>
    Object.entries(CHECKS).flatMap(([rule, check]) =>
      check(board).map((finding) => ({ rule, dashboard: board.title, ...finding })),
    ),
  );
  const exclusions = readExclusions();
  const open = all.filter(
    ({ rule, dashboard, panel }) =>
      exclusions[rule]?.entries?.some(
        (entry) => entry.dashboard === dashboard && (entry.panel === undefined || entry.panel === panel),
      ) !== true,
  );
  return { all, open };
}

export const RULES = Object.keys(CHECKS);
