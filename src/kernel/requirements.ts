import { existsSync, readFileSync } from 'node:fs';
import { WardenError } from '../errors.ts';
import { capabilityMask, effectiveCapabilities } from './capabilities.ts';

const LOCKDOWN = '/sys/kernel/security/lockdown';

/** Whether what the kernel says of itself there (`none integrity [confidentiality]`) keeps BPF programs from reading its memory. */
function isLockedDown(text: string): boolean {
  return text.includes('[confidentiality]');
}

/** Throws NO_BTF, NOT_ROOT, LOCKED_DOWN or NOT_BUILT with a sentence that says what to do, before anything is tried. */
export function checkPrivileges(objectPath: string): void {
  if (!existsSync('/sys/kernel/btf/vmlinux')) {
    throw new WardenError(
      'NO_BTF',
      'this kernel has no /sys/kernel/btf/vmlinux: it was built without CONFIG_DEBUG_INFO_BTF, which bpfwarden needs (Linux 5.15 or newer of a current distribution has it)',
    );
  }
  const held = effectiveCapabilities();
  const has = (...names: string[]) => (capabilityMask(names) & ~held) === 0n;
  if (!has('CAP_SYS_ADMIN') && !has('CAP_BPF', 'CAP_PERFMON')) {
    throw new WardenError(
      'NOT_ROOT',
      'loading BPF programs needs root, or the capabilities CAP_BPF and CAP_PERFMON; start it as root or by the systemd unit in packaging/',
    );
  }
  if (existsSync(LOCKDOWN) && isLockedDown(readFileSync(LOCKDOWN, 'utf8'))) {
    throw new WardenError(
      'LOCKED_DOWN',
      `this kernel is locked down for confidentiality (${LOCKDOWN}): it lets no BPF program read its memory, and events are made of what lies there; boot it with lockdown=integrity instead, with which everything works`,
    );
  }
  if (!existsSync(objectPath)) {
    throw new WardenError('NOT_BUILT', `${objectPath} does not exist: run \`npm run build\``);
  }
}

/** Where cgroup programs attach: the root of the version 2 hierarchy, undefined when it is not mounted. */
export function cgroupRoot(): string | undefined {
  for (const line of readFileSync('/proc/self/mounts', 'utf8').split('\n')) {
    const [, directory, type] = line.split(' ');
    if (type === 'cgroup2' && directory !== undefined) return directory;
  }
  return undefined;
}
