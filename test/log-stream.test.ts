import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { LogStream } from '../src/log-stream.ts';
import { eventually } from './e2e/support/daemon.ts';

describe('the log, where nobody reads it', () => {
  it('holds nobody up, says how many lines it dropped, and goes on', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-log-'));
    const path = join(directory, 'reader');
    let reader: Socket | undefined;
    const server = createServer((socket) => {
      reader = socket.pause();
    });
    try {
      await new Promise<void>((resolve) => server.listen(path, resolve));
      const writer = connect(path);
      await new Promise((resolve) => writer.once('connect', resolve));
      const end = await eventually('the reader', () => reader);
      const { fd } = (writer as unknown as { _handle: { fd: number } })._handle;
      const log = new LogStream(fd, (message) => `said: ${message}`);
      const line = 'x'.repeat(99);
      // Far more than a socket and the stream hold: this would never come back.
      for (let at = 0; at < 50_000; at++) log.write(`${at} ${line}\n`);
      let text = '';
      end.on('data', (data: Buffer) => {
        text += data.toString();
      });
      end.resume();
      const said = await eventually('what was dropped', () => /^said: (\d+) lines/m.exec(text) ?? undefined);
      log.write('last\n');
      await eventually('the last line', () => text.endsWith('last\n') || undefined);
      const lines = text.split('\n').filter((one) => one.endsWith(line));
      expect(lines.map((one) => Number.parseInt(one, 10))).to.deep.equal(lines.map((_, at) => at));
      expect(lines.length + Number(said[1])).to.equal(50_000);
      writer.destroy();
    } finally {
      reader?.destroy();
      server.close();
      rmSync(directory, { recursive: true });
    }
  });
});
