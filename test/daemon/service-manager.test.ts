import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { ServiceManager } from '../../src/daemon/service-manager.ts';
import { sendNotification } from '../../src/kernel/notify.ts';
import { SILENT } from '../alerts/support/findings.ts';

/** What systemd has at the other end: a datagram socket, each datagram a line of JSON. */
const LISTENER = `
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace('@', '\\0', 1))
print('bound', flush=True)
while True: print(json.dumps(s.recv(65536).decode()), flush=True)
`;

async function listen(name: string) {
  const child = spawn('python3', ['-c', LISTENER, name], { stdio: ['ignore', 'pipe', 'inherit'] });
  const got: string[] = [];
  const lines = createInterface(child.stdout);
  await once(lines, 'line');
  lines.on('line', (line) => got.push(JSON.parse(line) as string));
  return {
    got,
    async until(count: number) {
      for (let waited = 0; got.length < count && waited < 5000; waited += 10) await sleep(10);
      return got;
    },
    end: () => child.kill(),
  };
}

describe('systemd is told', () => {
  const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-notify-'));
  after(() => rmSync(directory, { recursive: true }));

  for (const name of [join(directory, 'notify'), `@bpfwarden-test-${process.pid}`])
    it(`when the daemon is ready, reloads and ends, through ${name.startsWith('@') ? 'an abstract' : 'a'} socket`, async () => {
      const systemd = await listen(name);
      const environment = { NOTIFY_SOCKET: name, PATH: '/bin' };
      const manager = new ServiceManager(environment, sendNotification, SILENT);
      manager.status('loading');
      manager.ready('37 programs,\n234 rules');
      manager.reloading();
      manager.stopping();
      const [loading, ready, reloading, stopping] = await systemd.until(4);
      systemd.end();
      expect(loading).to.equal('STATUS=loading');
      expect(ready).to.equal('READY=1\nSTATUS=37 programs, 234 rules');
      expect(reloading).to.match(/^RELOADING=1\nMONOTONIC_USEC=\d+\nSTATUS=/);
      expect(stopping).to.match(/^STOPPING=1\n/);
      // A plugin's program must not be able to speak in the daemon's name.
      expect(environment).to.deep.equal({ PATH: '/bin' });
    });

  it('that the daemon lives, twice within the time it has, and not while the event loop hangs', async () => {
    const sent: { text: string; at: number }[] = [];
    const environment = { NOTIFY_SOCKET: '/run/x', WATCHDOG_USEC: '200000', WATCHDOG_PID: String(process.pid) };
    const manager = new ServiceManager(environment, (_, text) => sent.push({ text, at: Date.now() }) * 0, SILENT);
    await sleep(250);
    expect(sent, 'before it is ready').to.deep.equal([]);
    manager.ready('');
    await sleep(550);
    const before = sent.filter(({ text }) => text === 'WATCHDOG=1').length;
    expect(before).to.be.within(3, 6);
    const end = Date.now() + 400;
    while (Date.now() < end);
    expect(sent.filter(({ text }) => text === 'WATCHDOG=1')).to.have.lengthOf(before);
  });

  it('nothing when the watchdog is meant for another process, or there is no systemd', async () => {
    const sent: string[] = [];
    const notify = (_: string, text: string) => sent.push(text) * 0;
    new ServiceManager({ NOTIFY_SOCKET: '/x', WATCHDOG_USEC: '1000', WATCHDOG_PID: '1' }, notify, SILENT).ready('a');
    new ServiceManager({}, notify, SILENT).ready('b');
    await sleep(20);
    expect(sent).to.deep.equal(['READY=1\nSTATUS=a']);
  });

  it('once in the log when it cannot be told', () => {
    const logged: object[] = [];
    const log = Object.assign(Object.create(SILENT), { error: (entry: object) => logged.push(entry) });
    const manager = new ServiceManager({ NOTIFY_SOCKET: join(directory, 'nobody') }, sendNotification, log);
    manager.status('a');
    manager.ready('b');
    expect(logged).to.deep.equal([{ reason: 'errno 2', socket: join(directory, 'nobody') }]);
  });
});

describe("the daemon's own log", () => {
  const script = (format: string) =>
    `import { createLogger } from './src/log.ts';
     const log = createLogger('debug', ${JSON.stringify(format)});
     log.info({ rule: 'x' }, 'one\\ntwo'); log.error('bad'); log.debug('fine');`;
  const written = (format: string, environment: NodeJS.ProcessEnv = {}) =>
    execFileSync(
      'bash',
      [
        '-c',
        'exec "$@" 2>&1 >/dev/null',
        'bash',
        process.execPath,
        '--import=tsx',
        '--input-type=module',
        '-e',
        script(format),
      ],
      {
        encoding: 'utf8',
        env: { ...process.env, ...environment },
      },
    );

  it('has a priority before each line for the journal', () => {
    expect(written('journal').trimEnd().split('\n')).to.deep.equal([
      '<6>one',
      '<6>two {"rule":"x"}',
      '<3>bad',
      '<7>fine',
    ]);
  });

  it('is JSON where nobody says otherwise, also when JOURNAL_STREAM names another stream', () => {
    const lines = written('auto', { JOURNAL_STREAM: '1:2' }).trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).to.deep.equal(['one\ntwo', 'bad', 'fine']);
  });
});
