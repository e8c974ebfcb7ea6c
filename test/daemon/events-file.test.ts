/** Where events are written: what goes wrong with it is counted, and stops nothing. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { defaultConfig } from '../../src/config/load.ts';
import { EventsFile } from '../../src/daemon/events-file.ts';
import { WardenError } from '../../src/errors.ts';
import { execEvent, SILENT } from '../alerts/support/findings.ts';

describe('the events file', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpfwarden-events-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const fileAt = (path: string): EventsFile =>
    new EventsFile({ ...defaultConfig().output, events_file: path, rotate_bytes: 0 }, SILENT, (event) => event);
  const event = (id: string) => execEvent({ id, args: ['/tmp/x', 'y'.repeat(3000)] });
  const pipe = (): string => {
    const path = join(directory, 'pipe');
    execFileSync('mkfifo', [path]);
    return path;
  };

  it('has a line for each event', () => {
    const path = join(directory, 'events.ndjson');
    const events = fileAt(path);
    for (const id of ['1', '2']) events.add(event(id));
    events.close();
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).event.id)).to.deep.equal(['1', '2']);
  });

  it('on a device that fails: counted, and events go on', () => {
    const events = fileAt('/proc/self/mem'); // EIO at its beginning, where nothing is mapped
    for (let round = 1; round <= 3; round++) {
      events.add(event('1'));
      events.add(event('2'));
      events.flush();
      expect(events.failed).to.equal(2 * round);
    }
    events.close();
  });

  it('a pipe that nobody reads is an error at once', () => {
    const path = pipe();
    expect(() => fileAt(path))
      .to.throw(WardenError)
      .with.property('message')
      .that.contains('ENXIO');
  });

  it('a pipe that is full is counted, and the line after it is whole', () => {
    const path = pipe();
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const events = fileAt(path);
    for (let index = 0; events.failed === 0; index++) {
      events.add(event(String(index)));
      events.flush();
    }
    const buffer = Buffer.alloc(1 << 20);
    const read = (): string => buffer.toString('utf8', 0, readSync(reader, buffer));
    let text = read();
    events.add(event('last'));
    events.flush();
    text += read();
    const lines = text.trimEnd().split('\n');
    expect(JSON.parse(lines.at(-1) ?? '').event.id).to.equal('last');
    for (const line of lines.slice(0, -2)) JSON.parse(line);
    expect(events.failed).to.equal(1);
    events.close();
    closeSync(reader);
  });
});
