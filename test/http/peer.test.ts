import { expect } from 'chai';
import { socketOwner } from '../../src/http/peer.ts';

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const row = (own: string, other: string, uid: number) =>
  `   0: ${own} ${other} 01 00000000:00000000 00:00000000 00000000  ${uid}        0 12345 1 0000000000000000 20 4 30 10 -1\n`;

describe('the owner of a connection', () => {
  it('is found by both of its ends', () => {
    const table =
      HEAD +
      row('0100007F:2505', '0100007F:C350', 0) +
      row('0100007F:C350', '0100007F:2505', 1000) +
      row('0100007F:C351', '0100007F:2505', 7);
    expect(socketOwner(table, '127.0.0.1', 50_000, 9477)).to.equal(1000);
    expect(socketOwner(table, '127.0.0.1', 50_001, 9477)).to.equal(7);
    expect(socketOwner(table, '127.0.0.2', 50_000, 9477)).to.equal(undefined);
    expect(socketOwner(table, '127.0.0.1', 50_000, 9478)).to.equal(undefined);
  });

  it('is found for IPv6, and for IPv4 over a socket of both', () => {
    const one = HEAD + row('00000000000000000000000001000000:C350', '00000000000000000000000001000000:2505', 33);
    expect(socketOwner(one, '::1', 50_000, 9477)).to.equal(33);
    const mapped = HEAD + row('0000000000000000FFFF00000100007F:C350', '0000000000000000FFFF00000100007F:2505', 34);
    expect(socketOwner(mapped, '127.0.0.1', 50_000, 9477)).to.equal(34);
    expect(socketOwner(mapped, '::ffff:127.0.0.1', 50_000, 9477)).to.equal(34);
  });
});
