import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { FLAGS } from '../../src/cli/flags.ts';
import { ROOT, run } from '../prometheus/support/files.ts';

const yaml = <T>(...path: string[]) => parse(readFileSync(join(ROOT, ...path), 'utf8')) as T;

interface Source {
  readonly name: string;
  readonly uid: string;
  readonly type: string;
  readonly url: string;
  readonly editable: boolean;
  readonly jsonData: Readonly<Record<string, unknown>>;
}
const { datasources } = yaml<{ datasources: Source[] }>('grafana', 'provisioning', 'datasources', 'bpfwarden.yaml');
const prometheus = yaml<{
  global: { scrape_interval: string };
  alerting: { alertmanagers: { static_configs: { targets: string[] }[] }[] };
  scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[];
}>('prometheus', 'prometheus.yml');
const compose = yaml<{
  services: Record<string, { command?: string[]; volumes: string[]; environment?: Record<string, string> }>;
  volumes: Record<string, unknown>;
}>('compose.yaml');

describe('provisioning of Grafana', () => {
  it('has a Prometheus, the Alertmanager that it names, and a Loki, where their configurations have them', () => {
    const [metrics, alerts, logs] = datasources;
    expect(datasources.map(({ type }) => type)).to.deep.equal(['prometheus', 'alertmanager', 'loki']);
    const collector = yaml<{ exporters: Record<string, { endpoint: string }> }>(
      'examples',
      'opentelemetry-loki',
      'otel-collector.yaml',
    );
    expect(collector.exporters['otlphttp/loki']?.endpoint).to.equal(`${logs?.url}/otlp`);
    expect(metrics?.jsonData.alertmanagerUid).to.equal(alerts?.uid);
    expect(metrics?.jsonData.timeInterval).to.equal(prometheus.global.scrape_interval);
    expect(alerts?.url).to.equal(`http://${prometheus.alerting.alertmanagers[0]?.static_configs[0]?.targets[0]}`);
    const own = prometheus.scrape_configs.find(({ job_name: name }) => name === 'prometheus');
    expect(metrics?.url).to.equal(`http://${own?.static_configs[0]?.targets[0]}`);
    for (const source of datasources) expect(source.editable).to.equal(false);
  });

  it('finds the dashboards in the folder that compose.yaml and the README give it', () => {
    const { providers } = yaml<{ providers: { options: { path: string }; allowUiUpdates: boolean }[] }>(
      'grafana',
      'provisioning',
      'dashboards',
      'bpfwarden.yaml',
    );
    const name = /^\$\{(\w+)\}$/.exec(providers[0]?.options.path ?? '')?.[1] ?? 'no variable';
    const folder = compose.services.grafana?.environment?.[name];
    expect(compose.services.grafana?.volumes).to.include(`./grafana/dashboards:${folder}:ro`);
    expect(readFileSync(join(ROOT, 'grafana', 'README.md'), 'utf8')).to.contain(`${name}=$PWD/grafana/dashboards`);
    expect(providers[0]?.allowUiUpdates).to.equal(false);
  });
});

describe('compose.yaml', () => {
  it('and the README give every variable that the provisioning reads', () => {
    const files = [
      ['grafana', 'provisioning', 'datasources', 'bpfwarden.yaml'],
      ['grafana', 'provisioning', 'dashboards', 'bpfwarden.yaml'],
    ];
    const lines = files.flatMap((path) => readFileSync(join(ROOT, ...path), 'utf8').split('\n'));
    const names = lines
      .filter((line) => !line.trimStart().startsWith('#'))
      .flatMap((line) => [...line.matchAll(/(?<!\$)\$\{(\w+)\}/g)].map(([, name = '']) => name));
    expect(new Set(names)).to.include('BPFWARDEN_URL');
    const readme = readFileSync(join(ROOT, 'grafana', 'README.md'), 'utf8');
    for (const name of names) {
      expect(compose.services.grafana?.environment, name).to.have.property(name);
      expect(readme).to.contain(`${name}=`);
    }
  });

  it('mounts only what is in the repository, on the host, or a volume of its own', () => {
    for (const [service, { volumes }] of Object.entries(compose.services))
      for (const volume of volumes) {
        const source = volume.split(':')[0] ?? '';
        if (source.startsWith('./'))
          expect(existsSync(join(ROOT, source)), `${service} mounts ${source}`).to.equal(true);
        else if (!source.startsWith('/')) expect(compose.volumes, service).to.have.property(source);
      }
  });

  it('starts each program with flags that it has', () => {
    const help = (command: string) => {
      const { stdout, stderr } = run(command, '--help');
      return stdout + stderr;
    };
    const known: Record<string, (flag: string) => boolean> = {
      bpfwarden: (flag) => flag in FLAGS,
      prometheus: (flag) => help('prometheus').includes(`--${flag}`),
      alertmanager: (flag) => help('prometheus-alertmanager').includes(`--${flag}`),
    };
    for (const [service, knows] of Object.entries(known)) {
      const flags = (compose.services[service]?.command ?? []).map((entry) => /^--([^=]+)/.exec(entry)?.[1] ?? entry);
      expect(flags, service).to.not.be.empty;
      for (const flag of flags) expect(knows(flag), `${service} has no --${flag}`).to.equal(true);
    }
  });

  it('listens on loopback only', () => {
    const listening = Object.values(compose.services).flatMap(({ command = [] }) =>
      command.filter((entry) => entry.startsWith('--web.listen-address')),
    );
    expect(listening).to.have.length(2);
    for (const flag of listening) expect(flag).to.match(/=127\.0\.0\.1:\d+$/);
    expect(compose.services.grafana?.environment?.GF_SERVER_HTTP_ADDR).to.equal('127.0.0.1');
  });
});
