/** The 32-bit system call table, from a 64-bit program: calls that find their arguments in memory. */
import { arch } from 'node:process';
import { expect } from 'chai';
import { fieldOf, has } from '../cases/matcher.ts';
import { observe, only, type Run, select, trigger } from './support.ts';

/** Undefined where nobody can use the table: other architectures, ia32_emulation=0, some hypervisors. */
async function compat(...args: string[]): Promise<Run | undefined> {
  if (arch !== 'x64') return undefined;
  const run = await observe(trigger('socketcall'), args);
  if (run.signal === 'SIGSEGV') return undefined;
  expect(run.code, args.join(' ')).to.equal(0);
  return run;
}

describe('32-bit socketcall and mmap', function () {
  this.timeout(60_000);

  it('packet and raw sockets of 32-bit programs are reported as those of others', async () => {
    const packet = await compat('packet');
    if (packet === undefined) return;
    const event = only(packet.events, { 'event.type': 'socket_raw', 'network.family': 'packet' });
    expect(fieldOf(event, 'event.source')).to.equal('syscall32');
    expect(fieldOf(event, 'event.syscall')).to.equal('socket');
    const raw = await compat('raw');
    only(raw?.events ?? [], { 'event.type': 'socket_raw', 'network.family': 'ipv4', 'socket.protocol': 1 });
  });

  it('a 32-bit server is reported from bind to accept', async () => {
    const run = await compat('listen', '40771');
    if (run === undefined) return;
    only(run.events, { 'event.type': 'net_listen', 'network.source.port': 40771 });
    only(run.events, { 'event.type': 'net_accept', 'network.destination.port': 40771 });
  });

  it('a 32-bit client is reported with its destination', async () => {
    const connected = await compat('udp', '40772');
    if (connected === undefined) return;
    only(connected.events, {
      'event.type': 'net_conn',
      'network.transport': 'udp',
      'network.destination.port': 40772,
      'event.syscall': 'connect',
    });
    const sent = await compat('send', '40773');
    only(sent?.events ?? [], { 'event.type': 'net_send', 'network.destination.port': 40773 });
  });

  it('the old mmap that makes memory executable is reported', async () => {
    const run = await compat('mmap');
    if (run === undefined) return;
    const [event] = select(run.events, { 'event.type': 'mmap_exec', 'event.source': 'syscall32' });
    expect(fieldOf(event, 'memory.length')).to.equal(8192);
    expect(fieldOf(event, 'memory.anonymous')).to.equal(true);
    expect(fieldOf(event, 'event.unverified')).to.equal(true);
    expect(has('PROT_EXEC')(fieldOf(event, 'memory.protection'))).to.equal(true);
  });
});
