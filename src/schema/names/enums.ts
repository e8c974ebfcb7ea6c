/** Names of numbers that system calls take. Values from the uapi headers. */
import { constants } from 'node:os';
import { CAPABILITIES } from '../../config/capabilities.ts';
import { numbered } from './numbered.ts';

const MAX_CACHED = 1024;
/** By the high word, and by the low one. */
const capabilityCache = new Map<number, Map<number, readonly string[]>>();
let cachedSets = 0;

/** Capabilities of a 64-bit set given as two words; lists are shared. */
export function capabilityNames(low: number, high: number): readonly string[] {
  const before = capabilityCache.get(high)?.get(low);
  if (before !== undefined) return before;
  const names: string[] = [];
  for (let bit = 0; bit < 64; bit++) {
    if ((((bit < 32 ? low : high) >>> (bit & 31)) & 1) === 1) names.push(CAPABILITIES[bit] ?? `CAP_${bit}`);
  }
  if (cachedSets < MAX_CACHED) {
    cachedSets++;
    const ofHigh = capabilityCache.get(high) ?? new Map<number, readonly string[]>();
    capabilityCache.set(high, ofHigh.set(low, names));
  }
  return names;
}

const SIGNALS: (string | undefined)[] = [];
// Several names of one number: the first is the usual one (SIGABRT, not SIGIOT).
for (const [name, number] of Object.entries(constants.signals)) SIGNALS[number] ??= name;

export function signalName(number: number): string {
  if (number >= 34 && number <= 64) return number === 34 ? 'SIGRTMIN' : `SIGRTMIN+${number - 34}`;
  return SIGNALS[number] ?? String(number);
}

const PTRACE = numbered(`
  PTRACE_TRACEME PTRACE_PEEKTEXT PTRACE_PEEKDATA PTRACE_PEEKUSR PTRACE_POKETEXT PTRACE_POKEDATA PTRACE_POKEUSR
  PTRACE_CONT PTRACE_KILL PTRACE_SINGLESTEP @12 PTRACE_GETREGS PTRACE_SETREGS PTRACE_GETFPREGS PTRACE_SETFPREGS
  PTRACE_ATTACH PTRACE_DETACH PTRACE_GETFPXREGS PTRACE_SETFPXREGS @24 PTRACE_SYSCALL @31 PTRACE_SYSEMU
  PTRACE_SYSEMU_SINGLESTEP
  @16896 PTRACE_SETOPTIONS PTRACE_GETEVENTMSG PTRACE_GETSIGINFO PTRACE_SETSIGINFO PTRACE_GETREGSET PTRACE_SETREGSET
  PTRACE_SEIZE PTRACE_INTERRUPT PTRACE_LISTEN PTRACE_PEEKSIGINFO PTRACE_GETSIGMASK PTRACE_SETSIGMASK
  PTRACE_SECCOMP_GET_FILTER PTRACE_SECCOMP_GET_METADATA PTRACE_GET_SYSCALL_INFO PTRACE_GET_RSEQ_CONFIGURATION
`);
export const ptraceName = (request: number): string => PTRACE[request] ?? `0x${request.toString(16)}`;

const BPF = numbered(`
  BPF_MAP_CREATE BPF_MAP_LOOKUP_ELEM BPF_MAP_UPDATE_ELEM BPF_MAP_DELETE_ELEM BPF_MAP_GET_NEXT_KEY BPF_PROG_LOAD
  BPF_OBJ_PIN BPF_OBJ_GET BPF_PROG_ATTACH BPF_PROG_DETACH BPF_PROG_TEST_RUN BPF_PROG_GET_NEXT_ID BPF_MAP_GET_NEXT_ID
  BPF_PROG_GET_FD_BY_ID BPF_MAP_GET_FD_BY_ID BPF_OBJ_GET_INFO_BY_FD BPF_PROG_QUERY BPF_RAW_TRACEPOINT_OPEN BPF_BTF_LOAD
  BPF_BTF_GET_FD_BY_ID BPF_TASK_FD_QUERY BPF_MAP_LOOKUP_AND_DELETE_ELEM BPF_MAP_FREEZE BPF_BTF_GET_NEXT_ID
  BPF_MAP_LOOKUP_BATCH BPF_MAP_LOOKUP_AND_DELETE_BATCH BPF_MAP_UPDATE_BATCH BPF_MAP_DELETE_BATCH BPF_LINK_CREATE
  BPF_LINK_UPDATE BPF_LINK_GET_FD_BY_ID BPF_LINK_GET_NEXT_ID BPF_ENABLE_STATS BPF_ITER_CREATE BPF_LINK_DETACH
  BPF_PROG_BIND_MAP BPF_TOKEN_CREATE
`);
export const bpfCommandName = (command: number): string => BPF[command] ?? String(command);

const KEYCTL = numbered(`
  KEYCTL_GET_KEYRING_ID KEYCTL_JOIN_SESSION_KEYRING KEYCTL_UPDATE KEYCTL_REVOKE KEYCTL_CHOWN KEYCTL_SETPERM
  KEYCTL_DESCRIBE KEYCTL_CLEAR KEYCTL_LINK KEYCTL_UNLINK KEYCTL_SEARCH KEYCTL_READ KEYCTL_INSTANTIATE KEYCTL_NEGATE
  KEYCTL_SET_REQKEY_KEYRING KEYCTL_SET_TIMEOUT KEYCTL_ASSUME_AUTHORITY KEYCTL_GET_SECURITY KEYCTL_SESSION_TO_PARENT
  KEYCTL_REJECT KEYCTL_INSTANTIATE_IOV KEYCTL_INVALIDATE KEYCTL_GET_PERSISTENT KEYCTL_DH_COMPUTE KEYCTL_PKEY_QUERY
  KEYCTL_PKEY_ENCRYPT KEYCTL_PKEY_DECRYPT KEYCTL_PKEY_SIGN KEYCTL_PKEY_VERIFY KEYCTL_RESTRICT_KEYRING KEYCTL_MOVE
  KEYCTL_CAPABILITIES KEYCTL_WATCH_KEY
`);
export const keyctlName = (operation: number): string => KEYCTL[operation] ?? String(operation);

const FAMILIES: Readonly<Record<number, string>> = {
  1: 'unix',
  2: 'ipv4',
  3: 'ax25',
  4: 'ipx',
  5: 'appletalk',
  6: 'netrom',
  8: 'atmpvc',
  9: 'x25',
  10: 'ipv6',
  11: 'rose',
  15: 'key',
  16: 'netlink',
  17: 'packet',
  20: 'atmsvc',
  21: 'rds',
  24: 'pppox',
  26: 'llc',
  29: 'can',
  30: 'tipc',
  31: 'bluetooth',
  33: 'rxrpc',
  35: 'phonet',
  36: 'ieee802154',
  37: 'caif',
  38: 'alg',
  39: 'nfc',
  40: 'vsock',
  41: 'kcm',
  42: 'qipcrtr',
  43: 'smc',
  44: 'xdp',
  45: 'mctp',
};
export const familyName = (family: number): string => FAMILIES[family] ?? String(family);

const SOCKET_TYPES = numbered('@1 stream dgram raw rdm seqpacket dccp @10 packet');
/** The upper bits are flags (SOCK_CLOEXEC, SOCK_NONBLOCK). */
export const socketTypeName = (type: number): string => SOCKET_TYPES[type & 0xf] ?? String(type & 0xf);

const TRANSPORTS: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmp', 136: 'udplite' };
export const transportName = (protocol: number): string => TRANSPORTS[protocol] ?? String(protocol);

const PRCTL: Readonly<Record<number, string>> = {
  4: 'PR_SET_DUMPABLE',
  8: 'PR_SET_KEEPCAPS',
  28: 'PR_SET_SECUREBITS',
  35: 'PR_SET_MM',
  47: 'PR_CAP_AMBIENT',
  1499557217: 'PR_SET_PTRACER',
};
export const prctlName = (option: number): string => PRCTL[option] ?? String(option);

export const seccompName = (operation: number): string =>
  ['SECCOMP_SET_MODE_STRICT', 'SECCOMP_SET_MODE_FILTER'][operation] ?? String(operation);

const SYSLOG_ACTIONS = numbered(`
  @3 SYSLOG_ACTION_READ_ALL SYSLOG_ACTION_READ_CLEAR SYSLOG_ACTION_CLEAR SYSLOG_ACTION_CONSOLE_OFF
  SYSLOG_ACTION_CONSOLE_ON SYSLOG_ACTION_CONSOLE_LEVEL
`);
export const syslogActionName = (action: number): string => SYSLOG_ACTIONS[action] ?? String(action);
