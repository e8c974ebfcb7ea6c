import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { fieldOf } from '../cases/matcher.ts';
import { observe, only, type Run, script, select, trigger, watching } from './support.ts';

const NET = fileURLToPath(new URL('../triggers/net.py', import.meta.url));
const net = (name: string, ...args: string[]): Promise<Run> => observe('python3', [NET, name, ...args]);
const numbers = (output: string): number[] => output.trim().split(/\s+/).map(Number);

describe('network events', function () {
  this.timeout(60_000);
  before(() => watching());

  for (const [family, version, address] of [
    ['ipv4', 'ipv4', '127.0.0.1'],
    ['ipv6', 'ipv6', '::1'],
    ['mapped', 'ipv4', '127.0.0.1'],
  ] as const) {
    it(`a TCP connection over ${family} is reported at both ends, its close with bytes`, async () => {
      const { output, events, code } = await net('tcp', family);
      expect(code).to.equal(0);
      const [client = 0, server = 0] = numbers(output);
      only(events, { 'event.type': 'net_listen', 'network.source.port': server, 'network.source.ip': address });
      const ends = {
        'network.transport': 'tcp',
        'network.family': version,
        'network.source.ip': address,
        'network.source.port': client,
        'network.destination.ip': address,
        'network.destination.port': server,
      };
      const connect = only(events, { 'event.type': 'net_conn', ...ends });
      expect(fieldOf(connect, 'network.direction')).to.equal('outbound');
      expect(fieldOf(connect, 'event.unverified')).to.equal(false);
      expect(fieldOf(connect, 'event.error')).to.equal('');
      const accept = only(events, { 'event.type': 'net_accept', ...ends });
      expect(fieldOf(accept, 'network.direction')).to.equal('inbound');
      const mine = only(events, { 'event.type': 'net_close', 'network.source.port': client });
      expect(fieldOf(mine, 'network.direction')).to.equal('outbound');
      expect(fieldOf(mine, 'network.bytes_sent')).to.equal(1000);
      expect(fieldOf(mine, 'network.bytes_received')).to.equal(10);
      const other = only(events, { 'event.type': 'net_close', 'network.source.port': server });
      expect(fieldOf(other, 'network.direction')).to.equal('inbound');
      expect(fieldOf(other, 'network.bytes_sent')).to.equal(10);
      expect(fieldOf(other, 'network.bytes_received')).to.equal(1000);
      expect(Number(fieldOf(other, 'network.duration'))).to.be.within(0.015, 5);
    });
  }

  it('a refused connection is one event, with both ports and the reason', async () => {
    const { events, output } = await net('refused');
    expect(output.trim().split('\n')).to.deep.equal(['ECONNREFUSED', 'ECONNREFUSED']);
    const refused = select(events, { 'event.type': 'net_conn' });
    expect(refused.map((event) => fieldOf(event, 'event.error'))).to.deep.equal(['ECONNREFUSED', 'ECONNREFUSED']);
    for (const event of refused) {
      expect(fieldOf(event, 'network.destination.port')).to.equal(1);
      expect(Number(fieldOf(event, 'network.source.port'))).to.be.above(0);
      expect(fieldOf(event, 'event.unverified')).to.equal(false);
    }
  });

  it('a connection that the kernel never began shows what was asked for', async () => {
    // A network namespace without a route to anywhere.
    const { events, output } = await script(`unshare -n python3 ${NET} unreachable`);
    expect(output.trim()).to.equal('ENETUNREACH');
    const event = only(events, { 'event.type': 'net_conn' });
    expect(fieldOf(event, 'event.error')).to.equal('ENETUNREACH');
    expect(fieldOf(event, 'event.unverified')).to.equal(true);
    expect(fieldOf(event, 'network.destination.ip')).to.equal('203.0.113.1');
    expect(fieldOf(event, 'network.destination.port')).to.equal(443);
  });

  it('a peer that never answers is reported while the connect still waits', async () => {
    const { events, output } = await net('silent');
    const [port = 0] = numbers(output);
    expect(output).to.contain('TimeoutError');
    const event = only(events, { 'event.type': 'net_conn', 'event.error': 'EINPROGRESS' });
    expect(fieldOf(event, 'network.destination.port')).to.equal(port);
    expect(Number(fieldOf(event, 'network.source.port'))).to.be.above(0);
    expect(fieldOf(event, 'process.name')).to.equal('python3');
  });

  it('UDP is reported when bound, connected, and at the first send to an address', async () => {
    const { events, output } = await net('udp');
    const [server = 0, connected = 0, free = 0] = numbers(output);
    only(events, { 'event.type': 'net_listen', 'network.transport': 'udp', 'network.source.port': server });
    only(events, {
      'event.type': 'net_conn',
      'network.transport': 'udp',
      'network.source.port': connected,
      'network.destination.port': server,
    });
    const send = only(events, {
      'event.type': 'net_send',
      'network.source.port': free,
      'network.destination.ip': '127.0.0.1',
      'network.destination.port': server,
    });
    expect(fieldOf(send, 'event.unverified')).to.equal(false);
    only(events, { 'event.type': 'net_send', 'network.family': 'ipv6', 'network.destination.ip': '::1' });
    only(events, {
      'event.type': 'net_send',
      'network.family': 'ipv4',
      'network.destination.ip': '127.0.0.1',
      'network.destination.port': 5354,
    });
    expect(select(events, { 'event.type': 'net_send' })).to.have.length(3);
  });

  it('40 processes that send one datagram each to one peer are 40 events, also where a socket’s memory is used again', async () => {
    const { events } = await net('udp_each', '40');
    const sends = select(events, { 'event.type': 'net_send', 'network.destination.port': 9876 });
    expect(new Set(sends.map((event) => fieldOf(event, 'process.pid'))).size).to.equal(40);
    expect(sends).to.have.length(40);
  });

  it('raw, packet and vsock sockets are reported, netlink is not', async () => {
    const { events } = await net('raw');
    const kinds = select(events, { 'event.type': 'socket_raw' }).map((event) => [
      fieldOf(event, 'network.family'),
      fieldOf(event, 'socket.type'),
      fieldOf(event, 'socket.protocol'),
    ]);
    expect(kinds).to.deep.equal([
      ['ipv4', 'raw', 1],
      ['packet', 'raw', 3],
      ['vsock', 'stream', 0],
    ]);
  });

  it('a socket that becomes standard input or output is reported with its peer', async () => {
    const { events, output } = await net('dup');
    const [client = 0, server = 0] = numbers(output);
    const dups = select(events, { 'event.type': 'socket_dup' });
    expect(dups.map((event) => fieldOf(event, 'socket.fd'))).to.deep.equal([0, 1]);
    for (const event of dups) {
      expect(fieldOf(event, 'network.source.port')).to.equal(client);
      expect(fieldOf(event, 'network.destination.port')).to.equal(server);
    }
  });

  /** In a mount namespace of its own, in which 127.0.0.1 is the name server. */
  const withResolver = (command: string) =>
    script(`echo nameserver 127.0.0.1 > resolv.conf
      unshare -m sh -c 'mount --bind resolv.conf "$(readlink -f /etc/resolv.conf)" && ${command}'`);

  it('DNS answers give destinations their names, however they were received', async () => {
    const { events } = await withResolver(`python3 ${NET} dns`);
    const names = select(events, { 'event.type': 'net_conn', 'network.destination.port': 9 }).map((event) =>
      fieldOf(event, 'network.destination.hostname'),
    );
    expect(names).to.deep.equal(['a.example.test', 'b.example.test', 'c.example.test', 'd.example.test']);
  });

  it('but not the destinations of others, nor by a server that nobody has configured', async () => {
    const { events } = await withResolver(`(python3 ${NET} dns); python3 ${NET} reach 127.0.0.11`);
    const [other] = select(events, { 'event.type': 'net_conn', 'network.destination.ip': '127.0.0.11' }).slice(-1);
    expect(fieldOf(other, 'process.args')).to.include('reach');
    expect(fieldOf(other, 'network.destination.hostname')).to.equal(undefined);
    const forged = await script(`echo nameserver 192.0.2.1 > resolv.conf
      unshare -m sh -c 'mount --bind resolv.conf "$(readlink -f /etc/resolv.conf)" && python3 ${NET} dns'`);
    const names = select(forged.events, { 'event.type': 'net_conn', 'network.destination.port': 9 }).map((event) =>
      fieldOf(event, 'network.destination.hostname'),
    );
    expect(names).to.deep.equal([undefined, undefined, undefined, undefined]);
  });

  for (const transport of ['tcp', 'udp']) {
    it(`a thread that swaps the address during connect (${transport}) never has the wrong one reported: 10,000 races`, async () => {
      // In pieces, so that a slow machine keeps up: what was reported is compared event by event.
      const hit = new Set<string | undefined>();
      for (let piece = 0; piece < 25; piece++) {
        const { events, output } = await observe(trigger('connect_race'), [transport, '400']);
        const real = output.trim().split('\n');
        for (const line of real) hit.add(line.split(' ')[1]);
        const reported = select(events, { 'event.type': 'net_conn' }).map(
          (event) => `${fieldOf(event, 'network.source.port')} ${fieldOf(event, 'network.destination.port')}`,
        );
        expect(reported).to.deep.equal(real);
        expect(real).to.have.length(400);
      }
      expect(hit.size, 'both ports of each piece were hit').to.be.above(25);
    });
  }

  it('a connect by io_uring is reported without a system call of its own', async () => {
    const { events, output } = await observe(trigger('uring_single'), ['connect', '127.0.0.1', '9']);
    expect(output.trim()).to.equal('-111');
    const event = only(events, { 'event.type': 'net_conn' });
    expect(fieldOf(event, 'network.destination.port')).to.equal(9);
    expect(fieldOf(event, 'event.error')).to.equal('ECONNREFUSED');
    expect(fieldOf(event, 'event.source')).to.equal('io_uring');
  });

  it('a port that io_uring listens at is reported', async () => {
    const { events, output } = await observe(trigger('uring_single'), ['listen', '127.0.0.1', '45454']);
    expect(output.trim()).to.equal('0');
    const event = only(events, { 'event.type': 'net_listen' });
    expect(fieldOf(event, 'network.source.port')).to.equal(45454);
    expect(fieldOf(event, 'event.source')).to.equal('io_uring');
  });

  it('a datagram that io_uring sends is reported', async () => {
    const { events, output } = await observe(trigger('uring_single'), ['udp', '127.0.0.1', '4242']);
    expect(output.trim()).to.equal('0');
    const event = only(events, { 'event.type': 'net_conn' });
    expect(fieldOf(event, 'network.transport')).to.equal('udp');
    expect(fieldOf(event, 'network.destination.ip')).to.equal('127.0.0.1');
    expect(fieldOf(event, 'network.destination.port')).to.equal(4242);
    expect(fieldOf(event, 'event.source')).to.equal('io_uring');
    expect(fieldOf(event, 'event.unverified')).to.equal(false);
  });

  it('a blocked address answers EPERM until it is free again', async () => {
    const child = spawn(process.execPath, [
      ...['--import', 'tsx', fileURLToPath(new URL('./block.ts', import.meta.url))],
      trigger('ways'),
    ]);
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    await new Promise((resolve) => child.on('close', resolve));
    expect(text.trim().split('\n')).to.deep.equal([
      'before: connected, sent',
      'blocked: EPERM, EPERM',
      'other port: ECONNREFUSED, all',
      'all ports: EPERM, ',
      'expired: connected, sent',
    ]);
  });
});
