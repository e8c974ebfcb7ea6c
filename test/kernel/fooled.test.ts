/** Known ways to mislead a sensor, each tried for real. */
import { statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { arch } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { fieldOf } from '../cases/matcher.ts';
import { observe, only, script, select, trigger, watching } from './support.ts';

const RACES = 10_000;
const scratchFile = (name: string, content = 'x') => {
  const file = join(watching().directory, name);
  writeFileSync(file, content);
  return file;
};

const lost = () => {
  const count = watching().sensor.counters.events().get('file_open');
  return (count?.lost_ring_full ?? 0) + (count?.lost_scratch ?? 0);
};

describe('not fooled by', function () {
  this.timeout(120_000);

  it(`a thread that changes the path during open: ${RACES} races`, async () => {
    const harmless = scratchFile('harmless');
    const [a, b] = [harmless, scratchFile('a_secret')];
    const names = new Map([a, b].map((file) => [statSync(file).ino, file]));
    const before = lost();
    const { events, output, code } = await observe(trigger('race_open'), [a, b, String(RACES)]);
    expect(code).to.equal(0);
    const opened = output.trim().split('\n').map(Number);
    const seen = select(events, { 'event.type': 'file_open', 'event.error': '' }).filter((event) =>
      names.has(Number(fieldOf(event, 'file.inode'))),
    );
    expect(opened).to.have.length(RACES);
    if (seen.length === RACES) expect(seen.map((event) => fieldOf(event, 'file.inode'))).to.deep.equal(opened);
    // On a machine that is busy otherwise the ring can be full: then what is missing was counted.
    expect(RACES - seen.length).to.be.at.most(lost() - before);
    const wrong = seen.filter(
      (event) => names.get(Number(fieldOf(event, 'file.inode'))) !== fieldOf(event, 'file.path'),
    );
    expect(wrong).to.have.length(0);
    for (const inode of names.keys()) expect(opened, 'both were opened').to.include(inode);
  });

  it('a thread that changes the address during connect: 2000 races', async () => {
    const { events, output } = await observe(trigger('race_connect'), ['40001', '40002', '2000']);
    const connected = output.trim().split('\n').map(Number);
    const seen = select(events, { 'event.type': 'net_conn', 'network.transport': 'udp' });
    expect(seen.map((event) => fieldOf(event, 'network.destination.port'))).to.deep.equal(connected);
    for (const port of [40001, 40002]) expect(connected).to.include(port);
  });

  it('a 32-bit system call in a 64-bit program', async () => {
    // The instruction is of x86 only; other architectures have no second table in a 64-bit program.
    if (arch() !== 'x64') return;
    const file = scratchFile('compat');
    const { events, code, signal } = await observe(trigger('int80'), [file]);
    // Some hypervisors and ia32_emulation=0 refuse the instruction: then nobody can use it.
    if (signal === 'SIGSEGV') return;
    expect(code).to.equal(0);
    const event = only(events, { 'event.type': 'file_open', 'file.path': file });
    expect(fieldOf(event, 'event.source')).to.equal('syscall32');
    expect(fieldOf(event, 'event.syscall')).to.equal('openat');
  });

  it('io_uring', async () => {
    const [opened, removed] = [scratchFile('uring-opened'), scratchFile('uring-removed')];
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const { events, code } = await observe(trigger('uring_fooled'), [opened, removed, String(port)]);
    server.close();
    expect(code).to.equal(0);
    only(events, { 'event.type': 'io_uring_setup', 'event.error': '' });
    only(events, { 'event.type': 'file_open', 'file.path': opened, 'event.source': 'io_uring' });
    only(events, { 'event.type': 'file_unlink', 'file.path': removed, 'event.source': 'io_uring' });
    only(events, { 'event.type': 'net_conn', 'network.destination.port': port });
  });

  it('names in pages that were never touched', async () => {
    const file = scratchFile('cold-opened');
    const names = scratchFile('names', file.padEnd(4096, '\0') + '/bin/true'.padEnd(4096, '\0'));
    const { events, code } = await observe(trigger('cold_page'), [names]);
    expect(code).to.equal(0);
    only(events, { 'event.type': 'file_open', 'file.path': file });
    const exec = only(events, { 'event.type': 'process_exec', 'process.name': 'true' });
    expect(fieldOf(exec, 'process.args')).to.deep.equal(['cold']);
  });

  it('a false argv[0] and a false task name', async () => {
    const { events } = await script(
      `exec -a '[kworker/1:0]' /bin/bash -c 'printf systemd > /proc/self/comm; read -r name < /etc/hostname'`,
    );
    const event = only(events, { 'event.type': 'file_open', 'file.path': '/etc/hostname' });
    expect(fieldOf(event, 'process.comm')).to.equal('systemd');
    expect(fieldOf(event, 'process.path')).to.match(/\/bash$/);
    expect(fieldOf(event, 'process.name')).to.equal('bash');
    expect((fieldOf(event, 'process.args') as string[])[0]).to.equal('[kworker/1:0]');
  });

  it('16 KiB of arguments with what matters at the end', async () => {
    const { events } = await script(`/bin/true $(head -c 16384 /dev/zero | tr '\\0' a) --payload=evil`);
    const event = only(events, { 'event.type': 'process_exec', 'process.name': 'true' });
    const args = fieldOf(event, 'process.args') as string[];
    expect(args[0]).to.equal('/bin/true');
    expect(args.at(-1)).to.equal('--payload=evil');
    expect(fieldOf(event, 'event.truncated')).to.equal(true);
    expect(String(fieldOf(event, 'process.command_line')).length).to.be.within(12_000, 16_500);
  });

  it('programs that live some 200 µs, started by fork and vfork', async () => {
    const { events } = await observe(trigger('short_life'), ['200', trigger('exit_now')]);
    const execs = select(events, { 'event.type': 'process_exec', 'process.name': 'exit_now' });
    expect(execs).to.have.length(200);
    for (const event of execs) {
      expect(fieldOf(event, 'process.args')).to.deep.equal(['brief']);
      expect(fieldOf(event, 'process.parent.name')).to.equal('short_life');
      expect(fieldOf(event, 'event.incomplete')).to.equal(false);
    }
    expect(select(events, { 'event.type': 'process_exit', 'process.name': 'exit_now' })).to.have.length(200);
  });

  it('a pid that is used again', async () => {
    const [first, second] = [scratchFile('first'), scratchFile('second')];
    const { events, output, code } = await observe(trigger('pid_reuse'), [first, second]);
    expect(code).to.equal(0);
    const pid = Number(output);
    const ids = [first, second].map((path) => {
      const opens = select(events, { 'event.type': 'file_open', 'process.pid': pid, 'file.path': path });
      expect(opens.length, path).to.be.greaterThan(0);
      return fieldOf(opens.at(-1), 'process.entity_id');
    });
    expect(ids[0]).not.to.equal(ids[1]);
    for (const event of select(events, { 'process.pid': pid }))
      expect(fieldOf(event, 'event.incomplete')).to.equal(false);
  });
});
