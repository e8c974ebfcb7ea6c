import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { ROOT } from '../docs/support/pages.ts';
import { type Daemon, eventually, startDaemon } from './support/daemon.ts';
import { type Prometheus, startPrometheus } from './support/prometheus.ts';

/** All match the same program; only the first may reach anybody. */
const RULES = [
  { name: 'heard_aloud' },
  { name: 'held_silenced' },
  { name: 'held_in_shadow', mode: 'shadow' },
  { name: 'held_unsure', confidence: 0.2 },
  { name: 'held_heuristic', heuristic: true },
];
const HELD = RULES.map(({ name }) => name).filter((name) => name.startsWith('held'));
const FOUND_MS = 60_000;

describe('a rule that is silenced, in shadow mode, unsure or a heuristic', function () {
  this.timeout(200_000);
  let directory: string;
  let receiver: Server;
  let daemon: Daemon;
  let prometheus: Prometheus;
  /** Bodies by path. */
  const received: { path: string; body: string }[] = [];
  const gotOn = (path: string, text: string) =>
    received.some((entry) => entry.path.startsWith(path) && entry.body.includes(text));

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'bpfwarden-silence-'));
    const condition = "event.type == 'process_exec' && process.path.endsWith('/bpfwarden-told')";
    const rules = RULES.map((rule) => ({ severity: 'critical', confidence: 0.9, condition, risk_score: 0.9, ...rule }));
    writeFileSync(join(directory, 'rules.json'), JSON.stringify({ rules }));
    receiver = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      request.on('end', () => {
        received.push({ path: request.url ?? '', body });
        response.setHeader('content-type', 'application/json').end('{}');
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
    daemon = await startDaemon({
      flags: [`--rules.path=${join(directory, 'rules.json')}`],
      toml: [
        `[response]\nalert_webhook = "${url}/webhook"`,
        `[alertmanager]\nurls = ["${url}"]`,
        '[[silences]]\nrule = "held_silenced"\nwhy = "test"',
      ].join('\n'),
    });
    prometheus = await startPrometheus([new URL(daemon.url).host]);
    await eventually(
      'Prometheus has scraped the daemon',
      async () => (await prometheus.query('bpfwarden_alerts_total{rule="heard_aloud"}')).length > 0 || undefined,
      FOUND_MS,
    );
    const program = join(directory, 'bpfwarden-told');
    copyFileSync('/bin/true', program);
    execFileSync(program);
  });
  after(async () => {
    await prometheus?.stop();
    await daemon?.stop();
    receiver?.closeAllConnections();
    receiver?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it('matches, and pages nobody by webhook, Alertmanager or the metric rules', async () => {
    await eventually('the webhook', () => gotOn('/webhook', 'heard_aloud') || undefined, FOUND_MS);
    await eventually('Alertmanager', () => gotOn('/api/v2/alerts', 'heard_aloud') || undefined, FOUND_MS);
    const firing = await eventually(
      'the metric rule',
      async () => {
        const found = await prometheus.query('ALERTS{alertname=~"Bpfwarden.+Detection"}');
        return found.some(({ metric }) => metric.rule === 'heard_aloud') ? found : undefined;
      },
      FOUND_MS,
    );
    for (const rule of HELD) {
      expect(await daemon.metric(`bpfwarden_rule_matches_total{rule="${rule}"`), rule).to.equal(1);
      expect(gotOn('/', `"${rule}"`), `${rule} was sent`).to.equal(false);
      expect(firing.map(({ metric }) => metric.rule)).to.not.include(rule);
      // Not even as a number that somebody's own rule could count.
      expect((await daemon.metric(`bpfwarden_alerts_total{rule="${rule}"`)) ?? 0, rule).to.equal(0);
    }
  });

  it('is told with the same host and rule on both ways, by which Alertmanager holds back the second', async () => {
    const inhibitions = parse(readFileSync(join(ROOT, 'prometheus', 'alertmanager.yml'), 'utf8')) as {
      readonly inhibit_rules: readonly {
        readonly source_matchers: readonly string[];
        readonly equal: readonly string[];
      }[];
    };
    const rule = inhibitions.inhibit_rules.find(({ source_matchers }) =>
      source_matchers.includes('origin="bpfwarden"'),
    );
    const { body = '' } =
      received.find(({ path, body: text }) => path.startsWith('/api/v2/alerts') && text.includes('heard_aloud')) ?? {};
    const [told] = JSON.parse(body) as { readonly labels: Readonly<Record<string, string>> }[];
    const [counted] = await prometheus.query('ALERTS{alertname="BpfwardenCriticalDetection", rule="heard_aloud"}');
    expect(told?.labels).to.include({ origin: 'bpfwarden', severity: 'critical' });
    expect(counted?.metric).to.include({ origin: 'rules', severity: 'critical' });
    expect(rule?.equal).to.not.be.empty;
    for (const label of rule?.equal ?? []) {
      expect(told?.labels[label], label).to.be.a('string').and.not.equal('');
      expect(counted?.metric[label], label).to.equal(told?.labels[label]);
    }
  });

  it('says in the metrics why', async () => {
    for (const [rule, reason] of [
      ['held_silenced', 'silenced'],
      ['held_in_shadow', 'shadow'],
      ['held_unsure', 'low_confidence'],
    ])
      expect(await daemon.metric(`bpfwarden_alerts_suppressed_total{rule="${rule}",reason="${reason}"}`)).to.equal(1);
  });
});
