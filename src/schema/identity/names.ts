/** One name for one program: versions and the flavours of an alternative are left off. */

/** Programs that are installed as NAME followed by a version. */
const VERSIONED =
  /^(perl|ruby|php|php-fpm|php-cgi|phpdbg|lua|luajit|luac|tclsh|wish|node|gawk|gcc|g\+\+|cpp|clang|clang\+\+|lld|gdb|lldb|ghc|guile|erl|postgres|psql|java|pip|pypy|easy_install|ncat|rake|gem|irb)-?[0-9][0-9.]*$/;
/** Programs whose packages come in flavours that the alternatives system chooses from. */
const FLAVOURED =
  /^(nc|vim|emacs|ftp|telnet|rsh|rlogin|rcp|traceroute|socat1?)[.-](openbsd|traditional|basic|tiny|nox|gtk3?|athena|motif|huge|gtk\+x|lucid|pgtk|db|netkit|inetutils)$/;
const ALIASES: Readonly<Record<string, string>> = {
  netcat: 'nc',
  nodejs: 'node',
  'busybox.static': 'busybox',
  'busybox-static': 'busybox',
  'bsd-csh': 'csh',
  'original-awk': 'awk',
  ksh2020: 'ksh',
};
const LOADER = /^(ld-linux[a-z0-9_.-]*|ld-musl-[a-z0-9_]+|ld-[0-9.]+|ld64?)\.so(\.[0-9]+)?$/;

/**
 * `python3.11` is `python`, `nc.openbsd` is `nc`, `ld-linux-x86-64.so.2` is
 * `ld.so`; any other name is itself.
 */
export function canonicalName(name: string): string {
  if (/^python[0-9.]*$/.test(name)) return 'python';
  if (LOADER.test(name)) return 'ld.so';
  return ALIASES[name] ?? VERSIONED.exec(name)?.[1] ?? FLAVOURED.exec(name)?.[1] ?? name;
}
