import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import { eventsPage, schemaSource } from '../../scripts/generate-schema.ts';
import { BatchDecoder } from '../../src/schema/batch.ts';
import { FIELD_NAMES, type FieldName, kindHasField } from '../../src/schema/fields.ts';
import { KINDS } from '../../src/schema/kinds.ts';
import { RECORD_FLAGS } from '../../src/schema/readers/flags.ts';
import { id, recordFromJson } from '../../src/schema/record.ts';
import { KIND_NUMBERS, SCHEMA_HASH } from '../../src/schema/schema.gen.ts';
import type { LiveView } from '../../src/schema/view.ts';
import { drained, frames, ipv4, LAYOUT, record, type Values } from './records.ts';

/** The one view of one record. */
function one(kind: string, values: Values): LiveView {
  const { buffer, bulkBytes, priorityBytes } = drained([record(kind, values)]);
  const decoder = new BatchDecoder(LAYOUT, buffer);
  const [view] = decoder.decode(bulkBytes, priorityBytes);
  if (view === undefined) throw new Error(`no view: ${JSON.stringify(decoder.errors)}`);
  return view;
}
const value = (kind: string, values: Values, field: FieldName) => one(kind, values).value(id(field));

describe('live views', () => {
  it('has what is generated from the object', async () => {
    const written = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
    expect(LAYOUT.hash).to.equal(SCHEMA_HASH, 'run npm run generate');
    expect(written('src/schema/schema.gen.ts')).to.equal(schemaSource(LAYOUT));
    expect(written('docs/events.md')).to.equal(await eventsPage());
    expect(Object.keys(KINDS)).to.deep.equal(Object.keys(KIND_NUMBERS));
    for (const [kind, { struct }] of Object.entries(KINDS))
      expect(LAYOUT.kinds.get(kind)?.struct, kind).to.equal(struct);
  });

  it('have what is known of their variant', () => {
    const variants = new Map<number, unknown>();
    for (const shape of new BatchDecoder(LAYOUT, new ArrayBuffer(8)).shapes) {
      if (shape === undefined) continue;
      for (const result of [0, -2, -5000]) {
        for (const flags of [0, RECORD_FLAGS.CREATED]) {
          const opens = shape.readers[id('file.access')] !== undefined;
          const sends = shape.layout.struct === 'net_event';
          const ways = opens ? [0, 1, 2, 3, 0o100, 0o10000000] : sends ? [1, 6, 17, 136] : [0];
          for (const way of ways) {
            const how = opens ? { open_flags: way } : sends ? { transport: way } : {};
            const view = one(shape.kind, { 'header.result': result, 'header.flags': flags, ...how });
            const known = [...view.variantValues()];
            expect(known.map(([field]) => view.value(field))).to.deep.equal(known.map(([, has]) => has));
            expect(view.variant()).to.be.within(0, 16 * 256);
            const of = { kind: shape.kind, known };
            if (variants.has(view.variant())) expect(of).to.deep.equal(variants.get(view.variant()));
            variants.set(view.variant(), of);
          }
        }
      }
    }
    expect(variants.size).to.be.greaterThan(100);
  });

  it('gives the bytes of a path, where they alone are its value', () => {
    const path = { path: '/srv/é', new_path: '/srv/new' };
    const textOf = (view: LiveView, name: FieldName) => {
      const span = view.span(id(name));
      return span && Buffer.from(span.bytes.subarray(span.at, span.at + span.length)).toString();
    };
    const renamed = one('file_rename', path);
    expect(textOf(renamed, 'file.path')).to.equal(renamed.value(id('file.path')));
    expect(textOf(renamed, 'file.new_path')).to.equal(renamed.value(id('file.new_path')));
    expect(textOf(one('file_open', {}), 'file.path')).to.equal(undefined);
    const passed = one('file_unlink', { path: 'x', base: '/srv', 'header.flags': RECORD_FLAGS.UNVERIFIED });
    expect(textOf(passed, 'file.path')).to.equal(undefined);
    expect(passed.value(id('file.path'))).to.equal('/srv/x');
    expect(textOf(renamed, 'process.name')).to.equal(undefined);
  });

  it('gives the bytes of a path that was passed only where there is nothing to resolve', () => {
    const part = fc.constantFrom('etc', 'proc', 'self', 'root', '1', '.', '..', '...', '.ssh', '', 'é', 'a.b');
    const path = fc
      .tuple(fc.boolean(), fc.array(part, { minLength: 1, maxLength: 6 }))
      .map(([rooted, parts]) => `${rooted ? '/' : ''}${parts.join('/')}`);
    let given = 0;
    fc.assert(
      fc.property(path, fc.constantFrom('', '', '', '/srv', null), path, (text, base, next) => {
        const flags = { 'header.flags': RECORD_FLAGS.UNVERIFIED };
        const view = one('file_rename', { path: text, base, new_path: next, new_base: base, ...flags });
        const process = { hostNamespaces: true, pid: 1 } as never;
        view.process = process;
        for (const name of ['file.path', 'file.new_path'] as const) {
          const span = view.span(id(name));
          if (span === undefined) continue;
          given++;
          const bytes = Buffer.from(span.bytes.subarray(span.at, span.at + span.length)).toString();
          expect(bytes).to.equal(view.value(id(name)));
        }
      }),
      { numRuns: 2000 },
    );
    expect(given).to.be.greaterThan(300);
  });

  it('knows the flags of the records', () => {
    const header = readFileSync(new URL('../../bpf/event_vocabulary.h', import.meta.url), 'utf8');
    const declared = [...header.matchAll(/RECORD_(\w+)\s*=\s*1 << (\d+)/g)].map(([, name, bit]) => [
      name,
      1 << Number(bit),
    ]);
    expect(Object.entries(RECORD_FLAGS)).to.deep.equal(declared);
  });

  it('has a reader for every field of every kind', () => {
    const decoder = new BatchDecoder(LAYOUT, new ArrayBuffer(8));
    // Only recorded events have them, or only some kinds of a group do; each with its reason.
    const without = (kind: string, name: FieldName): boolean =>
      (name === 'syscall.args' && LAYOUT.kinds.get(kind)?.struct !== 'call_event') ||
      /^file\.(sha256|md5)$/.test(name) ||
      (/^file\.(access|flags|created)$/.test(name) && !/^file_(open|create|read|write)$/.test(kind)) ||
      (name === 'file.bytes' && !/^file_(read|write|truncate)$/.test(kind)) ||
      (name.startsWith('network.') && (kind === 'net_dns' || /direction/.test(name)));
    for (const shape of decoder.shapes) {
      if (shape === undefined) continue;
      for (const [field, name] of FIELD_NAMES.entries()) {
        if (!kindHasField(shape.kind, name) || without(shape.kind, name)) continue;
        expect(shape.readers[field], `${shape.kind} ${name}`).to.be.a('function');
      }
    }
  });

  it('reads an open', () => {
    const view = one('file_open', {
      'header.time': 5_000_000_000n,
      'header.pid': 7,
      'header.tid': 8,
      'header.uid': 1000,
      'header.comm': 'cat',
      'header.syscall': 257,
      open_flags: 0o100 | 0o1000 | 1 | 0o100000,
      'file.inode': 42,
      'file.device': (8 << 20) | 1,
      'file.mode': 0o100644,
      path: '/etc/passwd.bak',
    });
    const fields = (names: FieldName[]) => names.map((name) => view.value(id(name)));
    expect(fields(['event.type', 'process.pid', 'process.tid', 'process.thread_leader', 'process.name'])).to.deep.equal(
      ['file_open', 7, 8, false, 'cat'],
    );
    expect(fields(['file.path', 'file.name', 'file.directory', 'file.extension'])).to.deep.equal([
      '/etc/passwd.bak',
      'passwd.bak',
      '/etc',
      'bak',
    ]);
    expect(view.value(id('file.flags'))).to.deep.equal(['O_WRONLY', 'O_CREAT', 'O_TRUNC']);
    expect(fields(['file.access', 'file.mode', 'file.device', 'file.inode'])).to.deep.equal([
      'write',
      '0644',
      '8:1',
      42,
    ]);
    expect(fields(['event.error', 'event.timestamp', 'event.source'])).to.deep.equal(['', 5, 'syscall']);
    expect(view.value(id('network.source.ip'))).to.equal(undefined);
  });

  it('joins a path that was passed to its directory, and shows errors', () => {
    const failed = { 'header.flags': 1, 'header.result': -13n, path: '../x//./y', base: '/home/u' };
    expect(value('file_open', failed, 'file.path')).to.equal('/home/x/y');
    expect(value('file_open', failed, 'event.error')).to.equal('EACCES');
    expect(value('file_open', failed, 'event.unverified')).to.equal(true);
    expect(value('file_open', failed, 'file.inode')).to.equal(undefined);
    expect(value('file_open', { 'header.flags': 4, path: null }, 'file.path')).to.equal(undefined);
    expect(value('file_open', { 'header.flags': 4, path: null }, 'event.unreadable')).to.equal(true);
  });

  it('reads a connection', () => {
    const view = one('net_conn', {
      family: 10,
      transport: 6,
      'source.ip': ipv4('10.0.0.1'),
      'source.port': 4000,
      'destination.ip': ipv4('8.8.8.8'),
      'destination.port': 443,
    });
    expect(view.snapshot().toJSON().network).to.deep.equal({
      transport: 'tcp',
      family: 'ipv4',
      direction: 'outbound',
      source: { ip: '10.0.0.1', port: 4000 },
      destination: { ip: '8.8.8.8', port: 443 },
    });
    const v6 = {
      family: 10,
      'destination.ip': [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
      'destination.port': 1,
    };
    expect(value('net_conn', v6, 'network.destination.ip')).to.equal('2001:db8::1');
    expect(value('net_conn', v6, 'network.source.ip')).to.equal(undefined);
    expect(value('net_listen', { family: 10, 'source.port': 80 }, 'network.source.ip')).to.equal('::');
  });

  it('names numbers', () => {
    expect(value('kill', { argument: [5, 9] }, 'signal.name')).to.equal('SIGKILL');
    expect(value('process_ptrace', { argument: [16] }, 'ptrace.request')).to.equal('PTRACE_ATTACH');
    expect(value('capset', { new_effective: 1n << 21n }, 'capabilities.after')).to.deep.equal(['CAP_SYS_ADMIN']);
    expect(value('unshare', { argument: [0x10020000] }, 'namespaces.flags')).to.deep.equal([
      'CLONE_NEWNS',
      'CLONE_NEWUSER',
    ]);
    expect(value('mount', { argument: [0, 0, 0, 0x1000] }, 'mount.flags')).to.deep.equal(['MS_BIND']);
    expect(value('mprotect_exec', { argument: [0, 4096, 7] }, 'memory.protection')).to.have.length(3);
    expect(value('setuid', { old_uid: 0xffffffff, new_uid: 0 }, 'credentials.old_uid')).to.equal(undefined);
    expect(value('reboot', { argument: [0xfee1deadn, 0xffffffffffffffffn] }, 'syscall.args')).to.include(
      '0xffffffffffffffff',
    );
  });

  it('merges both rings by time and reuses its views', () => {
    const at = (kind: string, time: number) => record(kind, { 'header.time': BigInt(time) });
    const { buffer, bulkBytes, priorityBytes } = drained([
      at('file_open', 3),
      at('file_open', 1),
      at('process_exec', 1),
      at('process_exit', 4),
      at('net_conn', 5),
    ]);
    const decoder = new BatchDecoder(LAYOUT, buffer);
    const batch = decoder.decode(bulkBytes, priorityBytes);
    expect(batch.map((view) => [view.kind, view.ktime])).to.deep.equal([
      ['process_exec', 1],
      ['file_open', 1],
      ['file_open', 3],
      ['process_exit', 4],
      ['net_conn', 5],
    ]);
    const first = batch[1];
    expect(decoder.decode(bulkBytes, 0)).to.have.length(3);
    expect(decoder.decode(bulkBytes, 0)).to.include(first);
  });

  it('snapshots survive the buffer and read back the same', () => {
    const view = one('file_rename', { 'header.result': 0n, path: '/a/b', new_path: '/a/ü', 'header.comm': 'mv' });
    const taken = view.snapshot();
    view.buffer.bytes.fill(0);
    expect(taken.value(id('file.new_path'))).to.equal('/a/ü');
    const json = JSON.parse(JSON.stringify(taken));
    const again = recordFromJson(json, '1');
    for (const field of FIELD_NAMES.keys()) {
      if (taken.value(field) !== undefined)
        expect(again.value(field), FIELD_NAMES[field]).to.deep.equal(taken.value(field));
    }
  });
});

describe('broken records', () => {
  const good = record('file_open', { path: '/etc/shadow' });
  const buffer = new ArrayBuffer(4096);
  const decoder = new BatchDecoder(LAYOUT, buffer);
  const errorsOf = (bytes: Buffer, length = bytes.length) => {
    Object.assign(decoder.errors, { truncated: 0, corrupt: 0, unknown_kind: 0 });
    Buffer.from(buffer).fill(0).set(bytes);
    const batch = decoder.decode(length, 0);
    for (const view of batch) JSON.stringify(view.snapshot());
    return { ...decoder.errors, taken: batch.length };
  };
  const changed = (change: (bytes: Buffer) => void) => {
    const bytes = Buffer.from(good);
    change(bytes);
    return frames([bytes, good]);
  };

  it('are counted by what is wrong and leave the others', () => {
    expect(errorsOf(frames([good, good]))).to.deep.equal({ truncated: 0, corrupt: 0, unknown_kind: 0, taken: 2 });
    expect(errorsOf(changed((bytes) => bytes.writeUInt32LE(999, 0)))).to.include({ unknown_kind: 1, taken: 1 });
    expect(errorsOf(changed((bytes) => bytes.writeUInt32LE(good.length + 8, 4)))).to.include({
      truncated: 1,
      taken: 1,
    });
    expect(errorsOf(changed((bytes) => bytes.writeUInt32LE(good.length - 1, 4)))).to.include({ corrupt: 1, taken: 1 });
    const text = LAYOUT.kinds.get('file_open')?.members.get('path')?.offset ?? 0;
    expect(errorsOf(changed((bytes) => bytes.writeUInt16LE(60000, text)))).to.include({ corrupt: 1, taken: 1 });
    expect(errorsOf(changed((bytes) => bytes.writeUInt16LE(4, text)))).to.include({ corrupt: 1, taken: 1 });
    expect(errorsOf(frames([good, Buffer.alloc(4)]))).to.include({ truncated: 1, taken: 1 });
    expect(errorsOf(frames([good, good]), frames([good]).length + 20)).to.include({ truncated: 1, taken: 1 });
  });

  it('never crash the decoder', () => {
    const whole = frames([good, record('net_conn'), record('process_exec', { args: 'a\0b\0' }), record('kill')]);
    const flips = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 12 });
    fc.assert(
      fc.property(flips, fc.nat(whole.length), (changes, cut) => {
        const bytes = Buffer.from(whole.subarray(0, cut));
        for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
        errorsOf(bytes);
      }),
      { numRuns: 300 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => void errorsOf(Buffer.from(bytes))));
  });
});
