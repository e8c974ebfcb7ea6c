/** Executables that are many programs. */
import { baseName } from '../paths.ts';
import { canonicalName } from './names.ts';

interface MultiCall {
  /** Names that are other programs; without it every name is one, and an unknown one is refused by the program. */
  readonly names?: ReadonlySet<string>;
  /** Called by its own name, its first argument names the program. */
  readonly verb: boolean;
  /** Such a first argument that is the program under another name: `kmod list` is lsmod. */
  readonly verbs?: Readonly<Record<string, string>>;
}

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '));

const ANY: MultiCall = { verb: true };
const MULTI_CALL: Readonly<Record<string, MultiCall>> = {
  busybox: ANY,
  toybox: ANY,
  coreutils: ANY,
  'xtables-nft-multi': ANY,
  'xtables-legacy-multi': ANY,
  'xtables-multi': ANY,
  dropbearmulti: ANY,
  kmod: {
    names: words('lsmod insmod rmmod modprobe modinfo depmod'),
    verb: false,
    verbs: { list: 'lsmod', load: 'modprobe', unload: 'rmmod', insert: 'insmod', remove: 'rmmod' },
  },
  systemctl: { names: words('halt poweroff reboot shutdown telinit runlevel init'), verb: false },
  systemd: { names: words('init'), verb: false },
  sudo: { names: words('sudoedit'), verb: false },
  pgrep: { names: words('pkill pidwait'), verb: false },
  skill: { names: words('snice'), verb: false },
  killall5: { names: words('pidof'), verb: false },
  at: { names: words('atq atrm batch'), verb: false },
  newgrp: { names: words('sg'), verb: false },
  unzip: { names: words('zipinfo'), verb: false },
  xz: { names: words('unxz xzcat lzma unlzma lzcat'), verb: false },
  bzip2: { names: words('bunzip2 bzcat'), verb: false },
  zstd: { names: words('unzstd zstdcat zstdmt'), verb: false },
  mke2fs: { names: words('mkfs.ext2 mkfs.ext3 mkfs.ext4'), verb: false },
  e2fsck: { names: words('fsck.ext2 fsck.ext3 fsck.ext4'), verb: false },
  tune2fs: { names: words('e2label findfs'), verb: false },
  lvm: {
    names: words(
      'lvchange lvcreate lvextend lvreduce lvremove lvs pvcreate pvremove pvs vgchange vgcreate vgremove vgs',
    ),
    verb: false,
  },
};

const NAME = /^[A-Za-z0-9[][A-Za-z0-9._+-]*$/;

/**
 * The program that a multi-call executable runs as; undefined for any other
 * executable, and where it is called by its own name without one. `name` is
 * the executable's, whatever it is called now.
 */
export function appletOf(name: string, args: readonly string[] | undefined): string | undefined {
  const own = canonicalName(name);
  const multi = MULTI_CALL[own];
  if (multi === undefined || args === undefined) return undefined;
  const called = baseName(args[0] ?? '').replace(/^-/, '');
  if (multi.names !== undefined) {
    if (multi.names.has(called)) return called;
    return multi.verbs === undefined ? undefined : multi.verbs[args[1] ?? ''];
  }
  for (const arg of args) {
    const named = /^--coreutils-prog(?:-shebang)?=(.+)$/.exec(arg)?.[1];
    if (own === 'coreutils' && named !== undefined) return baseName(named.split(' ')[0] ?? '');
  }
  if (canonicalName(called) !== own && !called.startsWith('xtables') && NAME.test(called)) return called;
  const verb = args.slice(1).find((arg) => !arg.startsWith('-'));
  return multi.verb && verb !== undefined && NAME.test(baseName(verb)) ? baseName(verb) : undefined;
}
