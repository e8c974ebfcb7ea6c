import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { buildAlert, draftsOf } from '../../src/alerts/alert.ts';
import type { Alert } from '../../src/alerts/types.ts';
import type { RunningServer } from '../../src/http/server.ts';
import type { RuleInfo } from '../../src/rules/types.ts';
import { execEvent, findingOf } from '../alerts/support/findings.ts';
import { emptyViews, serve } from '../http/support/server.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'main.js');
const run = async (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  promisify(execFile)(process.execPath, [MAIN, ...args], { env: { ...process.env, ...env } }).then(
    ({ stdout, stderr }) => ({ stdout, stderr, status: 0 }),
    (error: { stdout: string; stderr: string; code: number }) => ({ ...error, status: error.code }),
  );

function alert(id: string, rule: Partial<RuleInfo> = {}, args = ['/tmp/x', 'one']): Alert {
  const [draft] = draftsOf(findingOf(execEvent({ args }), rule), { hostName: 'web-1' });
  if (draft === undefined) throw new Error('no draft');
  return buildAlert(draft, { alertId: id, incident: { id: 'cafe', before: 0 } });
}

describe('alerts in the terminal', function () {
  this.timeout(30_000);
  let directory: string;
  let file: string;
  let server: RunningServer;
  const ALERTS = [
    alert('a-1', { severity: 'info', name: 'first' }),
    alert('a-2', { severity: 'critical', name: 'second' }, ['/tmp/x', '\u001b[2J\u009b31m\nforged', 'y'.repeat(500)]),
  ];

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'bpfwarden-cli-'));
    file = join(directory, 'alerts.ndjson');
    writeFileSync(file, `${ALERTS.map((entry) => JSON.stringify(entry)).join('\n')}\nnot an alert\n`);
    server = await serve({
      api: {
        views: {
          ...emptyViews,
          queryAlerts: ({ severity }) =>
            ALERTS.filter((entry) => severity === undefined || entry.severity === severity).reverse(),
          alertById: (id) => ALERTS.find(({ alert_id }) => alert_id === id),
          incidentById: (id) => ({
            incident_id: id,
            first: 1,
            last: 2,
            severity: 'critical',
            alerts: 2,
            rules: ['first', 'second'],
            host: 'web-1',
            timeline: ALERTS.map((entry) => ({
              alert_id: entry.alert_id,
              timestamp: entry.timestamp,
              rule: entry.rule.name,
              severity: entry.severity,
              mitre: [],
              summary: 's',
              count: 3,
            })),
          }),
        },
      },
    });
  });
  after(async () => {
    await server.close();
    rmSync(directory, { recursive: true });
  });

  const here = () => `--web.listen-address=${server.address}`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  const RAW = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;

  for (const from of ['the daemon', 'a file'] as const) {
    it(`are one line each within 80 columns, from ${from}`, async () => {
      const source = from === 'a file' ? [file] : [here()];
      const { stdout, status } = await run(['alerts', ...source], { COLUMNS: '80' });
      expect(status).to.equal(0);
      const lines = stdout.trimEnd().split('\n');
      expect(lines).to.have.length(2);
      expect(lines[0]).to.match(/ INFO {5}a-1 {6}first: \/tmp\/x one \(1234 alice\)$/);
      expect(lines[1])
        .to.match(/CRITICAL a-2 +second/)
        .and.contain('\\x1b[2J');
      for (const line of lines) expect(line.length, line).to.be.at.most(80);
      expect(RAW.test(stdout)).to.equal(false);
      const some = await run(['alerts', ...source, '--severity=critical', '--format=json']);
      expect(JSON.parse(some.stdout).alert_id).to.equal('a-2');
    });
  }

  it('are coloured when asked for, and not with NO_COLOR or into a pipe', async () => {
    expect((await run(['alerts', file, '--color=always'])).stdout).to.contain('\u001b[');
    expect((await run(['alerts', file], { NO_COLOR: '1' })).stdout).not.to.contain('\u001b[');
    expect((await run(['alerts', file, '--color=blue'])).status).to.equal(1);
  });

  it('are shown whole: what, why, tree, incident, what to do, how to tune', async () => {
    const { stdout, status } = await run(['show', 'a-2', here()], { COLUMNS: '80' });
    expect(status).to.equal(0);
    for (const line of stdout.split('\n')) expect(line.length, line).to.be.at.most(80);
    for (const part of [
      'What happened',
      'Why',
      'process.path',
      'Process tree',
      'cafe: 2 alerts',
      '▸',
      '×3',
      'What to do',
      'tune a-2',
    ])
      expect(stdout).to.contain(part);
    expect(RAW.test(stdout)).to.equal(false);
    const json = JSON.parse((await run(['show', 'a-2', here(), '--format=json'])).stdout);
    expect([json.alert.alert_id, json.incident.alerts]).to.deep.equal(['a-2', 2]);
    expect((await run(['show', 'nobody', here()])).status).to.equal(1);
  });

  it('are named by the eight characters that the list shows, or as the last', async () => {
    const id = '0190c8a0-0000-7000-8000-0000fbc76e73';
    const many = join(directory, 'many.ndjson');
    const other = { ...alert('0190c8a0-0000-7000-8000-00000000aaaa'), label: 'Another' };
    writeFileSync(many, [alert(id), other].map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    const from = [`--output.alerts=${many}`, '--web.listen-address=127.0.0.1:1'];
    expect((await run(['alerts', many])).stdout).to.contain(' fbc76e73 ');
    expect((await run(['show', 'fbc76e73', ...from])).stdout).to.contain(`tune ${id}`);
    expect((await run(['show', 'last', ...from])).stdout).to.contain('Another');
    expect((await run(['tune', 'fbc76e73', ...from])).stdout).to.contain(id);
    expect((await run(['show', 'last', here(), '--format=json'])).stdout).to.contain('"alert_id":"a-2"');
    const twice = alert(`ffffffff-0000-7000-8000-0000fbc76e73`);
    writeFileSync(many, [alert(id), twice].map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    const { status, stderr } = await run(['show', 'fbc76e73', ...from]);
    expect(status).to.equal(1);
    expect(stderr).to.contain('the end of several ids').and.contain(twice.alert_id);
  });

  it('say where they looked when no daemon answers', async () => {
    const { status, stderr } = await run(['alerts', '--web.listen-address=127.0.0.1:1']);
    expect(status).to.equal(2);
    expect(stderr).to.contain('no answer from the daemon at http://127.0.0.1:1').and.contain('is it running?');
    expect((await run(['top', '--once', '--web.listen-address=127.0.0.1:1'])).status).to.equal(2);
  });

  it('are not looked for in another file: it is named, and nothing of it', async () => {
    const other = join(directory, 'other.ndjson');
    writeFileSync(other, '{"event":"process_exec"}\nplain\n');
    const { status, stdout, stderr } = await run(['alerts', other]);
    expect([status, stdout]).to.deep.equal([1, '']);
    expect(stderr).to.contain(`${other}: none of its 2 lines is an alert`);
    writeFileSync(other, '');
    expect((await run(['alerts', other])).status).to.equal(0);
  });

  it('are counted live by `top`', async () => {
    const live = await serve({
      api: {
        views: {
          ...emptyViews,
          subscribeAlerts: (_, write) => {
            const timer = setInterval(() => write(ALERTS[1] as Alert), 20);
            return () => clearInterval(timer);
          },
          subscribeEvents: (_, write) => {
            const event = {
              event: { type: 'file_open' },
              process: { pid: 7, path: '/bin/cat' },
              file: { directory: '/etc' },
            };
            const timer = setInterval(() => write(event), 10);
            return () => clearInterval(timer);
          },
        },
      },
    });
    try {
      const { stdout, status } = await run(['top', '--once', '--interval=1', `--web.listen-address=${live.address}`]);
      expect(status).to.equal(0);
      expect(stdout)
        .to.match(/\d+\.\d {2}\s+7 \/bin\/cat/)
        .and.match(/\d+\.\d {2}\/etc/)
        .and.match(/critical second/);
    } finally {
      await live.close();
    }
  });
});
