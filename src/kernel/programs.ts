import type { Config } from '../config/options.ts';

/** What switches a program on: `response` programs change what processes get and are loaded only for enforcement. */
export type ProgramGroup = 'always' | 'process' | 'network' | 'filesystem' | 'response';

const FILE_FAMILIES = [
  'open',
  'read',
  'write',
  'remove',
  'rename',
  'link',
  'make',
  'attribute',
  'access',
  'ioctl',
  'copy',
];
const NETWORK_FAMILIES = ['socket', 'send', 'receive', 'connect', 'dup'];

/** The group of a program of the object, by its name: exit_FAMILY, or what it hooks. */
export function programGroup(name: string): ProgramGroup {
  const family = /^exit_(.+)$/.exec(name)?.[1];
  if (family !== undefined) {
    if (FILE_FAMILIES.includes(family)) return 'filesystem';
    if (NETWORK_FAMILIES.includes(family)) return 'network';
    return family === 'exec' || family === 'mmap' || family === 'ioctl' ? 'always' : 'process';
  }
  if (name.startsWith('block_')) return 'response';
  if (name.startsWith('socket_') || name.startsWith('send_')) return 'network';
  if (['sys_exit', 'process_exec', 'process_fork', 'process_exit', 'process_seed', 'rate_sweep'].includes(name))
    return 'always';
  return 'process';
}

/** Whether the configuration wants a program. */
export function programWanted(name: string, config: Pick<Config, 'monitoring' | 'response'>): boolean {
  switch (programGroup(name)) {
    case 'always':
      return true;
    case 'process':
      return config.monitoring.enable_process;
    case 'network':
      return config.monitoring.enable_network;
    case 'filesystem':
      return config.monitoring.enable_filesystem;
    case 'response':
      return config.response.enforce;
  }
}

/** `open` for program exit_open: its place in exit_handlers is enumerator FAMILY_OPEN. */
export function exitFamily(program: string): string | undefined {
  return /^exit_(.+)$/.exec(program)?.[1]?.toUpperCase();
}

/** What a program stands in for: `uring_submit` for `uring_submit__sqe`, the same hook under the name that other kernels have for it. */
export function programBase(name: string): string {
  return name.replace(/__.*$/, '');
}

/** Iterators run once when asked and attach to nothing. */
export function isIterator({ section }: { readonly section: string }): boolean {
  return section.startsWith('iter/');
}
