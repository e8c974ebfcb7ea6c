import { type Case, has, modeWith, reads, writes } from './matcher.ts';

const exec = (fields: Case['expect'][number]) => ({ 'event.type': 'process_exec', ...fields });
const open = (fields: Case['expect'][number]) => ({ 'event.type': 'file_open', ...fields });
const unlink = (fields: Case['expect'][number]) => ({ 'event.type': 'file_unlink', ...fields });

/**
 * Behaviour of Atomic Red Team tests for Linux, by scripts of our own that
 * change nothing that stays: system files are only read, or a file of our own
 * is made beside them and removed.
 */
export const ATOMICS: readonly Case[] = [
  {
    id: 'T1003.007-1',
    what: "another process's memory is read",
    script:
      'sleep 5 & p=$!; cat /proc/$p/maps > /dev/null; dd if=/proc/$p/mem of=$D/dump bs=1 count=1 skip=1 2> /dev/null; kill $p',
    expect: [
      open({ 'file.path': /^\/proc\/\d+\/maps$/, 'file.access': reads }),
      open({ 'file.path': /^\/proc\/\d+\/mem$/, 'process.name': 'dd' }),
    ],
  },
  {
    id: 'T1003.008-5',
    what: '/etc/shadow by shell builtins',
    script: 'while read -r line; do :; done < /etc/shadow',
    expect: [open({ 'file.path': '/etc/shadow', 'process.name': 'bash' })],
  },
  {
    id: 'T1027-1',
    what: 'a script is decoded and run',
    script: 'echo IyEvYmluL3NoCmVjaG8gaGkK | base64 -d > $D/art.sh; chmod +x $D/art.sh; $D/art.sh > /dev/null',
    expect: [
      exec({ 'process.name': 'base64' }),
      { 'event.type': 'file_chmod', 'file.path': /art\.sh$/, 'file.mode': modeWith(0o111) },
      exec({ 'process.name': 'art.sh' }),
    ],
  },
  {
    id: 'T1030-1',
    what: 'a file is split',
    script: 'head -c 100000 /dev/zero > $D/big; cd $D; split -b 20000 big',
    expect: [
      exec({ 'process.name': 'split' }),
      { 'event.type': 'file_create', 'file.name': 'xaa' },
      { 'event.type': 'file_create', 'file.name': 'xae' },
    ],
  },
  {
    id: 'T1033-2',
    what: 'who and users',
    script: 'users; who > /dev/null',
    expect: [exec({ 'process.name': 'users' }), exec({ 'process.name': 'who' })],
  },
  {
    id: 'T1036.004-3',
    what: 'a process renames itself',
    script: '$call prctl-name totally_legit',
    expect: [{ 'event.type': 'process_rename', 'process.new_name': 'totally_legit' }],
  },
  {
    id: 'T1040-12',
    what: 'a raw packet socket',
    script: '$call packet-socket',
    expect: [{ 'event.type': 'socket_raw', 'network.family': 'packet' }],
  },
  {
    id: 'T1048.003-8',
    what: 'an HTTP server of Python',
    // Until it listens, however slow the machine is: the limit is that of every script.
    script:
      '$PYTHON -um http.server 0 > $D/log 2>&1 & until grep -q "port [1-9]" $D/log; do sleep 0.1; done; sleep 1; kill $!; wait',
    expect: [{ 'event.type': 'net_listen', 'network.source.ip': '0.0.0.0', 'process.args': has('http.server') }],
  },
  {
    id: 'T1053.003-1',
    what: 'a crontab is replaced by a rename',
    script: 'mkdir -p $D/var/spool/cron/crontabs; echo x > $D/tmp.1; mv $D/tmp.1 $D/var/spool/cron/crontabs/root',
    expect: [
      { 'event.type': 'file_rename', 'file.new_path': /\/var\/spool\/cron\/crontabs\/root$/, 'file.path': /tmp\.1$/ },
    ],
  },
  {
    id: 'T1053.003-3',
    what: 'a file in /etc/cron.d',
    script: 'mkdir -p /etc/cron.d; f=/etc/cron.d/bpfwarden-$$; echo "# nothing" > $f; rm $f',
    expect: [
      open({ 'file.directory': '/etc/cron.d', 'file.access': writes }),
      { 'event.type': 'file_create', 'file.directory': '/etc/cron.d' },
    ],
  },
  {
    id: 'T1055.009-3',
    what: "another process's memory is opened for writing",
    script: 'sleep 5 & p=$!; $call open-rdwr /proc/$p/mem; kill $p',
    expect: [open({ 'file.path': /^\/proc\/\d+\/mem$/, 'file.access': 'read_write' })],
  },
  {
    id: 'T1059.004-9',
    what: 'base64 -d into bash',
    script: 'echo ZWNobyBoaQo= | base64 -d | /bin/bash > /dev/null',
    expect: [exec({ 'process.name': 'base64', 'process.args': has('-d') }), exec({ 'process.path': /\/bash$/ })],
  },
  {
    id: 'T1059.004-14',
    what: 'awk starts a shell',
    script: `awk 'BEGIN {system("/bin/sh -c true")}'`,
    expect: [
      exec({
        'process.name': 'sh',
        'process.ancestors': (value) =>
          Array.isArray(value) && value.some((entry) => /awk/.test(String((entry as { path?: string }).path))),
      }),
    ],
  },
  {
    id: 'T1070.003-1',
    what: 'bash history is removed',
    script: ': > $D/.bash_history; rm $D/.bash_history',
    expect: [unlink({ 'file.name': '.bash_history' })],
  },
  {
    id: 'T1070.003-5',
    what: 'bash history is truncated',
    script: 'echo x > $D/.bash_history; truncate -s0 $D/.bash_history',
    expect: [
      open({ 'file.name': '.bash_history', 'process.name': 'truncate', 'file.access': writes }),
      { 'event.type': 'file_truncate', 'file.name': '.bash_history' },
    ],
  },
  {
    id: 'T1070.004-3',
    what: 'shred',
    script: 'echo x > $D/victim; shred -u $D/victim',
    expect: [
      exec({ 'process.name': 'shred' }),
      { 'event.type': 'file_rename', 'process.name': 'shred' },
      unlink({ 'process.name': 'shred' }),
    ],
  },
  {
    id: 'T1082-25',
    what: 'kernel modules are listed',
    script: 'ln -s /bin/cat $D/lsmod; $D/lsmod /proc/modules > /dev/null || true',
    expect: [exec({ 'process.name': 'lsmod', 'process.path': /\/cat$/ }), open({ 'file.path': '/proc/modules' })],
  },
  {
    id: 'T1087.001-1',
    what: '/etc/passwd by cat',
    script: 'cat /etc/passwd > $D/out',
    expect: [open({ 'file.path': '/etc/passwd', 'process.name': 'cat' })],
  },
  {
    id: 'T1098.004-1',
    what: 'authorized_keys is rewritten',
    script: 'mkdir $D/.ssh; echo x > $D/.ssh/authorized_keys; echo y > $D/.ssh/authorized_keys',
    expect: [open({ 'file.path': /\/\.ssh\/authorized_keys$/, 'file.flags': has('O_TRUNC'), 'process.name': 'bash' })],
  },
  {
    id: 'T1222.002-11',
    what: 'chmod, fchmod, fchmodat without chmod(1)',
    script: ': > $D/x; $call chmods $D/x',
    expect: [
      { 'event.type': 'file_chmod', 'file.path': /\/x$/, 'event.syscall': 'fchmod' },
      { 'event.type': 'file_chmod', 'event.syscall': 'chmod' },
      { 'event.type': 'file_chmod', 'event.syscall': 'fchmodat' },
    ],
  },
  {
    id: 'T1489-4',
    what: 'systemctl stop',
    script: 'ln -s /bin/true $D/systemctl; $D/systemctl stop cron',
    expect: [
      exec({ 'process.name': 'systemctl', 'process.command_line': /stop cron/ }),
      { 'event.type': 'process_exit', 'process.name': 'systemctl', 'process.exit_code': 0 },
    ],
  },
  {
    id: 'T1518.001-4',
    what: 'security software is looked for',
    script: 'echo x | grep -E "falcon|nessus|osquery" || true',
    expect: [exec({ 'process.name': 'grep', 'process.command_line': /falcon/ })],
  },
  {
    id: 'T1543.002-1',
    what: 'a unit file is written',
    script: 'mkdir -p /etc/systemd/system; f=/etc/systemd/system/bpfwarden-$$.service; echo "[Unit]" > $f; rm $f',
    expect: [open({ 'file.path': /^\/etc\/systemd\/system\/.*\.service$/, 'file.access': writes })],
  },
  {
    id: 'T1546.004-4',
    what: 'a profile is appended to',
    script: 'f=/etc/profile.d/bpfwarden-$$.sh; : > $f; echo "# nothing" >> $f; rm $f',
    expect: [open({ 'file.path': /^\/etc\/profile\.d\/.*\.sh$/, 'file.flags': has('O_APPEND') })],
  },
  {
    id: 'T1548.001-5',
    what: 'set-group-id bit',
    script: ': > $D/x; chmod g+xs $D/x',
    expect: [{ 'event.type': 'file_chmod', 'file.mode': modeWith(0o2000) }],
  },
  {
    id: 'T1548.001-9',
    what: 'find -perm -4000',
    script: 'find $D -perm -4000',
    expect: [exec({ 'process.name': 'find', 'process.args': has('-4000') })],
  },
  {
    id: 'T1552.003-1',
    what: 'bash history is searched',
    script: 'echo pass > $D/.bash_history; cat $D/.bash_history | grep pass > $D/loot',
    expect: [
      open({ 'file.name': '.bash_history', 'file.access': 'read', 'process.name': 'cat' }),
      exec({ 'process.name': 'grep' }),
    ],
  },
  {
    id: 'T1574.006-2',
    what: 'LD_PRELOAD',
    script: 'LD_PRELOAD=$D/x.so ls > /dev/null 2>&1',
    expect: [exec({ 'process.name': 'ls', 'process.env.LD_PRELOAD': /\/x\.so$/ })],
  },
  {
    id: 'T1685.006-1',
    what: 'a log is removed',
    script: 'f=/var/log/bpfwarden-$$.log; : > $f; rm -rf $f',
    expect: [unlink({ 'file.directory': '/var/log' })],
  },
  {
    id: 'T1685-62',
    what: 'randomize_va_space is written',
    script: 'v=$(cat /proc/sys/kernel/randomize_va_space); echo $v > /proc/sys/kernel/randomize_va_space',
    expect: [open({ 'file.path': '/proc/sys/kernel/randomize_va_space', 'file.access': writes })],
  },
];
