import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { formatProblem, WardenError } from '../../src/errors.ts';
import { newReport, replay } from '../../src/kernel/replay.ts';

describe('replay', () => {
  const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-replay-'));
  after(() => rmSync(directory, { recursive: true }));
  const read = async (text: string | Buffer) => {
    const file = join(directory, 'events.ndjson');
    writeFileSync(file, text);
    const report = newReport();
    const events = [];
    for await (const event of replay(file, report)) events.push(event);
    return { events, report, file };
  };

  it('gives every event and names the lines that are none', async () => {
    const { events, report, file } = await read(
      '\ufeff{"event":{"type":"process_exec","id":"a"}}\r\n\n{"broken\n[1]\n{"event_type":"net_conn","pid":"x"}',
    );
    expect(events.map(({ kind, id }) => [kind, id])).to.deep.equal([
      ['process_exec', 'a'],
      ['net_conn', '5'],
    ]);
    expect(report).to.include({ lines: 5, events: 2, malformed: 2, misfits: 1 });
    const problems = report.problems.map(formatProblem);
    expect(problems).to.have.length(3);
    expect(problems[0]).to.match(new RegExp(`^${file}:3: `));
    expect(problems[1]).to.equal(`${file}:4: an event is a JSON object`);
    expect(problems[2]).to.equal(`${file}:5: pid is not a int`);
  });

  it('passes over a line without end in bounded memory', async () => {
    const long = Buffer.alloc(6 << 20, 'x');
    const { events, report } = await read(Buffer.concat([long, Buffer.from('\n{"event":{"type":"kill"}}\n')]));
    expect(events.map(({ kind, id }) => [kind, id])).to.deep.equal([['kill', '2']]);
    expect(report).to.include({ malformed: 1, events: 1 });
  });

  it('keeps characters that lie across two chunks', async () => {
    const name = 'ü'.repeat(50_000);
    const { events } = await read(`{"process":{"name":"${name}"}}\n`);
    expect(events[0]?.toJSON().process).to.deep.equal({ name });
  });

  it('says what cannot be read', async () => {
    const failure = await replay(join(directory, 'absent'))
      .next()
      .catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(WardenError).with.property('code', 'RECORDING_INVALID');
  });
});
