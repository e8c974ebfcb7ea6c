/** Connections, datagrams and files by ways that few programs take are the events that the usual ways are. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { EventJson } from '../../src/schema/event.ts';
import { fieldOf } from '../cases/matcher.ts';
import { freePort } from '../e2e/support/daemon.ts';
import { observe, only, script, trigger } from './support.ts';

/** Undefined where this kernel cannot do it. */
async function ways(how: string, what: string): Promise<readonly EventJson[] | undefined> {
  const { events, code } = await observe(trigger('ways'), [how, what]);
  expect(code, how).to.be.oneOf([0, 3]);
  return code === 0 ? events : undefined;
}

describe('ways that few programs take', function () {
  this.timeout(60_000);

  for (const [how, kind] of [
    ['fastopen', 'net_conn'],
    ['fastopen_connect', 'net_conn'],
    ['uring_fastopen', 'net_conn'],
    ['any', 'net_conn'],
    ['pktinfo', 'net_send'],
    ['disconnected', 'net_send'],
    ['mapped', 'net_send'],
    ['zero_copy', 'net_send'],
    ['zero_copy_message', 'net_send'],
  ] as const)
    it(`${kind}, where a program goes to a peer by ${how}`, async () => {
      const port = await freePort();
      const events = await ways(how, String(port));
      if (events === undefined) return; // This kernel cannot: nobody can do it here.
      const gone = only(events, { 'event.type': kind, 'network.destination.port': port });
      expect(fieldOf(gone, 'network.destination.ip')).to.equal('127.0.0.1');
      expect(fieldOf(gone, 'network.family')).to.equal('ipv4');
      expect(fieldOf(gone, 'event.unverified')).to.equal(false);
    });

  for (const how of ['unusual_ring', 'message', 'install'])
    it(`a file that is opened and read by ${how}`, async () => {
      const { directory } = await script('true');
      const path = join(directory, 'secret');
      writeFileSync(path, 'x');
      const events = await ways(how, path);
      if (events === undefined) return; // This kernel cannot: nobody can do it here.
      only(events, { 'event.type': 'file_open', 'file.path': path, 'event.source': 'io_uring' });
      if (how !== 'unusual_ring') only(events, { 'event.type': 'file_read', 'file.path': path });
    });
});
