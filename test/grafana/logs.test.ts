import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parser } from '@grafana/lezer-logql';
import { expect } from 'chai';
import { parse } from 'yaml';
import { encodeLogs } from '../../src/alerts/sinks/otlp.ts';
import type { SpooledAlert } from '../../src/alerts/spool/types.ts';
import { ROOT } from '../prometheus/support/files.ts';
import { asksLoki, expand, logExpressions, panelsOf, readDashboards } from './support/boards.ts';

const boards = readDashboards();
const queries = boards.flatMap(logExpressions);

/** Where Grafana's own LogQL parser finds something wrong. */
function faults(expr: string): string[] {
  const found: string[] = [];
  parser.parse(expr).iterate({
    enter: ({ type, from, to }) => {
      if (type.isError) found.push(`${from}-${to}: ${expr.slice(Math.max(0, from - 10), to + 10)}`);
    },
  });
  return found;
}

/** An alert with all that a board may name. */
const alert = {
  label: 'x',
  alert_id: '00000000-0000-7000-8000-000000000000',
  severity: 'warning',
  timestamp: 1,
  incident_id: 'cafe',
  risk_score: 0.7,
  confidence: 0.8,
  recommendation: 'look',
  rule: { name: 'r', id: 'r', mitre: [], tags: [] },
  response: { action: 'alert', outcome: 'none' },
  event: { type: 'file_write' },
  host: { name: 'h' },
  user: { name: 'root' },
  process: { name: 'x', pid: 2, command_line: 'x y', ppid: 1, parent: { name: 'sh', pid: 1 } },
  file: { path: '/x' },
  network: { destination: { ip: '192.0.2.1', port: 443 } },
};

/** Names that Loki has: those of the attributes of a log record, with dots as underscores. */
function attributesInLoki(): Set<string> {
  const spooled = { alert, acceptedAt: 1 } as unknown as SpooledAlert;
  const { resourceLogs } = encodeLogs([spooled], { hostName: 'h', version: '1', externalUrl: 'http://h:9477' });
  const [{ resource, scopeLogs } = { resource: { attributes: [] }, scopeLogs: [] }] = resourceLogs;
  const records = scopeLogs.flatMap(({ logRecords }) => logRecords);
  return new Set(
    [...resource.attributes, ...records.flatMap(({ attributes }) => attributes)].map(({ key }) =>
      key.replaceAll('.', '_'),
    ),
  );
}

describe('panels that ask Loki', () => {
  it('ask in LogQL, as Grafana parses it', () => {
    expect(queries).to.not.be.empty;
    for (const { where, expr } of queries) expect(faults(expand(expr)), where).to.deep.equal([]);
    expect(faults('sum(rate({a="b"} [5m])')).to.not.be.empty;
  });

  it('name labels and attributes that the sink otlp sends, or that the query makes', () => {
    const known = attributesInLoki();
    for (const board of boards)
      for (const panel of panelsOf(board).filter(asksLoki))
        for (const { expr } of panel.targets ?? []) {
          const made = new Set([...expr.matchAll(/(\w+)=`/g)].map(([, name = '']) => name));
          const used = [
            ...[...expr.matchAll(/(\w+)=~?"/g)].map(([, name = '']) => name),
            ...[...expr.matchAll(/\{\{[^}]*?\.(\w+)/g)].map(([, name = '']) => name),
            ...[...expr.matchAll(/by \((\w+)\)/g)].map(([, name = '']) => name),
            ...namesShown(panel.transformations ?? []),
          ];
          expect(used.length, panel.title).to.be.above(3);
          for (const name of used)
            expect(
              known.has(name) || made.has(name) || ['Time', 'timestamp'].includes(name),
              `${panel.title}: ${name}`,
            ).to.equal(true);
        }
  });

  it('select by what the shipped configuration of Loki makes an index label', () => {
    const loki = parse(readFileSync(join(ROOT, 'examples', 'opentelemetry-loki', 'loki-limits.yaml'), 'utf8'));
    const { resource_attributes: resource, log_attributes: log } = loki.limits_config.otlp_config;
    const labels = [...resource.attributes_config, ...log]
      .flatMap(({ attributes }: { attributes: string[] }) => attributes)
      .map((name) => name.replaceAll('.', '_'));
    for (const { where, expr } of queries) {
      const selector = /^[^{]*\{([^}]*)\}/.exec(expr)?.[1] ?? '';
      for (const [, name] of selector.matchAll(/(\w+)=~?"/g)) expect(labels, where).to.include(name);
    }
  });

  it('lead to the alert on the daemon that raised it', () => {
    const spooled = { alert, acceptedAt: 1 } as unknown as SpooledAlert;
    const sent = JSON.stringify(encodeLogs([spooled], { hostName: 'h', version: '1', externalUrl: 'https://h:1' }));
    expect(sent).to.contain(`"stringValue":"https://h:1/api/v1/alerts/${alert.alert_id}"`);
  });
});

function namesShown(transformations: readonly { readonly id: string; readonly options: object }[]): string[] {
  const shown = transformations.find(({ id }) => id === 'filterFieldsByName')?.options as
    | { include: { names: string[] } }
    | undefined;
  return shown?.include.names ?? ['severity', 'host_name', 'rule_name', 'service_name'];
}
