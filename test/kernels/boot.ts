/** Boots a kernel under QEMU, without a network, and brings back what the guest wrote. */
import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import type { Image } from './image.ts';
import { CACHE, type Kernel } from './packages.ts';

/** Drivers of the two disks, in the order of their needs: modules in Debian's kernels. */
const DRIVERS = [
  'virtio',
  'virtio_ring',
  'virtio_pci_legacy_dev',
  'virtio_pci_modern_dev',
  'virtio_pci',
  'virtio_mmio',
  'virtio_blk',
];
const RESULT_BYTES = 512 * 2 ** 20;

/** Finds the disk; the order of the drivers differs from kernel to kernel. */
const FIRST_STAGE = `#!/bin/sh
B=/bin/busybox
$B mount -t devtmpfs dev /dev; $B mount -t proc proc /proc; $B mount -t sysfs sys /sys
for pass in 1 2 3; do for m in /m/*.ko; do [ -e $m ] && $B insmod $m 2>/dev/null && $B rm $m; done; done
i=0; while [ ! -e /dev/vda ] && [ $i -lt 100 ]; do $B sleep 0.1; i=$((i+1)); done
$B mount -t ext4 /dev/vda /new || { echo "guest: no root"; $B sleep 1; $B poweroff -f; }
$B umount /proc; $B umount /sys; $B mount --move /dev /new/dev
exec $B switch_root /new /init
`;

function moduleFiles(directory: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const name = /^(.+)\.ko(?:\.(?:xz|zst|gz))?$/.exec(entry.name)?.[1];
    if (entry.isFile() && name !== undefined) found.set(name, join(entry.parentPath, entry.name));
  }
  return found;
}

const UNPACKERS: readonly (readonly [RegExp, string])[] = [
  [/\.xz$/, 'xz'],
  [/\.zst$/, 'zstd'],
  [/\.gz$/, 'gzip'],
];

function initramfs(kernel: Kernel, image: Image, stage: string): string {
  const tree = join(stage, 'tree');
  for (const directory of ['bin', 'dev', 'proc', 'sys', 'new', 'm'])
    mkdirSync(join(tree, directory), { recursive: true });
  copyFileSync(image.busybox, join(tree, 'bin/busybox'));
  chmodSync(join(tree, 'bin/busybox'), 0o755);
  symlinkSync('busybox', join(tree, 'bin/sh'));
  const modules = existsSync(join(kernel.directory, 'modules'))
    ? moduleFiles(join(kernel.directory, 'modules'))
    : new Map<string, string>();
  for (const [index, name] of DRIVERS.entries()) {
    const file = modules.get(name);
    if (file === undefined) continue; // built in
    const to = join(tree, 'm', `${10 + index}-${name}.ko`);
    const unpacker = UNPACKERS.find(([suffix]) => suffix.test(file))?.[1];
    if (unpacker === undefined) copyFileSync(file, to);
    else writeFileSync(to, execFileSync(unpacker, ['-dqc', file], { maxBuffer: 1 << 28 }));
  }
  writeFileSync(join(tree, 'init'), FIRST_STAGE);
  chmodSync(join(tree, 'init'), 0o755);
  const archive = join(stage, 'initramfs');
  execFileSync('sh', ['-c', `cd "$1" && find . | cpio -o -H newc --quiet > "$2"`, 'sh', tree, archive]);
  return archive;
}

/** Emulated unless asked otherwise: a KVM inside a virtual machine may be there and not work. */
function machine(
  { arch }: Kernel,
  kvm: boolean,
): { readonly program: string; readonly args: readonly string[]; readonly console: string } {
  const accel = kvm ? 'kvm' : 'tcg,thread=multi';
  return arch === 'amd64'
    ? {
        program: 'qemu-system-x86_64',
        args: ['-machine', 'q35', '-accel', accel, '-cpu', kvm ? 'host' : 'max'],
        console: 'ttyS0',
      }
    : {
        program: 'qemu-system-aarch64',
        args: ['-machine', 'virt', '-accel', accel, '-cpu', kvm ? 'host' : 'neoverse-n1'],
        console: 'ttyAMA0',
      };
}

export interface BootOptions {
  readonly cpus: number;
  /** What the guest is told on its command line. */
  readonly words: readonly string[];
  readonly milliseconds: number;
  readonly directory: string;
}

/** Boots and waits; what the guest wrote is in `directory` then, its console in console.txt. */
export async function boot(
  kernel: Kernel,
  image: Image,
  { cpus, words, milliseconds, directory }: BootOptions,
): Promise<void> {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const stage = mkdtempSync(join(CACHE, `run-${basename(directory)}-`));
  const console = openSync(join(directory, 'console.txt'), 'w');
  try {
    const result = join(stage, 'result.img');
    writeFileSync(result, '');
    truncateSync(result, RESULT_BYTES);
    const { program, args, console: tty } = machine(kernel, process.env.BPFWARDEN_KVM === '1');
    const disk = (id: string, file: string, more: string) => [
      '-drive',
      `file=${file},format=raw,if=none,id=${id},${more}`,
      '-device',
      `virtio-blk-pci,drive=${id}`,
    ];
    const child = spawn(
      program,
      [
        ...args,
        ...[
          '-m',
          '2048',
          '-smp',
          String(cpus),
          '-nic',
          'none',
          '-nodefaults',
          '-display',
          'none',
          '-serial',
          'stdio',
          '-no-reboot',
        ],
        ...['-kernel', join(kernel.directory, 'vmlinuz'), '-initrd', initramfs(kernel, image, stage)],
        ...['-append', `console=${tty} panic=-1 quiet loglevel=4 ${words.join(' ')}`],
        ...disk('a', image.root, 'snapshot=on'),
        ...disk('b', result, 'cache=unsafe'),
      ],
      { stdio: ['ignore', console, console] },
    );
    const timer = setTimeout(() => child.kill('SIGKILL'), milliseconds);
    const code = await new Promise<number | string>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (status, signal) => resolve(status ?? signal ?? 'unknown'));
    });
    clearTimeout(timer);
    if (code === 'SIGKILL')
      throw new Error(
        `the guest did not end within ${Math.round(milliseconds / 1000)} s; see ${directory}/console.txt`,
      );
    try {
      execFileSync('tar', ['xf', result, '-C', directory], { stdio: 'ignore' });
    } catch {
      throw new Error(`the guest brought nothing back (qemu ended with ${code}); see ${directory}/console.txt`);
    }
  } finally {
    closeSync(console);
    rmSync(stage, { recursive: true, force: true });
  }
}
