import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';

const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'main.js');
const RULES = '{"rules":[{"name":"temporary","condition":"process.path.startsWith(\'/tmp/\')"}]}';

describe('tune', () => {
  let directory: string;
  let server: Server | undefined;
  const file = (name: string) => join(directory, name);

  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpfwarden-tune-'));
    writeFileSync(file('rules.json'), RULES);
    const event = (path: string) => JSON.stringify({ event_type: 'process_exec', process: path, uid: 33 });
    writeFileSync(file('events'), [event('/tmp/a'), event('/tmp/b'), event('/tmp/a')].join('\n'));
    const { stderr } = spawnSync(process.execPath, [
      MAIN,
      'replay',
      file('events'),
      `--rules.path=${file('rules.json')}`,
      `--output.alerts=${file('alerts')}`,
    ]);
    expect(String(stderr)).to.contain('3 alerts');
  });
  after(() => {
    server?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const alerts = (): { alert_id: string }[] =>
    spawnSync('cat', [file('alerts')], { encoding: 'utf8' })
      .stdout.trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { alert_id: string });
  const tune = (...args: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      const flags = [`--rules.path=${file('rules.json')}`, '--web.listen-address=127.0.0.1:1'];
      const child: ChildProcess = spawn(process.execPath, [MAIN, 'tune', ...flags, ...args]);
      let stdout = '';
      let stderr = '';
      child.stdout?.on('data', (text) => (stdout += text));
      child.stderr?.on('data', (text) => (stderr += text));
      child.on('close', (status) => resolve({ status, stdout, stderr }));
    });

  it('prints an exception that a rule file takes, and what it would have held back', async () => {
    const { status, stdout, stderr } = await tune(alerts()[0]?.alert_id ?? '', `--output.alerts=${file('alerts')}`);
    expect(stderr).to.equal('');
    expect(status).to.equal(0);
    expect(parse(stdout)).to.have.nested.property('rules[0].exceptions[0].fields.process\\.path', '/tmp/a');
    expect(stdout).to.contain('Of the last 3 alerts of this rule');
    expect(stdout).to.contain('it would have held back 2.');

    writeFileSync(file('local.yaml'), stdout);
    const again = spawnSync(
      process.execPath,
      [
        MAIN,
        'replay',
        file('events'),
        `--rules.path=${file('rules.json')}`,
        `--rules.local-path=${file('local.yaml')}`,
      ],
      { encoding: 'utf8' },
    );
    expect(again.stderr).to.equal('3 events, 1 alerts, 3 rules\n');
    const listed = spawnSync(
      process.execPath,
      [MAIN, 'rules', `--rules.path=${file('rules.json')}`, `--rules.local-path=${file('local.yaml')}`],
      { encoding: 'utf8' },
    );
    expect(listed.stdout).to.match(/^temporary .*rules\.json:1, changed by .*local\.yaml:\d+$/m);
  });

  it('asks the running daemon first', async () => {
    const [first, ...rest] = alerts();
    const asked: string[] = [];
    server = createServer((request, response) => {
      asked.push(request.url ?? '');
      const body = request.url === `/api/v1/alerts/${first?.alert_id}` ? first : { alerts: [first, ...rest] };
      response.end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const { status, stdout } = await tune(
      first?.alert_id ?? '',
      `--web.listen-address=127.0.0.1:${port}`,
      '--format=json',
    );
    expect(status).to.equal(0);
    expect(JSON.parse(stdout)).to.deep.include({ rule: 'temporary', alerts: 3 });
    expect(asked).to.deep.equal([`/api/v1/alerts/${first?.alert_id}`, '/api/v1/alerts?limit=1000&rule=temporary']);
  });

  it('says where it looked for an alert that is nowhere', async () => {
    const { status, stderr } = await tune('none', `--output.alerts=${file('alerts')}`);
    expect(status).to.equal(1);
    expect(stderr).to.contain('no alert none: http://127.0.0.1:1 does not answer');
    expect(stderr).to.contain(`${file('alerts')} does not have it`);
    const nowhere = await tune('none');
    expect(nowhere.stderr).to.contain('there is no [output] alerts_file');
    expect(nowhere.status, 'a daemon that does not answer is not a mistake of the user').to.equal(2);
  });
});
