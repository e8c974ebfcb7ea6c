import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { formatProblem, type Problem, WardenError } from '../../src/errors.ts';
import { readRecording } from '../../src/recording.ts';

describe('replay', () => {
  const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-replay-'));
  const file = join(directory, 'events.ndjson');
  after(() => rmSync(directory, { recursive: true }));
  const read = async (text: string | Buffer) => {
    writeFileSync(file, text);
    const problems: Problem[] = [];
    const events = [];
    for await (const event of readRecording(file, (problem) => problems.push(problem))) events.push(event);
    return { events, problems: problems.map(formatProblem) };
  };

  it('gives every event and names the lines that are none', async () => {
    const { events, problems } = await read(
      '\ufeff{"event":{"type":"process_exec","id":"a"}}\r\n\n{"broken\n[1]\n{"event_type":"net_conn","pid":"x"}',
    );
    expect(events.map(({ kind, id }) => [kind, id])).to.deep.equal([
      ['process_exec', 'a'],
      ['net_conn', '5'],
    ]);
    expect(problems).to.have.length(3);
    expect(problems[0]).to.match(new RegExp(`^${file}:3: not valid JSON: `));
    expect(problems[1]).to.equal(`${file}:4: an event is a JSON object`);
    expect(problems[2]).to.equal(`${file}:5: pid is not a int`);
  });

  it('passes over a line without end', async () => {
    const long = Buffer.alloc(17 << 20, 'x');
    const { events, problems } = await read(Buffer.concat([long, Buffer.from('\n{"event":{"type":"kill"}}\n')]));
    expect(events.map(({ kind, id }) => [kind, id])).to.deep.equal([['kill', '2']]);
    expect(problems).to.deep.equal([`${file}:1: longer than ${16 << 20} bytes`]);
  });

  it('keeps characters that lie across two chunks, and line separators inside texts', async () => {
    const name = `${'ü'.repeat(50_000)}\u2028x`;
    const { events } = await read(`{"process":{"name":"${name}"}}\n`);
    expect(events[0]?.toJSON().process).to.deep.equal({ name });
  });

  it('says what cannot be read', async () => {
    const absent = readRecording(join(directory, 'absent'), () => undefined);
    const failure = await absent.next().catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(WardenError).with.property('code', 'RECORDING_INVALID');
  });
});
