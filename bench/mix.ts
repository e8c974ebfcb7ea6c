/** The benchmark's events: records of a mix of kinds of which no rule matches any, and what decodes and enriches them. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { gunzipSync } from 'node:zlib';
import { LATE_FLAGS } from '../src/cli/lean.ts';
import { defaultConfig } from '../src/config/load.ts';
import { Enricher } from '../src/enrich/enricher.ts';
import { Host } from '../src/enrich/host.ts';
import { Procfs } from '../src/enrich/procfs.ts';
import { Users } from '../src/enrich/users.ts';
import { BatchDecoder } from '../src/schema/batch.ts';
import { RECORD_FLAGS } from '../src/schema/readers/flags.ts';
import type { LiveView } from '../src/schema/view.ts';
import { drained, ipv4, LAYOUT, record, type Values } from '../test/schema/records.ts';

// As the daemon runs.
setFlagsFromString(LATE_FLAGS);

export const EVENTS = 8_000;
const PROCESSES = 200;

/** The same numbers every time. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 4294967296) * below);
  };
}
const pick = generator(7);
const PROGRAMS = ['/usr/sbin/nginx', '/usr/bin/node', '/usr/lib/jvm/bin/java', '/usr/bin/make', '/usr/bin/git'];
const DIRECTORIES = [
  '/usr/lib/x86_64-linux-gnu',
  '/var/lib/app/data',
  '/srv/www/assets/images',
  '/proc/self',
  '/home/user/project/src/lib',
];

const EXTENSIONS = ['.so', '.json', '.js', '', '.py', '.html', '.css', '.png'];

const start = (pid: number) => BigInt(1_000_000 + pid);
let time = 1_000_000_000n;
function header(pid: number): Values {
  time += 5_000n;
  return {
    'header.time': time,
    'header.pid': pid,
    'header.tid': pid,
    'header.start_time': start(pid),
    'header.ppid': pid - 1,
    'header.uid': 33,
    'header.euid': 33,
  };
}

function execOf(pid: number): Buffer {
  const path = PROGRAMS[pid % PROGRAMS.length] ?? '';
  const name = path.slice(path.lastIndexOf('/') + 1);
  const args = [name, '--config', `/etc/${name}/${name}-${pid}.conf`, '--worker', String(pid)];
  return record('process_exec', {
    ...header(pid),
    path,
    filename: path,
    args: args.map((argument) => `${argument}\0`).join(''),
    cwd: '/srv',
    parent_start_time: start(pid - 1),
    'ns.mount': 1,
  });
}

/** 70 % opens, 15 % connections, 10 % renames and removals, 5 % program starts. */
function mix(): Buffer[] {
  return Array.from({ length: EVENTS }, () => {
    const pid = 100 + pick(PROCESSES);
    const place = pick(DIRECTORIES.length);
    const path = `${DIRECTORIES[place]}/${pick(5000)}/file-${pick(100_000)}${EXTENSIONS[pick(EXTENSIONS.length)]}`;
    const changed = { path: `/var/lib/app/data/${pick(5000)}/file-${pick(100_000)}.db` };
    const file = { path, 'file.inode': pick(1e6), 'file.mode': 0o100644 };
    const kind = pick(100);
    if (kind < 70) return record('file_open', { ...header(pid), ...file, open_flags: place === 1 ? pick(3) : 0 });
    if (kind < 85) {
      return record('net_conn', {
        ...header(pid),
        family: 2,
        transport: 6,
        'source.ip': ipv4('10.0.0.5'),
        'source.port': 32768 + pick(20000),
        'destination.ip': ipv4(`10.0.${pick(256)}.${pick(256)}`),
        'destination.port': [80, 443, 5432, 8080][pick(4)] ?? 80,
      });
    }
    if (kind < 90) return record('file_unlink', { ...header(pid), ...file, ...changed });
    if (kind < 95)
      return record('file_rename', { ...header(pid), ...file, ...changed, new_path: `${changed.path}.new` });
    return execOf(pid);
  });
}

const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-bench-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
writeFileSync(join(directory, 'passwd'), 'root:x:0:0::/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/sh\n');
const config = defaultConfig();
const host = new Host({
  hostName: 'bench',
  bootId: 'boot',
  dnsEntries: 16,
  toUnix: (ktime) => ktime / 1e9,
  users: new Users(join(directory, 'passwd')),
});
export const enricher = new Enricher({
  config,
  host,
  layout: LAYOUT,
  procfs: new Procfs(config.enrich.environment, directory),
});

const EXEC = LAYOUT.kinds.get('process_exec')?.number;
/** Records that come in one drain of the rings, about as many as in a flood. */
const DRAIN = 256;

export interface Source {
  readonly events: number;
  /**
   * Moves the records on in time, as if they happened after those of the last round, and gives their paths other
   * bytes: nothing may be known from the last round that the daemon would not know of what happens.
   */
  advance(): void;
  /** As the daemon has them: a drain is copied into the buffer, and its views are handled before the next one comes. */
  drains(): Iterable<readonly LiveView[]>;
}

/** Gives the bytes of a text others, in place. */
type Renew = (bytes: Buffer, at: number, length: number) => void;

/** The numbers in a path of the mix: as many digits, others. */
const renewNumbers: Renew = (bytes, at, length) => {
  const from = bytes.indexOf('/file-', at, 'latin1');
  if (from < 0 || from >= at + length) return;
  let digit = from - 1;
  while (isDigit(bytes[digit])) bytes[digit--] = 48 + pick(10);
  for (digit = from + 6; digit < at + length && isDigit(bytes[digit]); digit++) bytes[digit] = 48 + pick(10);
};

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 48 && byte < 58;

let rounds = 0;
/** The last letter: in a round equal paths stay equal. */
const renewEnd: Renew = (bytes, at, length) => {
  bytes[at + length - 1] = 97 + (rounds % 26);
};

/** Frames begin with the record's length and zero, and lie at multiples of 8; the time is at byte 8 of a record. */
export function sourceOf(records: readonly Buffer[], renew: Renew = renewNumbers, renewsStarts = false): Source {
  const parts = Array.from({ length: Math.ceil(records.length / DRAIN) }, (_, part) =>
    drained(records.slice(part * DRAIN, (part + 1) * DRAIN)),
  ).map((part) => ({ ...part, bytes: Buffer.from(part.buffer), data: new DataView(part.buffer) }));
  const buffer = new ArrayBuffer(Math.max(...parts.map(({ bytes }) => bytes.length)));
  const target = new Uint8Array(buffer);
  const decoder = new BatchDecoder(LAYOUT, buffer, host);
  const texts = new Map(
    [...LAYOUT.kinds.values()]
      .filter(({ struct }) => struct === 'file_event')
      .map(({ number, members }) => [number, ['path', 'new_path'].flatMap((name) => members.get(name)?.offset ?? [])]),
  );
  let starts = 0;
  const span = BigInt(records.length) * 5_000n;
  return {
    events: records.length,
    advance() {
      rounds++;
      for (const { bytes, data } of parts) {
        for (let at = 0; at < bytes.length; at += 8 + ((data.getUint32(at, true) + 7) & ~7)) {
          data.setBigUint64(at + 16, data.getBigUint64(at + 16, true) + span, true);
          for (const text of texts.get(data.getUint32(at + 8, true)) ?? []) {
            const length = data.getUint16(at + 8 + text + 2, true);
            if (length > 0) renew(bytes, at + 8 + data.getUint16(at + 8 + text, true), length);
          }
          if (renewsStarts && data.getUint32(at + 8, true) === EXEC) {
            // The last text of a start is its working directory, /srv.
            const end = at + 8 + data.getUint32(at, true);
            bytes.write((++starts % 46_656).toString(36).padStart(3, '0'), end - 3, 'latin1');
          }
        }
      }
    },
    *drains() {
      for (const { bytes, bulkBytes, priorityBytes } of parts) {
        target.set(bytes);
        yield decoder.decode(bulkBytes, priorityBytes);
      }
    },
  };
}
for (const views of sourceOf(Array.from({ length: PROCESSES + 1 }, (_, at) => execOf(99 + at))).drains()) {
  for (const view of views) enricher.enrich(view);
}
export const source = sourceOf(mix());
/** The same, but no start is like one of before: each has a working directory of its own. */
export const newSource = () => sourceOf(mix(), renewNumbers, true);

/** A recorded event, as recordings/README.md has it. */
interface Recorded {
  readonly kind: string;
  /** Microseconds. */
  readonly at: number;
  readonly pid: number;
  readonly ppid: number;
  readonly result: number;
  readonly path?: string;
  readonly new_path?: string;
  readonly flags?: number;
  readonly created?: boolean;
  readonly unverified?: boolean;
  readonly args?: readonly string[];
  readonly cwd?: string;
  readonly child?: number;
  readonly ip?: string;
  readonly port?: number;
}

/** Its processes are no others than those of the mix. */
const RECORDED_PIDS = 10_000;

function recordedRecord(one: Recorded): Buffer {
  const { kind, path, new_path, ip } = one;
  const pid = RECORDED_PIDS + one.pid;
  const flags = (one.created ? RECORD_FLAGS.CREATED : 0) | (one.unverified ? RECORD_FLAGS.UNVERIFIED : 0);
  const common = {
    ...header(pid),
    'header.ppid': RECORDED_PIDS + one.ppid,
    'header.result': one.result,
    'header.flags': flags,
  };
  if (kind === 'process_exec') {
    const args = (one.args ?? []).map((argument) => `${argument}\0`).join('');
    const texts = { path: path ?? '', filename: path ?? '', args, cwd: one.cwd ?? '' };
    return record(kind, { ...common, ...texts, parent_start_time: start(RECORDED_PIDS + one.ppid), 'ns.mount': 1 });
  }
  if (kind === 'process_fork') {
    const child = RECORDED_PIDS + (one.child ?? 0);
    return record(kind, { ...common, child_pid: child, child_start_time: start(child) });
  }
  if (kind.startsWith('net_')) {
    const address = ip?.includes('.') ? { 'destination.ip': ipv4(ip), 'destination.port': one.port ?? 0 } : {};
    return record(kind, { ...common, family: 2, transport: 6, 'source.ip': ipv4('127.0.0.1'), ...address });
  }
  if (!kind.startsWith('file_')) return record(kind, common);
  const file = { path: path ?? '', ...(new_path === undefined ? {} : { new_path }) };
  return record(kind, { ...common, ...file, open_flags: one.flags ?? 0, 'file.inode': 7, 'file.mode': 0o100644 });
}

/** What was recorded of a compilation, listings and a web server: the same programs open the same files again and again. */
export function recordedSource(): Source {
  const text = gunzipSync(readFileSync(join(import.meta.dirname, 'recordings', 'work.ndjson.gz'))).toString();
  const lines = text.split('\n').filter((line) => line !== '');
  return sourceOf(
    lines.map((line) => recordedRecord(JSON.parse(line) as Recorded)),
    renewEnd,
  );
}

/** CPU time of this process, milliseconds: what others do on the machine is not in it, but for the caches. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
