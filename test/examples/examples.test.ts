import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { toEcs } from '../../src/alerts/formats/ecs.ts';
import { SINK_TYPES, sinkConfigs } from '../../src/alerts/sinks/registry.ts';
import { loadConfig } from '../../src/config/load.ts';
import { CATALOG, MAX_RULES, seriesLimit } from '../../src/metrics/catalog.ts';
import { recordFromJson } from '../../src/schema/record.ts';
import { alertsOf, execEvent, findingOf } from '../alerts/support/findings.ts';

const EXAMPLES = join(import.meta.dirname, '..', '..', 'examples');
const at = (...parts: string[]) => join(EXAMPLES, ...parts);
const yaml = (...parts: string[]) => parse(readFileSync(at(...parts), 'utf8'));

describe('the examples', () => {
  for (const [folder, sinks] of [
    ['alertmanager', ['alerts_file', 'alertmanager']],
    ['multi-host', ['alerts_file', 'alertmanager']],
    ['fleet', ['alerts_file', 'alertmanager']],
    ['falcosidekick', ['falcosidekick']],
    ['elasticsearch', ['ecs_file']],
    ['opentelemetry-loki', ['otel']],
  ] as const) {
    it(`${folder}: its bpfwarden.toml is valid and makes its sinks`, () => {
      expect(sinkConfigs(loadConfig(at(folder, 'bpfwarden.toml'), SINK_TYPES)).map(({ name }) => name)).to.deep.equal([
        ...sinks,
      ]);
    });
  }

  it('have configurations that Alertmanager and Prometheus take, and routes that lead where they say', () => {
    for (const folder of ['alertmanager', 'multi-host'])
      expect(execFileSync('amtool', ['check-config', at(folder, 'alertmanager.yml')], { encoding: 'utf8' })).to.contain(
        'SUCCESS',
      );
    execFileSync('promtool', ['check', 'config', at('multi-host', 'prometheus.yml')], { stdio: 'pipe' });
    const route = (...labels: string[]) =>
      execFileSync(
        'amtool',
        ['config', 'routes', 'test', `--config.file=${at('alertmanager', 'alertmanager.yml')}`, ...labels],
        { encoding: 'utf8' },
      ).trim();
    expect(route('alertname=x', 'origin=bpfwarden', 'severity=critical')).to.equal('pager');
    expect(route('alertname=x', 'origin=bpfwarden', 'severity=warning')).to.equal('team');
  });

  it('fleet: Prometheus takes both its configurations, and the agent drops only metrics that there are', () => {
    const check = (...args: string[]) => execFileSync('promtool', ['check', 'config', ...args], { stdio: 'pipe' });
    check('--syntax-only', at('fleet', 'prometheus.yml'));
    check('--syntax-only', '--agent', at('fleet', 'agent.yml'));
    const { scrape_configs: jobs } = yaml('fleet', 'agent.yml');
    const dropped = /\((.*)\)/.exec(jobs[0].metric_relabel_configs[0].regex)?.[1]?.split('|') ?? [];
    expect(dropped).to.have.lengthOf(4);
    for (const name of dropped) expect(Object.keys(CATALOG)).to.include(name);
    const { sample_limit: limit } = yaml('fleet', 'prometheus.yml').scrape_configs[0];
    expect(limit).to.be.above(seriesLimit(MAX_RULES));
  });

  it('agree between the two sides: ports, paths, names', () => {
    const { sinks: falco } = loadConfig(at('falcosidekick', 'bpfwarden.toml'), SINK_TYPES);
    const sidekick = yaml('falcosidekick', 'falcosidekick.yaml');
    expect(falco[0]?.url).to.equal(`http://${sidekick.listenaddress}:${sidekick.listenport}/`);
    const { sinks: otel } = loadConfig(at('opentelemetry-loki', 'bpfwarden.toml'), SINK_TYPES);
    const collector = yaml('opentelemetry-loki', 'otel-collector.yaml');
    expect(otel[0]?.url).to.equal(`http://${collector.receivers.otlp.protocols.http.endpoint}`);
    for (const [name, { receivers, processors, exporters }] of Object.entries<Record<string, string[]>>(
      collector.service.pipelines,
    )) {
      expect(name).to.equal('logs');
      for (const entry of receivers ?? []) expect(collector.receivers).to.have.property(entry);
      for (const entry of processors ?? []) expect(collector.processors).to.have.property(entry);
      for (const entry of exporters ?? []) expect(Object.keys(collector.exporters)).to.include(entry);
    }
    const { sinks: ecs } = loadConfig(at('elasticsearch', 'bpfwarden.toml'), SINK_TYPES);
    const { path } = ecs[0] ?? { path: '' };
    expect(yaml('elasticsearch', 'filebeat.yml')['filebeat.inputs'][0].paths).to.deep.equal([path, `${path}.*`]);
    const vector = yaml('elasticsearch', 'vector.yaml');
    expect(vector.sources.alerts.include).to.deep.equal([path]);
    expect(vector.sinks.opensearch.inputs).to.deep.equal(Object.keys(vector.transforms));
    const template = JSON.parse(readFileSync(at('elasticsearch', 'index-template.json'), 'utf8'));
    expect(`${vector.sinks.opensearch.bulk.index}*`).to.equal(template.index_patterns[0]);
    const loki = yaml('opentelemetry-loki', 'loki-limits.yaml');
    expect(loki.limits_config.otlp_config.log_attributes[0].attributes).to.deep.equal(['severity', 'rule.name']);
  });

  it('elasticsearch: documents of every kind of event fit the mapping, and each field keeps one type', () => {
    const { template } = JSON.parse(readFileSync(at('elasticsearch', 'index-template.json'), 'utf8'));
    const seen = new Map<string, string>();
    for (const event of [
      execEvent(),
      recordFromJson(
        {
          event: { type: 'file_rename' },
          process: { pid: 1 },
          file: { path: '/a/b.c', new_path: '/d', mode: '0644', inode: 5 },
        },
        '1',
      ),
      recordFromJson(
        {
          event: { type: 'net_conn', error: 'ECONNREFUSED' },
          network: {
            transport: 'tcp',
            source: { ip: '10.0.0.1', port: 5 },
            destination: { ip: '2001:db8::1', port: 443, hostname: 'h' },
          },
        },
        '2',
      ),
      recordFromJson(
        { event: { type: 'setuid' }, credentials: { old_uid: 1, new_uid: 0 }, container: { id: 'abc' } },
        '3',
      ),
    ]) {
      const finding = findingOf(event);
      const matched = [true, 1, 'x', ['a'], { a: 1 }, undefined].map((actual) => ({
        field: 'f',
        operator: 'equal',
        expected: actual,
        actual,
      }));
      const [alert] = alertsOf(
        { ...finding, matches: finding.matches.map((match) => ({ ...match, matched })) },
        { hostName: 'h' },
      );
      if (alert === undefined) throw new Error('no alert');
      check(toEcs(alert), template.mappings.properties, '', seen);
    }
    expect([...seen.keys()]).to.include.members([
      'destination.ip',
      'event.outcome',
      'file.path',
      'process.executable',
      'bpfwarden.matched.actual',
      'container.id',
    ]);
  });
});

type Mapping = Readonly<Record<string, { type?: string; properties?: Mapping }>>;

/** What Elasticsearch does with a document: a field has the mapped type, or the one of its first value. */
function check(value: unknown, mapping: Mapping, path: string, seen: Map<string, string>): void {
  for (const [key, entry] of Object.entries(value as object)) {
    const name = path === '' ? key : `${path}.${key}`;
    const mapped = mapping[key];
    for (const item of Array.isArray(entry) ? entry : [entry]) {
      if (typeof item === 'object') {
        expect(mapped?.type, name).to.equal(undefined);
        check(item, mapped?.properties ?? {}, name, seen);
        continue;
      }
      expect(mapped?.properties, name).to.equal(undefined);
      const type = mapped?.type ?? typeof item;
      if (mapped?.type !== undefined) expect(fits(mapped.type, item), `${name}: ${String(item)}`).to.equal(true);
      expect(seen.get(name) ?? type, name).to.equal(type);
      seen.set(name, type);
    }
  }
}

function fits(type: string, value: unknown): boolean {
  if (type === 'long') return Number.isSafeInteger(value);
  if (type === 'float' || type === 'double') return typeof value === 'number';
  if (type === 'ip') return typeof value === 'string' && /^[\da-f.:]+$/.test(value);
  if (type === 'date') return typeof value === 'string' && !Number.isNaN(Date.parse(value));
  return typeof value === 'string';
}
