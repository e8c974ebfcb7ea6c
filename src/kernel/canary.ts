/**
 * What the sensor does to see itself: for each hook an operation of the daemon
 * that changes nothing and that the hook must see.
 */
import { chmodSync, linkSync, mkdirSync, openSync, renameSync, unlinkSync } from 'node:fs';
import { loadNative } from './native.ts';

/** What the operations name. */
export const CANARY = 'bpfwarden-canary';

interface Behaviour {
  /** The program whose work it is. */
  readonly program: string;
  /** Gives the process id of the child that it took. */
  readonly act: (path: string) => number;
}

const child = (kind: string, path: string): number => Math.max(0, loadNative().canary(kind, path));

/** Each fails: nothing has that name. */
function failing(program: string, act: (path: string) => unknown): Behaviour {
  return {
    program,
    act(path) {
      try {
        act(path);
      } catch {
        // ENOENT, as it should be.
      }
      return 0;
    },
  };
}

function native(kind: string, program: string): Behaviour {
  return { program, act: (path) => child(kind, path) };
}

/** By kind. What one operation does for other kinds is counted, too: the child of process_exec begins and ends. */
export const BEHAVIOURS: Readonly<Record<string, Behaviour>> = {
  file_open: failing('exit_open', (path) => openSync(path, 'r')),
  file_unlink: failing('exit_remove', unlinkSync),
  file_rename: failing('exit_rename', (path) => renameSync(path, `${path}-2`)),
  file_link: failing('exit_link', (path) => linkSync(path, `${path}-2`)),
  file_mkdir: failing('exit_make', mkdirSync),
  file_chmod: failing('exit_attribute', (path) => chmodSync(path, 0o600)),
  unix_connect: native('unix_connect', 'exit_unix'),
  process_exec: native('process_exec', 'exit_exec'),
  net_conn: native('net_conn', 'exit_inet'),
  net_listen: native('net_listen', 'exit_socket'),
  net_send: native('net_send', 'send_ipv4'),
  socket_create: native('socket_create', 'exit_socket'),
  memfd_create: native('memfd_create', 'exit_memory'),
  process_vm_read: native('process_vm_read', 'exit_trace'),
  setuid: native('setuid', 'exit_credential'),
  setns: native('setns', 'exit_namespace'),
  keyctl: native('keyctl', 'exit_kernel'),
  io_uring_setup: native('io_uring_setup', 'exit_uring'),
  personality: native('personality', 'exit_control'),
};

/** Kinds that another operation has as its consequence, with that operation's kind and the program that sees it. */
export const CONSEQUENCES: Readonly<Record<string, { readonly of: string; readonly program: string }>> = {
  process_fork: { of: 'process_exec', program: 'process_fork' },
  process_exit: { of: 'process_exec', program: 'process_exit' },
  kill: { of: 'process_exec', program: 'signal_sent' },
};
