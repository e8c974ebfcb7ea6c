/** Falco's proc.*, thread.*, user.* and group.* fields. */
import type { FieldValue, ProcessSummary } from '../../../schema/event.ts';
import { any, field, leaf } from '../../tree.ts';
import { ABSENT, derive, derived, first, flag, type Meaning } from '../meaning.ts';
import {
  ancestorReader,
  ancestorsOf,
  argumentCount,
  argumentLength,
  argumentText,
  changedAt,
  commandText,
  durationOf,
  environmentText,
  exeLine,
  firstArgument,
  impliedByCommand,
  isTexts,
  loginShell,
  nanoseconds,
  processOf,
  streamType,
  summaryExe,
  summaryName,
  ttyNumber,
  variableOf,
} from '../process-values.ts';
import { type FalcoField, type FalcoFields, indexOf, missing, number, text, truth } from './spec.ts';

const NAME: Meaning = { is: 'comm', subjects: [field('process.name')] };
const PARENT_NAME: Meaning = { is: 'comm', subjects: [field('process.parent.name')] };
const COMMAND = ['process.name', 'process.args', 'process.command_line'] as const;
const PARENT = ['process.parent.name', 'process.parent.args', 'process.parent.command_line'] as const;
const ANCESTORS = ['process.ancestors', 'process.parent.name'] as const;
const NAMES_ABOVE = { list: field('process.ancestor_names'), alone: field('process.parent.name') };

const isTrue = (name: string) => flag(leaf(field(name), { op: 'equal', values: [true] }));

const commandLine = derived(
  'proc.cmdline',
  COMMAND,
  (name, args, line) => commandText(name, args, line),
  impliedByCommand(['process.name', 'process.command_line'], ['process.args']),
);

/** Of the process itself for [0], of its parent for [1]. */
function ancestor(name: string, own: Meaning, parent: Meaning) {
  const read = ancestorReader(name);
  // Processes with the same ancestors share their list.
  const known = new WeakMap<object, readonly string[]>();
  const over = derive(name, ANCESTORS, (ancestors, parentName) => {
    const list = ancestorsOf(ancestors, parentName);
    let values = known.get(list);
    if (values === undefined) {
      values = list.flatMap((process) => {
        const value = read(process);
        return value === undefined ? [] : String(value);
      });
      known.set(list, values);
    }
    return values;
  });
  return (_kind: string, argument: string | undefined): Meaning => {
    if (argument === undefined) return { is: 'some', over, ...(name === 'proc.aname' ? { names: NAMES_ABOVE } : {}) };
    const level = indexOf(name, argument);
    if (level === 0) return own;
    if (level === 1) return parent;
    return derived(`${name}[${level}]`, ANCESTORS, (ancestors, parentName) => {
      const process = ancestorsOf(ancestors, parentName)[level - 1];
      return process === undefined ? undefined : read(process);
    });
  };
}

const ancestorField = (name: string, own: Meaning, parent: Meaning, more: Partial<FalcoField> = {}) =>
  text(ancestor(name, own, parent), {
    argument: 'optional index',
    differs: 'of up to 16 processes above; a name is that of the program, before it renamed itself',
    ...more,
  });

const exe = derived(
  'proc.exe',
  ['process.args', 'process.command_line', 'process.path'],
  (args, line, path) => firstArgument(args, line) ?? path,
  impliedByCommand(['process.command_line', 'process.path'], ['process.args']),
);
const parentExe = derived(
  'proc.pexe',
  ['process.parent.args', 'process.parent.command_line', 'process.parent.path'],
  (args, line, path) => firstArgument(args, line) ?? path,
  impliedByCommand(['process.parent.command_line', 'process.parent.path'], ['process.parent.args']),
);
const parentCommand = derived(
  'proc.pcmdline',
  PARENT,
  (name, args, line) => commandText(name, args, line),
  impliedByCommand(['process.parent.name', 'process.parent.command_line'], ['process.parent.args']),
);

const ownArguments = derived(
  'proc.args',
  ['process.args', 'process.command_line'],
  argumentText,
  impliedByCommand(['process.command_line'], ['process.args']),
);
const parentArguments = derived(
  'proc.aargs[1]',
  ['process.parent.args', 'process.parent.command_line'],
  (args, line) => (args === undefined && line === undefined ? undefined : argumentText(args, line)),
  impliedByCommand(['process.parent.command_line'], ['process.parent.args']),
);
/** One argument: the first after argv[0] is 0. */
const argumentAt = (argument: string) => {
  const index = indexOf('proc.args', argument) + 1;
  return derived(`proc.args[${argument}]`, ['process.args'], (args) => (isTexts(args) ? args[index] : undefined));
};

function environment(name: string) {
  return (_kind: string, argument: string | undefined): Meaning =>
    argument === undefined
      ? derived(name, ['process.env'], environmentText)
      : derived(`${name}[${argument}]`, ['process.env'], (env) => variableOf(env, argument));
}

/** The leader of the session or group: a process that is known by that number, the process itself or one above it. */
function leader(name: string, of: string, read: (process: Partial<ProcessSummary>) => FieldValue): Meaning {
  const names = [of, 'process.pid', 'process.name', 'process.path', 'process.args', 'process.ancestors'];
  return derived(name, names, (id, pid, ownName, path, args, above) => {
    const own = {
      ...(typeof pid === 'number' ? { pid } : {}),
      ...(typeof ownName === 'string' ? { name: ownName } : {}),
      ...(typeof path === 'string' ? { path } : {}),
      ...(isTexts(args) ? { args } : {}),
    };
    const found = processOf(id, own, ancestorsOf(above, undefined));
    return found === undefined ? undefined : read(found);
  });
}

const LEADER = 'absent when the leader has ended and is not above the process';
const leaderFields = (prefix: string, of: string): FalcoFields => ({
  [`${prefix}.exe`]: text(leader(`${prefix}.exe`, of, summaryExe), LEADER),
  [`${prefix}.exepath`]: text(
    leader(`${prefix}.exepath`, of, (process) => process.path),
    LEADER,
  ),
});
const AT_START = 'that of the last exec or fork; a later setsid or setpgid is not followed';

/** Two numbers of the event are the same. */
function same(name: string, other: string): Meaning {
  return flag(leaf(field(name), { op: 'compare', how: 'equal', other: field(other) }));
}

const capabilities = (name: string, from: string): Meaning => ({
  is: 'names',
  over: field(from),
  joined: derive(name, [from], (names) => (Array.isArray(names) ? names.join(' ') : undefined)),
});
const AFTER_EXEC = 'that of the last exec or fork; absent once the process has changed its credentials';

/** A user without a name, as Falco writes it. */
const UNNAMED = '<NA>';

/** Of a recording that has the real user's name alone, that one where it is the effective one, too. */
const userName = derived(
  'user.name',
  ['user.effective.name', 'user.name', 'process.uid', 'process.euid'],
  (effective, name, uid, euid) => {
    if (effective !== undefined) return effective;
    if (euid === undefined || uid === undefined || euid === uid) return name;
    return euid === 0 ? 'root' : UNNAMED;
  },
  (test) => {
    if (test.op !== 'equal' || test.values.includes(UNNAMED)) return undefined;
    const named = any([leaf(field('user.effective.name'), test), leaf(field('user.name'), test)]);
    const asRoot = leaf(field('process.euid'), { op: 'equal', values: [0] });
    return test.values.includes('root') ? any([named, asRoot]) : named;
  },
);
const loginName = derived(
  'user.loginname',
  ['user.login.name', 'process.auid', 'process.uid', 'user.name'],
  (login, auid, uid, name) => {
    if (login !== undefined || auid === undefined) return login ?? UNNAMED;
    if (auid === uid && name !== undefined) return name;
    return auid === 0 ? 'root' : UNNAMED;
  },
);

const NAMED = 'from /etc/passwd of the host, also for a container’s users';
const AT_EXEC = 'the executable at the time of the exec';
const RESOURCES = 'our events do not say what a process uses';
const STREAM_NAME = 'that of the exec; absent for pipes and sockets';

function stream(name: 'stdin' | 'stdout' | 'stderr'): FalcoField {
  return text(
    derived(`proc.${name}.type`, [`process.${name}.type`, `process.${name}.ip`], streamType),
    'that of the exec: ipv4, ipv6, unix, pipe, directory, memfd or file (devices and terminals are files)',
  );
}

export const PROCESS_FIELDS: FalcoFields = {
  'proc.name': text(
    NAME,
    'the name that the program was started by, cut like a task name: what it calls itself later (prctl) is not followed, as in Falco, but neither are renamed threads',
  ),
  'proc.pname': text(PARENT_NAME),
  'proc.aname': ancestorField('proc.aname', NAME, PARENT_NAME),
  'proc.exe': text(exe),
  'proc.pexe': text(parentExe),
  'proc.aexe': ancestorField('proc.aexe', exe, parentExe),
  'proc.exepath': text(first('process.path')),
  'proc.pexepath': text(first('process.parent.path')),
  'proc.aexepath': ancestorField('proc.aexepath', first('process.path'), first('process.parent.path')),
  'proc.cmdline': text(commandLine),
  'proc.pcmdline': text(parentCommand),
  'proc.acmdline': ancestorField('proc.acmdline', commandLine, parentCommand),
  'proc.args': text((_kind, argument) => (argument === undefined ? ownArguments : argumentAt(argument)), {
    argument: 'optional index',
  }),
  'proc.aargs': ancestorField('proc.aargs', ownArguments, parentArguments),
  'proc.exeline': text(
    derived(
      'proc.exeline',
      ['process.args', 'process.command_line'],
      exeLine,
      impliedByCommand(['process.command_line'], ['process.args']),
    ),
  ),
  'proc.cmdnargs': number(derived('proc.cmdnargs', ['process.args'], argumentCount)),
  'proc.cmdlenargs': number(derived('proc.cmdlenargs', ['process.args'], argumentLength)),
  'proc.env': text(environment('proc.env'), {
    argument: 'optional key',
    differs: 'only the variables that enrich.environment names',
  }),
  'proc.aenv': missing('the environment of processes above is not kept', 'optional key'),
  'proc.cwd': text(
    derived('proc.cwd', ['process.cwd'], (cwd) =>
      typeof cwd === 'string' && !cwd.endsWith('/') ? `${cwd}/` : (cwd ?? ''),
    ),
    'that of the exec; a later chdir is not followed',
  ),
  'proc.loginshellid': number(
    derived('proc.loginshellid', ['process.pid', 'process.name', 'process.ancestors'], (pid, name, above) =>
      loginShell(pid, name, ancestorsOf(above, undefined)),
    ),
  ),
  'proc.tty': number(derived('proc.tty', ['process.tty'], ttyNumber)),
  'proc.pid': number(first('process.pid')),
  'proc.ppid': number(first('process.ppid', 'process.parent.pid')),
  'proc.apid': {
    ...ancestorField('proc.apid', first('process.pid'), first('process.ppid', 'process.parent.pid')),
    type: 'number',
  },
  'proc.vpid': number(first('process.vpid')),
  'proc.pvpid': number(first('process.parent.vpid')),
  'proc.sid': number(first('process.vsession_id', 'process.session_id'), AT_START),
  'proc.sname': text(leader('proc.sname', 'process.session_id', summaryName), LEADER),
  ...leaderFields('proc.sid', 'process.session_id'),
  'proc.vpgid': number(first('process.vpgid'), AT_START),
  'proc.vpgid.name': text(leader('proc.vpgid.name', 'process.pgid', summaryName), LEADER),
  ...leaderFields('proc.vpgid', 'process.pgid'),
  'proc.pgid': number(first('process.pgid'), AT_START),
  'proc.pgid.name': text(leader('proc.pgid.name', 'process.pgid', summaryName), LEADER),
  ...leaderFields('proc.pgid', 'process.pgid'),
  'proc.is_pgid_leader': truth(same('process.pgid', 'process.pid'), AT_START),
  'proc.is_vpgid_leader': truth(same('process.pgid', 'process.pid'), AT_START),
  'proc.is_sid_leader': truth(same('process.session_id', 'process.pid'), AT_START),
  'proc.duration': number(derived('proc.duration', ['process.start_time', 'event.timestamp'], durationOf)),
  'proc.ppid.duration': number(
    derived('proc.ppid.duration', ['process.parent.start_time', 'event.timestamp'], durationOf),
  ),
  'proc.pid.ts': number(derived('proc.pid.ts', ['process.start_time'], nanoseconds), 'to about a microsecond'),
  'proc.ppid.ts': number(derived('proc.ppid.ts', ['process.parent.start_time'], nanoseconds), 'to about a microsecond'),
  'proc.is_exe_writable': truth(isTrue('process.writable'), AT_EXEC),
  'proc.is_exe_upper_layer': truth(isTrue('process.upper_layer'), AT_EXEC),
  'proc.is_exe_lower_layer': truth(isTrue('process.lower_layer'), AT_EXEC),
  'proc.is_exe_from_memfd': truth(isTrue('process.memfd')),
  'proc.exe_ino': number(first('process.inode')),
  'proc.exe_ino.ctime': number(
    derived('proc.exe_ino.ctime', ['process.start_time', 'process.exe_age'], (start, age) =>
      nanoseconds(changedAt(start, age)),
    ),
    'to about a microsecond',
  ),
  'proc.exe_ino.mtime': number(
    derived('proc.exe_ino.mtime', ['process.exe_modified'], nanoseconds),
    'to about a microsecond',
  ),
  'proc.exe_ino.ctime_duration_proc_start': number(
    derived('proc.exe_ino.ctime_duration_proc_start', ['process.exe_age'], nanoseconds),
  ),
  'proc.exe_ino.ctime_duration_pidns_start': number(
    derived(
      'proc.exe_ino.ctime_duration_pidns_start',
      ['process.namespace_start_time', 'process.start_time', 'process.exe_age'],
      (namespace, start, age) => {
        const between = durationOf(namespace, changedAt(start, age));
        return between === undefined || between < 0 ? undefined : between;
      },
    ),
  ),
  'proc.pidns_init_start_ts': number(
    derived('proc.pidns_init_start_ts', ['process.namespace_start_time'], nanoseconds),
    'to about a microsecond',
  ),
  'proc.is_container_healthcheck': truth(ABSENT),
  'proc.is_container_liveness_probe': truth(ABSENT),
  'proc.is_container_readiness_probe': truth(ABSENT),
  'proc.fdopencount': missing(RESOURCES),
  'proc.fdlimit': missing(RESOURCES),
  'proc.fdusage': missing(RESOURCES),
  'proc.vmsize': missing(RESOURCES),
  'proc.vmrss': missing(RESOURCES),
  'proc.vmswap': missing(RESOURCES),
  'proc.nthreads': missing(RESOURCES),
  'proc.nchilds': missing(RESOURCES),
  'proc.stdin.type': stream('stdin'),
  'proc.stdout.type': stream('stdout'),
  'proc.stderr.type': stream('stderr'),
  'proc.stdin.name': text(first('process.stdin.path'), STREAM_NAME),
  'proc.stdout.name': text(first('process.stdout.path'), STREAM_NAME),
  'proc.stderr.name': text(first('process.stderr.path'), STREAM_NAME),

  'thread.cap_effective': text(capabilities('thread.cap_effective', 'process.capabilities')),
  'thread.cap_permitted': text(capabilities('thread.cap_permitted', 'process.permitted_capabilities'), AFTER_EXEC),
  'thread.cap_inheritable': text(
    capabilities('thread.cap_inheritable', 'process.inheritable_capabilities'),
    AFTER_EXEC,
  ),
  'thread.tid': number(first('process.tid')),
  'thread.vtid': number(
    derived('thread.vtid', ['process.thread_leader', 'process.vpid'], (main, id) => (main === true ? id : undefined)),
    'of the main thread only',
  ),
  'thread.ismain': truth(isTrue('process.thread_leader')),
  'thread.nametid': missing('for tables of sysdig only'),
  'thread.cgroups': missing('of the control groups the unified hierarchy’s path alone is known'),
  'thread.cgroup': missing('of the control groups the unified hierarchy’s path alone is known', 'name'),
  'thread.exectime': missing(RESOURCES),
  'thread.totexectime': missing(RESOURCES),
  'thread.pfmajor': missing(RESOURCES),
  'thread.pfminor': missing(RESOURCES),
  'thread.cpu': missing(RESOURCES),
  'thread.cpu.user': missing(RESOURCES),
  'thread.cpu.system': missing(RESOURCES),
  'thread.vmsize': missing(RESOURCES),
  'thread.vmrss': missing(RESOURCES),
  'thread.vmsize.b': missing(RESOURCES),
  'thread.vmrss.b': missing(RESOURCES),

  'user.uid': number(first('process.euid', 'process.uid')),
  'user.name': text(userName, NAMED),
  'user.loginuid': number({ is: 'first', subjects: [field('process.auid')], otherwise: -1 }),
  'user.loginname': text(loginName, NAMED),
  'user.homedir': text(first('user.effective.home'), NAMED),
  'user.shell': text(first('user.effective.shell'), NAMED),
  'group.gid': number(first('process.gid'), 'the real group'),
  'group.name': text(first('group.name'), 'of the real group; from /etc/group of the host'),
};
