import { expect } from 'chai';
import { Announcer } from '../../src/alerts/announcer.ts';
import type { Logger } from '../../src/log.ts';
import { spooled } from './support/sinks.ts';

function setUp(linesPerMinute: number) {
  const clock = { now: 0 };
  const lines: string[] = [];
  const at =
    (level: string) =>
    (...parts: unknown[]) =>
      lines.push(`${level} ${String(parts.at(-1))}`);
  const log = { debug: at('debug'), info: at('info'), warn: at('warn') } as unknown as Logger;
  const announcer = new Announcer({ log, linesPerMinute, now: () => clock.now });
  return { clock, lines, announcer, alert: (id: string) => spooled(id).alert };
}

describe('alerts in the log', () => {
  it('are one line each, an update only for those who debug', () => {
    const { announcer, lines, alert } = setUp(100);
    announcer.announce(alert('1'));
    announcer.announce({ ...alert('1'), repeated: { count: 4, first: 1, last: 2, events: [] } });
    expect(lines.map((line) => line.split(' ')[0])).to.deep.equal(['warn', 'debug']);
  });

  it('are summed up in one line a minute in a flood', () => {
    const { announcer, lines, clock, alert } = setUp(3);
    for (let index = 0; index < 500; index++) announcer.announce(alert(String(index)));
    expect(lines).to.have.length(3);
    clock.now = 59_999;
    announcer.tick();
    expect(lines).to.have.length(3);
    clock.now = 60_000;
    announcer.tick();
    expect(lines).to.have.length(4);
    expect(lines[3]).to.match(/^warn 497 more alerts within a minute \(497 warning\), most of them by \w+ \(497\)/);
    announcer.announce(alert('later'));
    expect(lines, 'the next minute has lines again').to.have.length(5);
  });
});
