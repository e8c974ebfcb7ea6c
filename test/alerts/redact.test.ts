import { expect } from 'chai';
import fc from 'fast-check';
import { Redactor } from '../../src/alerts/redact.ts';
import { alertsOf, execEvent, findingOf } from './support/findings.ts';

const options = { enabled: true, patterns: [] as string[], environment: ['HTTP_PROXY', 'API_TOKEN'] };
const redactor = new Redactor(options);
/** Never in any output. */
const CANARY = 'c4nary-Secret.Value';

describe('redaction', () => {
  const texts: [text: string, left: string][] = [
    [`curl --password=${CANARY} x`, 'curl --password=[REDACTED] x'],
    [`mysql -h db -p${CANARY} -u root`, 'mysql -h db -p[REDACTED] -u root'],
    [`mysqldump --password ${CANARY} all`, 'mysqldump --password [REDACTED] all'],
    [`sshpass -p ${CANARY} ssh host`, 'sshpass -p [REDACTED] ssh host'],
    [`redis-cli -h db -a ${CANARY} ping`, 'redis-cli -h db -a [REDACTED] ping'],
    [`curl -u bob:${CANARY} http://h/`, 'curl -u bob:[REDACTED] http://h/'],
    [
      `curl https://bob:${CANARY}@host/x?token=${CANARY}&y=1`,
      'curl https://bob:[REDACTED]@host/x?token=[REDACTED]&y=1',
    ],
    [`curl -H "Authorization: Bearer ${CANARY}" http://h`, 'curl -H "Authorization: Bearer [REDACTED]" http://h'],
    [`Authorization: Basic ${CANARY}==`, 'Authorization: Basic [REDACTED]'],
    [`X-Api-Key: ${CANARY}`, 'X-Api-Key: [REDACTED]'],
    ['aws AKIAIOSFODNN7EXAMPLE x', 'aws [REDACTED] x'],
    [`AWS_SECRET_ACCESS_KEY=${CANARY} aws`, 'AWS_SECRET_ACCESS_KEY=[REDACTED] aws'],
    [`PGPASSWORD=${CANARY} psql`, 'PGPASSWORD=[REDACTED] psql'],
    ['x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-DEF_1 y', 'x [REDACTED] y'],
    ['ghp_abcdefghijklmnopqrstuvwxyz0123456789', '[REDACTED]'],
    ['xoxb-123456789012-abcdefghij', '[REDACTED]'],
    [
      '-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----',
      '-----BEGIN OPENSSH PRIVATE KEY-----[REDACTED]-----END OPENSSH PRIVATE KEY-----',
    ],
    [`{"password":"${CANARY} with spaces"}`, '{"password":[REDACTED]}'],
  ];
  for (const [text, left] of texts) {
    it(`replaces the secret in ${JSON.stringify(left)}`, () => expect(redactor.text(text)).to.equal(left));
  }

  for (const text of [
    'cat /etc/passwd',
    'mysql -P 3306 -u root',
    'tar xzf auth.tgz',
    'ssh-keygen -t rsa -f key',
    'git clone https://github.com/a/b',
    'docker run -v /etc/passwd:/etc/passwd:ro x',
    'passwd root',
    '/usr/bin/python3 -m http.server --bind 127.0.0.1',
  ]) {
    it(`leaves ${JSON.stringify(text)}`, () => expect(redactor.text(text)).to.equal(text));
  }

  it('finds a secret in the argument after its option, and knows the options of programs', () => {
    expect(redactor.args(['x', '--db-password', `${CANARY} and more`, 'y'])).to.deep.equal([
      'x',
      '--db-password',
      '[REDACTED]',
      'y',
    ]);
    expect(redactor.args(['/usr/bin/mysql', `-p${CANARY}`, '-P', '33'])).to.deep.equal([
      '/usr/bin/mysql',
      '-p[REDACTED]',
      '-P',
      '33',
    ]);
    expect(redactor.args(['curl', '-u', `bob:${CANARY}`])).to.deep.equal(['curl', '-u', 'bob:[REDACTED]']);
    expect(redactor.args(['ls', '-p', 'plain'])).to.deep.equal(['ls', '-p', 'plain']);
  });

  it('leaves no canary anywhere in an alert: arguments, command line, parent, matched values, environment', () => {
    const args = ['/tmp/x', '--password', `${CANARY} tail`, `--url=https://u:${CANARY}@h/`];
    const event = execEvent({
      args,
      extra: { container: { id: `token=${CANARY}` } },
    });
    const finding = findingOf(event);
    const [match] = finding.matches;
    if (match === undefined) throw new Error('no match');
    const matched = [
      { field: 'process.command_line', operator: 'contains', expected: 'x', actual: args.join(' ') },
      { field: 'process.args', operator: 'contains', expected: 'x', actual: args },
      { field: 'process.env', operator: 'has', expected: 'x', actual: { SECRET: CANARY, API_TOKEN: CANARY } },
    ];
    const [alert] = alertsOf({ ...finding, matches: [{ ...match, matched }] }, { hostName: 'h' });
    if (alert === undefined) throw new Error('no alert');
    const before = JSON.stringify(alert);
    const redacted = redactor.alert(alert);
    expect(JSON.stringify(redacted)).not.to.contain(CANARY);
    expect(JSON.stringify(redacted)).not.to.contain('tail');
    expect(JSON.stringify(alert), 'the original is not changed').to.equal(before);
    expect(Object.keys(redacted)).to.deep.equal(Object.keys(alert));
    expect(redacted.matched[2]?.actual).to.deep.equal({ API_TOKEN: '[REDACTED]' });
  });

  it('knows a list of arguments only by all of it, also where a recording has what no call can pass', () => {
    const fresh = new Redactor(options);
    fresh.args([`--password\0${CANARY}`]);
    for (let round = 0; round < 2; round++)
      expect(fresh.args(['tool', '--password', CANARY])).to.deep.equal(['tool', '--password', '[REDACTED]']);
    expect(fresh.args(['--password', CANARY])[1]).to.equal('[REDACTED]');
  });

  it('lets no variable out that is not on the list', () => {
    const event = redactor.event({ process: { env: { HTTP_PROXY: `http://u:${CANARY}@p:1`, OTHER: 'x' } } });
    expect(event).to.deep.equal({ process: { env: { HTTP_PROXY: 'http://u:[REDACTED]@p:1' } } });
  });

  it('takes patterns of the user, and says which one is wrong', () => {
    const own = new Redactor({ ...options, patterns: ['badge (\\d+)', 'xyzzy'] });
    expect(own.text('badge 1234 xyzzy')).to.equal('badge [REDACTED] [REDACTED]');
    expect(() => new Redactor({ ...options, patterns: ['(?=look)'] })).to.throw('(?=look)');
  });

  it('can be switched off, but not for the environment', () => {
    const off = new Redactor({ ...options, enabled: false });
    expect(off.text(`--password=${CANARY}`)).to.contain(CANARY);
    expect(off.event({ process: { env: { OTHER: 'x', HTTP_PROXY: 'p' } } })).to.deep.equal({
      process: { env: { HTTP_PROXY: 'p' } },
    });
  });

  it('is bounded in time for whatever a process passes', () => {
    const hostile = [`mysql ${'-p'.repeat(20_000)}`, 'password='.repeat(10_000), `curl ${'http://a:'.repeat(20_000)}`];
    for (const text of hostile) {
      // CPU time and not the clock's; a text of this length that costs its square takes a minute.
      const before = process.cpuUsage();
      redactor.text(text);
      expect(process.cpuUsage(before).user / 1e3, text.slice(0, 20)).to.be.below(5_000);
    }
  });

  it('never throws and is stable: what is redacted stays as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => {
        const once = redactor.text(`--token=${text}`);
        expect(redactor.text(once)).to.equal(once);
      }),
      { numRuns: 50 },
    );
  });
});
