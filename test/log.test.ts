import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createLogger, type Logger } from '../src/log.ts';

/** What a person reads of what `say` logs. */
function read(
  color: boolean,
  say: (log: Logger) => void,
  verbose = false,
  form: 'text' | 'json' | 'journal' = 'text',
): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-log-'));
  const file = join(directory, 'log');
  const fd = openSync(file, 'w');
  try {
    const destination = { fd } as NodeJS.WriteStream & { fd: number };
    say(createLogger('info', form, { destination, color, verbose }));
    return readFileSync(file, 'utf8').trimEnd().split('\n');
  } finally {
    closeSync(fd);
    rmSync(directory, { recursive: true });
  }
}

const ALERT = { alert_id: 'a', rule: 'r', severity: 'critical', risk_score: 1 };

describe('the log on a terminal', () => {
  it('is a line with time, level and text', () => {
    const [ready, trouble] = read(false, (log) => {
      log.info('44 programs attached');
      log.warn({ sink: 'hook' }, 'the sink is down');
    });
    expect(ready).to.match(/^\d\d:\d\d:\d\d INFO {5}44 programs attached$/);
    expect(trouble).to.match(/^\d\d:\d\d:\d\d WARN {5}the sink is down \{"sink":"hook"\}$/);
  });

  it('has the severity of an alert in the place of the level, and its facts when asked for', () => {
    const say = (log: Logger) => log.warn(ALERT, 'r: x (12 root)');
    expect(read(false, say)).to.have.length(1);
    expect(read(false, say)[0]).to.match(/^\d\d:\d\d:\d\d CRITICAL r: x \(12 root\)$/);
    expect(read(false, say, true).join('\n')).to.contain('"alert_id":"a"');
  });

  it('paints the level and nothing else, and only where it may', () => {
    const say = (log: Logger) => log.warn(ALERT, 'text');
    const [painted = ''] = read(true, say);
    expect(painted).to.contain('\u001b[91mCRITICAL\u001b[39m');
    expect(painted.replace('\u001b[91m', '').replace('\u001b[39m', '').replaceAll('\u001b[0m', '')).to.match(
      /^\S+ CRITICAL text$/,
    );
    expect(read(false, say)[0]).to.not.contain('\u001b');
  });

  it('lets no text drive the terminal', () => {
    expect(read(false, (log) => log.info('\u001b[2Jx\u202e'))[0]).to.contain('\\x1b[2Jx');
  });

  for (const form of ['text', 'json', 'journal'] as const)
    it(`lets no fact and no error drive it, as ${form}`, () => {
      const hostile = '\u001b]0;x\u0007\u009b31m\u202e\u200f';
      const lines = read(
        false,
        (log) => {
          log.warn({ file: hostile, deep: [{ of: hostile }] }, hostile);
          log.error({ err: new Error(hostile) }, 'failed');
          log.info({ reason: hostile }, 'no');
        },
        true,
        form,
      );
      expect(lines.join('')).to.not.match(/[\p{Cc}\p{Cf}]/u);
      expect(lines.length).to.be.at.least(3);
    });
});
