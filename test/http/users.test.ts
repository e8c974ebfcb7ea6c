import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashSync } from 'bcryptjs';
import { expect } from 'chai';
import type { RunningServer } from '../../src/http/server.ts';
import { UserCheck } from '../../src/http/web-config/users.ts';
import { recordingLog, serve } from './support/server.ts';

const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

describe('basic authentication', function () {
  this.timeout(30_000);
  let directory: string;
  let file: string;
  let server: RunningServer | undefined;
  const hash = hashSync('right', 8);
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpfwarden-users-'));
    file = join(directory, 'web.yml');
  });
  afterEach(() => server?.close(100));
  after(() => rmSync(directory, { recursive: true, force: true }));

  const ask = (path: string, authorization?: string) =>
    fetch(`${server?.url}${path}`, authorization === undefined ? {} : { headers: { Authorization: authorization } });

  it('lets in who knows the password, everywhere, and nobody else', async () => {
    writeFileSync(file, `basic_auth_users:\n  alice: ${hash}\n`);
    server = await serve({ web: { config_file: file, enable_lifecycle: true } });
    for (const path of ['/', '/metrics', '/-/healthy', '/api/v1/alerts', '/nowhere']) {
      const refused = await ask(path);
      expect(refused.status, path).to.equal(401);
      expect(refused.headers.get('www-authenticate')).to.match(/^Basic realm=/);
    }
    expect((await ask('/metrics', basic('alice', 'right'))).status).to.equal(200);
    for (const wrong of [
      basic('alice', 'wrong'),
      basic('bob', 'right'),
      basic('', ''),
      basic('__proto__', 'right'),
      'Basic',
      'Basic !!!',
      'Bearer right',
      `Basic ${Buffer.from('alice').toString('base64')}`,
      `Basic ${'A'.repeat(9000)}`,
    ])
      expect((await ask('/metrics', wrong)).status, wrong.slice(0, 40)).to.equal(401);
    expect((await fetch(`${server.url}/-/reload`, { method: 'POST' })).status).to.equal(401);
  });

  it('follows the file, headers and rate limit too', async () => {
    writeFileSync(file, `basic_auth_users:\n  alice: ${hash}\n`);
    server = await serve({ web: { config_file: file } });
    expect((await ask('/', basic('alice', 'right'))).status).to.equal(200);
    writeFileSync(file, `basic_auth_users:\n  alice: ${hashSync('other', 6)}\n`);
    expect((await ask('/', basic('alice', 'right'))).status).to.equal(401);
    expect((await ask('/', basic('alice', 'other'))).status).to.equal(200);
    writeFileSync(
      file,
      'http_server_config:\n  headers:\n    X-Frame-Options: deny\n    Strict-Transport-Security: max-age=1\n',
    );
    const open = await ask('/');
    expect(open.status).to.equal(200);
    expect(open.headers.get('x-frame-options')).to.equal('deny');
    expect(open.headers.get('strict-transport-security')).to.equal('max-age=1');
    writeFileSync(file, 'basic_auth_users:\n  alice: clear\n');
    expect((await ask('/')).status).to.equal(200);
    writeFileSync(file, 'rate_limit:\n  interval: 1h\n  burst: 2\n');
    const statuses = [];
    for (let request = 0; request < 4; request++) statuses.push((await ask('/-/healthy')).status);
    expect(statuses).to.deep.equal([200, 200, 429, 429]);
  });

  it('takes as long for a user who does not exist as for a wrong password', async () => {
    const users = new Map([['alice', hashSync('right', 10)]]);
    const check = new UserCheck(recordingLog().log);
    await check.check(basic('warm', 'up'), users);
    const timeOf = async (user: string) => {
      const times: number[] = [];
      for (let turn = 0; turn < 7; turn++) {
        const started = performance.now();
        expect(await check.check(basic(user, `wrong${turn}`), users)).to.equal('wrong');
        times.push(performance.now() - started);
      }
      return times.sort((a, b) => a - b)[1] ?? 0;
    };
    const known = await timeOf('alice');
    const unknown = await timeOf('mallory');
    check.close();
    expect(known).to.be.above(5);
    // Without a comparison it would be a thousandth.
    expect(unknown / known).to.be.within(0.1, 10);
  });

  it('remembers right passwords only', async () => {
    const users = new Map([['alice', hashSync('right', 10)]]);
    const check = new UserCheck(recordingLog().log);
    const time = async (password: string, verdict: string) => {
      const started = performance.now();
      expect(await check.check(basic('alice', password), users)).to.equal(verdict);
      return performance.now() - started;
    };
    const first = await time('right', 'right');
    let fastest = Number.POSITIVE_INFINITY;
    for (let turn = 0; turn < 5; turn++) fastest = Math.min(fastest, await time('right', 'right'));
    expect(fastest).to.be.below(first / 5);
    await time('wrong', 'wrong');
    expect(await time('wrong', 'wrong')).to.be.above(Math.min(first / 5, 5));
    check.close();
  });

  it('does not hold the event loop, and refuses more than it can compare', async () => {
    const users = new Map([['alice', hashSync('right', 10)]]);
    const check = new UserCheck(recordingLog().log);
    await check.check(basic('warm', 'up'), users);
    let turns = 0;
    let counting = true;
    const turn = () => {
      turns++;
      if (counting) setImmediate(turn);
    };
    turn();
    const verdicts = await Promise.all(
      Array.from({ length: 40 }, (_, index) => check.check(basic('x', `${index}`), users)),
    );
    counting = false;
    expect(verdicts.filter((verdict) => verdict === 'busy')).to.have.length(8);
    expect(verdicts.filter((verdict) => verdict === 'wrong')).to.have.length(32);
    // On the event loop there would be a turn for each comparison.
    expect(turns).to.be.above(200);
    check.close();
    expect(await check.check(basic('alice', 'right'), users)).to.equal('right');
    check.close();
  });
});
