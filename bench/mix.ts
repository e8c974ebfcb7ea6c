/** The benchmark's events: records of a mix of kinds of which no rule matches any, and what decodes and enriches them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultConfig } from '../src/config/load.ts';
import { Enricher } from '../src/enrich/enricher.ts';
import { Host } from '../src/enrich/host.ts';
import { Procfs } from '../src/enrich/procfs.ts';
import { Users } from '../src/enrich/users.ts';
import { BatchDecoder } from '../src/schema/batch.ts';
import type { LiveView } from '../src/schema/view.ts';
import { drained, ipv4, LAYOUT, record, type Values } from '../test/schema/records.ts';

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

export interface Source {
  /** Moves the records on in time, as if they happened after those of the last round. */
  advance(): void;
  decode(): readonly LiveView[];
}

/** Frames begin with the record's length and zero, and lie at multiples of 8; the time is at byte 8 of a record. */
export function sourceOf(records: readonly Buffer[], renew = false): Source {
  const { buffer, bulkBytes, priorityBytes } = drained(records);
  const decoder = new BatchDecoder(LAYOUT, buffer, host);
  const data = new DataView(buffer);
  const bytes = Buffer.from(buffer);
  let starts = 0;
  const span = BigInt(records.length) * 5_000n;
  return {
    advance() {
      for (let at = 0; at < bulkBytes + priorityBytes; at += 8 + ((data.getUint32(at, true) + 7) & ~7)) {
        data.setBigUint64(at + 16, data.getBigUint64(at + 16, true) + span, true);
        if (renew && data.getUint32(at + 8, true) === EXEC) {
          // The last text of a start is its working directory, /srv.
          const end = at + 8 + data.getUint32(at, true);
          bytes.write((++starts % 46_656).toString(36).padStart(3, '0'), end - 3, 'latin1');
        }
      }
    },
    decode: () => decoder.decode(bulkBytes, priorityBytes),
  };
}
for (const view of sourceOf(Array.from({ length: PROCESSES + 1 }, (_, at) => execOf(99 + at))).decode()) {
  enricher.enrich(view);
}
export const source = sourceOf(mix());
/** The same, but no start is like one of before: each has a working directory of its own. */
export const newSource = () => sourceOf(mix(), true);

/** CPU time of this process, milliseconds: what others do on the machine is not in it, but for the caches. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
