/** What rules with action = "block" must refuse, and what is tried against them. */
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import {
  chmodSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** For documentation (RFC 5737); the guest has no route to it. */
const ADDRESS = '198.51.100.7';
const PORT = 21099;
const EPERM = 1;

/** What the kernel must refuse by itself, from the first call on: by path, by directory, by port and by program. */
export const PREVENTED = '/tmp/prevented';
const BELOW = `${PREVENTED}/below`;
const PROGRAM = `${PREVENTED}/program`;
const TRUE = '/usr/bin/true';
const block = (name: string, condition: string) => ({ name, condition, risk_score: 0.9, action: 'block' });

const rules = {
  rules: [
    block('prevent_exec', `event.type == 'process_exec' && process.path == '${PROGRAM}'`),
    block('prevent_open', `event.type == 'file_open' && file.path == '${PREVENTED}/secret'`),
    block(
      'prevent_below',
      `event.type in ['file_open', 'file_unlink', 'file_rename', 'file_mkdir', 'file_chmod'] && file.path.startsWith('${BELOW}/')`,
    ),
    block('prevent_new_name', `event.type in ['file_rename', 'file_link'] && file.new_path.startsWith('${BELOW}/')`),
    block('prevent_user', `event.type == 'file_open' && file.path == '${PREVENTED}/users' && process.uid == 65534`),
    block(
      'prevent_program',
      `event.type == 'file_open' && file.path == '${PREVENTED}/programs' && process.path == '/usr/bin/busybox'`,
    ),
    block('prevent_port', `event.type == 'net_conn' && network.destination.port == ${PORT + 1}`),
    {
      name: 'kernel_block',
      condition: `event.type == 'net_conn' && network.destination.port == ${PORT}`,
      risk_score: 0.9,
      action: 'block',
    },
  ],
};

const connects = (port = PORT): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect(port, ADDRESS);
    socket.once('connect', () => {
      socket.destroy();
      resolve('connected');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });

async function datagram(): Promise<string> {
  const socket = createSocket('udp4');
  const result = await new Promise<string>((resolve) =>
    socket.send('x', PORT, ADDRESS, (error) => resolve((error as NodeJS.ErrnoException | null)?.code ?? 'sent')),
  );
  socket.close();
  return result;
}

const outcome = (act: () => unknown): string => {
  try {
    act();
    return 'done';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
};

/** Before the daemon runs: nothing of it could be made afterwards. */
function prepare(): void {
  mkdirSync(BELOW, { recursive: true });
  for (const name of ['secret', 'users', 'programs', 'below/kept', 'beside', 'loose'])
    writeFileSync(`${PREVENTED}/${name}`, 'x');
  copyFileSync(TRUE, PROGRAM);
  chmodSync(PROGRAM, 0o755);
  symlinkSync(`${PREVENTED}/secret`, `${PREVENTED}/alias`);
}

/** Each must answer EPERM at once; `allowed` must be done. In a process of its own: the daemon's ancestors are never refused anything. */
async function prevented(): Promise<{
  readonly refused: Record<string, string>;
  readonly allowed: Record<string, string>;
}> {
  const run = (program: string, ...args: string[]) => {
    const { error, status } = spawnSync(program, args);
    return (error as NodeJS.ErrnoException | undefined)?.code ?? (status === 0 ? 'done' : `status ${status}`);
  };
  const fastOpen = (port: number) =>
    spawnSync('/usr/bin/provoke', ['--fast-open', ADDRESS, String(port)]).status === EPERM ? 'EPERM' : 'done';
  const asNobody = (path: string) =>
    spawnSync(process.execPath, ['-e', `require('fs').readFileSync(${JSON.stringify(path)})`], {
      uid: 65534,
      gid: 65534,
    })
      .stderr.toString()
      .includes('EPERM')
      ? 'EPERM'
      : 'done';
  return {
    refused: {
      port: await connects(PORT + 1),
      fast_open: fastOpen(PORT + 1),
      exec: run(PROGRAM),
      open: outcome(() => readFileSync(`${PREVENTED}/secret`)),
      link: outcome(() => readFileSync(`${PREVENTED}/alias`)),
      magic: outcome(() => readFileSync(`/proc/self/root${PREVENTED}/secret`)),
      below: outcome(() => readFileSync(`${BELOW}/kept`)),
      create: outcome(() => writeFileSync(`${BELOW}/new`, 'x')),
      unlink: outcome(() => unlinkSync(`${BELOW}/kept`)),
      rename: outcome(() => renameSync(`${BELOW}/kept`, `${PREVENTED}/moved`)),
      rename_into: outcome(() => renameSync(`${PREVENTED}/beside`, `${BELOW}/came`)),
      link_into: outcome(() => linkSync(`${PREVENTED}/beside`, `${BELOW}/linked`)),
      mkdir: outcome(() => mkdirSync(`${BELOW}/directory`)),
      chmod: outcome(() => chmodSync(`${BELOW}/kept`, 0o600)),
      user: asNobody(`${PREVENTED}/users`),
      program: run('cat', `${PREVENTED}/programs`) === 'done' ? 'done' : 'EPERM',
    },
    allowed: {
      fast_open: fastOpen(PORT + 2) === 'EPERM' ? 'EPERM' : 'done',
      exec: run(TRUE),
      rename: outcome(() => renameSync(`${PREVENTED}/loose`, `${PREVENTED}/loosened`)),
      beside: outcome(() => readFileSync(`${PREVENTED}/beside`)),
      user: outcome(() => readFileSync(`${PREVENTED}/users`)),
      program: outcome(() => readFileSync(`${PREVENTED}/programs`)),
      nobody: asNobody(`${PREVENTED}/beside`),
    },
  };
}

const MOST_ROUNDS = 30;

/** The first connect makes the alert; once it is out the others find the address blocked. */
async function provoke(): Promise<Record<string, readonly string[]>> {
  const tcp = [await connects()];
  while (tcp.length < MOST_ROUNDS && tcp.at(-1) !== 'EPERM') {
    await sleep(2000);
    tcp.push(await connects());
  }
  return { connect: tcp, datagram: [await datagram()] };
}

/** This file as a program: what is tried, as JSON. */
function preventedElsewhere(): string {
  const args = ['--disable-warning=ExperimentalWarning', import.meta.filename, 'prevented'];
  return spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout;
}
if (process.argv[2] === 'prevented') console.log(JSON.stringify(await prevented()));

export const enforce = { rules, prepare, provoke, preventedElsewhere };
