import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashSync } from 'bcryptjs';
import { expect } from 'chai';
import { eventually, freePort } from '../e2e/support/daemon.ts';
import { registry, ruleInfo } from '../metrics/support/registry.ts';
import { Certificates } from './support/certificates.ts';
import { serve } from './support/server.ts';

describe('a real Prometheus', function () {
  this.timeout(60_000);

  it('scrapes over TLS with a password and finds samples and exemplars', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-scrape-'));
    const certificates = new Certificates(directory);
    certificates.issue('server', 'IP:127.0.0.1');
    const web = certificates.write(
      'web.yml',
      `tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\nbasic_auth_users:\n  prometheus: ${hashSync('secret', 6)}\n`,
    );
    const metrics = registry();
    metrics.declareRules([ruleInfo({ name: 'quoted "rule" \\' })]);
    const alert_id = '0192f0c0-0000-7000-8000-000000000001';
    metrics.histogram('risk_score').observe(0.7, { event: 'process_exec' }, { alert_id });
    const server = await serve({ metrics, web: { config_file: web } });
    const port = await freePort();
    const config = certificates.write(
      'prometheus.yml',
      `global: {scrape_interval: 1s}
scrape_configs:
- job_name: bpfwarden
  scheme: https
  tls_config: {ca_file: ca.crt}
  basic_auth: {username: prometheus, password: secret}
  static_configs: [{targets: ['${server.address}']}]
`,
    );
    const prometheus = spawn(
      'prometheus',
      [
        `--config.file=${config}`,
        `--storage.tsdb.path=${join(directory, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--enable-feature=exemplar-storage',
      ],
      { stdio: 'ignore' },
    );
    const ask = async (path: string, parameters: Record<string, string>) => {
      const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}?${new URLSearchParams(parameters)}`);
      return ((await response.json()) as { data: unknown }).data;
    };
    const query = async (expression: string) => {
      const { result } = (await ask('query', { query: expression })) as { result: { value: [number, string] }[] };
      return result.map(({ value }) => value[1]);
    };
    try {
      await eventually('it is up', async () => (await query('up'))[0] === '1' || undefined, 30_000);
      expect(await query('bpfwarden_rule_matches_total{rule="quoted \\"rule\\" \\\\"}')).to.deep.equal(['0']);
      expect(await query('bpfwarden_risk_score_bucket{event="process_exec",le="0.8"}')).to.deep.equal(['1']);
      const exemplars = await ask('query_exemplars', {
        query: 'bpfwarden_risk_score_bucket',
        start: String(Date.now() / 1000 - 60),
        end: String(Date.now() / 1000 + 60),
      });
      expect(JSON.stringify(exemplars)).to.contain(alert_id);
      const metadata = (await ask('metadata', { metric: 'bpfwarden_risk_score' })) as Record<
        string,
        { type: string }[]
      >;
      expect(metadata.bpfwarden_risk_score?.[0]?.type).to.equal('histogram');
    } finally {
      const gone = new Promise((resolve) => prometheus.once('exit', resolve));
      prometheus.kill();
      await gone;
      await server.close(100);
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
