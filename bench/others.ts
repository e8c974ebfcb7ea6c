/**
 * What a user might run instead, where this machine has it: strace and bpftrace
 * counting system calls, the audit system with a usual set of rules (where auditd
 * runs), and Falco with its own rules (its program is given). Each is put beside the
 * workload and taken away again.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { eventually } from '../test/e2e/support/daemon.ts';

/** How a workload is run. */
export interface Way {
  /** The command that runs it. */
  readonly wrap?: readonly string[];
  /** That part of its operations is enough. */
  readonly share?: number;
}

interface Other {
  readonly name: string;
  beside(): Promise<{ readonly way: Way; end(): unknown }>;
}

const has = (program: string) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
const KEY = 'bpfwarden-bench';
const AUDITED = [
  ['-S', 'execve,execveat', '-S', 'connect', '-S', 'unlink,unlinkat,rename,renameat,renameat2'],
  ['-S', 'open,openat,creat', '-F', 'exit=-EACCES'],
  ['-S', 'open,openat', '-F', 'path=/etc/shadow'],
];

/** A program that is ready once it says so, until it is ended. */
async function running(command: string, args: readonly string[], ready: RegExp) {
  const child: ChildProcess = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      if (said.length < 65_536) said += chunk.toString();
    });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const end = async () => {
    child.kill('SIGTERM');
    await exited;
  };
  try {
    await eventually(`${command} is ready`, () => {
      if (child.exitCode !== null) throw new Error(`${command} ended: ${said}`);
      return ready.test(said) || undefined;
    });
  } catch (error) {
    await end();
    throw error;
  }
  return { way: {}, end };
}

const STRACE: Other = {
  name: 'strace -c',
  beside: async () => ({
    way: { wrap: ['strace', '-f', '-c', '-o', '/dev/null'], share: 0.05 },
    end: () => undefined,
  }),
};

const TRACEPOINT = 'tracepoint:raw_syscalls:sys_exit';
const BPFTRACE: Other = {
  name: 'bpftrace',
  beside: () =>
    running(
      'bpftrace',
      ['-B', 'line', '-e', 'tracepoint:raw_syscalls:sys_exit { @[args->id] = count(); }'],
      /Attaching|Attached/,
    ),
};

const AUDIT: Other = {
  name: 'auditd',
  async beside() {
    for (const rule of AUDITED)
      execFileSync('auditctl', ['-a', 'always,exit', '-F', 'arch=b64', ...rule, '-k', KEY], { stdio: 'ignore' });
    return { way: {}, end: () => execFileSync('auditctl', ['-D', '-k', KEY], { stdio: 'ignore' }) };
  },
};

function auditRuns(): boolean {
  if (!has('auditctl')) return false;
  const { stdout } = spawnSync('auditctl', ['-s'], { encoding: 'utf8' });
  return /^pid [1-9]/m.test(stdout) && /^enabled 1/m.test(stdout);
}

/** It needs the kernel's tracing file system, which is not mounted everywhere. */
function traces(): boolean {
  return has('bpftrace') && spawnSync('bpftrace', ['-l', TRACEPOINT], { encoding: 'utf8' }).stdout.includes(TRACEPOINT);
}

/** Those that this machine has. */
export function others(falco: string | undefined): readonly Other[] {
  return [
    ...(has('strace') ? [STRACE] : []),
    ...(traces() ? [BPFTRACE] : []),
    ...(auditRuns() ? [AUDIT] : []),
    ...(falco === undefined
      ? []
      : [
          {
            name: 'Falco',
            beside: () => running(falco, ['-o', 'engine.kind=modern_ebpf'], /Opening '|event source/),
          },
        ]),
  ];
}
