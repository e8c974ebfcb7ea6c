/** An exec record, live or from the iterator, as facts about a program and a process. */
import type { CapabilitySets, Membership } from '../schema/context.ts';
import { capabilityNames } from '../schema/names/enums.ts';
import { RECORD_FLAGS as F } from '../schema/readers/flags.ts';
import type { KindShape, LiveView } from '../schema/view.ts';
import { type ExecTexts, execTextsReader } from './exec-texts.ts';
import { UNSEEN } from './injection.ts';
import type { ProgramFacts } from './program.ts';
import { streamsReader } from './streams.ts';

const UNSET = 0xffffffff;

/** What is known of a start beside its record. */
interface ExecKnown {
  readonly hostUser: boolean | undefined;
  readonly parent: number | undefined;
}

interface ExecFacts {
  readonly program: ProgramFacts;
  /** The middle of the arguments is not in the record. */
  readonly isCut: boolean;
  readonly capabilities: CapabilitySets;
  readonly membership: Membership;
  /** Kernel time; 0 where it could not be read. */
  readonly namespaceStart: number;
  readonly cgroup: string | undefined;
}

export interface ExecReader {
  read(view: LiveView, known: ExecKnown): ExecFacts;
  parentStart(view: LiveView): number;
  isSeeded(view: LiveView): boolean;
  /** Numbers of the namespaces, in the order mount, pid, network, user, uts, ipc. */
  namespaces(view: LiveView): readonly number[];
}

export const NAMESPACES = ['mount', 'pid', 'network', 'user', 'uts', 'ipc'] as const;

export function namespaceReader({ members }: KindShape): (view: LiveView) => readonly number[] {
  const numbers = NAMESPACES.map((name) => members.number(`ns.${name}`));
  return (view) => numbers.map((read) => read(view));
}

export function membershipReader({ members }: KindShape): (view: LiveView) => Membership {
  const [group, session, ownPid, ownGroup, ownSession] = [
    'group',
    'session',
    'own_pid',
    'own_group',
    'own_session',
  ].map((name) => members.number(`member.${name}`));
  return (view) => ({
    group: group?.(view) ?? 0,
    session: session?.(view) ?? 0,
    ownPid: ownPid?.(view) ?? 0,
    ownGroup: ownGroup?.(view) ?? 0,
    ownSession: ownSession?.(view) ?? 0,
  });
}

function capabilitiesReader({ members }: KindShape): (view: LiveView) => CapabilitySets {
  const names = (set: string) => {
    const { low, high } = members.halves(`cap_${set}`);
    return (view: LiveView) => capabilityNames(low(view), high(view));
  };
  const [effective, permitted, inheritable] = [names('effective'), names('permitted'), names('inheritable')];
  return (view) => ({
    effective: effective(view),
    permitted: permitted(view),
    inheritable: inheritable(view),
  });
}

/** Whether a list is the one that was cut: it begins and ends alike. */
export function isWholeOf(whole: readonly string[], cut: readonly string[]): boolean {
  const first = cut[0]?.replace(/…$/, '') ?? '';
  const last = cut.at(-1)?.replace(/^…/, '') ?? '';
  return whole[0]?.startsWith(first) === true && whole.at(-1)?.endsWith(last) === true;
}

export function execReader(shape: KindShape, environment: ReadonlySet<string>): ExecReader {
  const { members } = shape;
  const textsOf = execTextsReader(shape, environment);
  const number = (name: string) => members.number(name);
  const flags = number('header.flags');
  const comm = members.name('header.comm');
  const [inode, device, mtime, ctime] = ['exe.inode', 'exe.device', 'exe_mtime', 'exe_ctime'].map(number);
  const [mode, owner] = [number('exe.mode'), number('exe.owner')];
  const streams = streamsReader(shape);
  const auid = number('auid');
  const namespaceStart = number('namespace_start_time');
  const [capabilities, membership] = [capabilitiesReader(shape), membershipReader(shape)];
  const set = (value: number) => (value === UNSET ? undefined : value);

  const programOf = (view: LiveView, texts: ExecTexts, { hostUser, parent }: ExecKnown): ProgramFacts => {
    const bits = flags(view);
    const { injections } = texts;
    const started = texts.path !== undefined;
    return {
      texts,
      hostUser,
      parent,
      path: texts.path,
      filename: texts.filename,
      interpreter: texts.interpreter,
      args: texts.args,
      cwd: texts.cwd,
      tty: texts.tty,
      env: texts.env,
      auid: set(auid(view)),
      inode: inode?.(view) || undefined,
      device: device?.(view),
      mtime: mtime?.(view),
      ctime: started ? ctime?.(view) : undefined,
      mode: started ? mode(view) : undefined,
      owner: started ? owner(view) : undefined,
      startedAt: view.host.toUnix(view.ktime),
      streams: streams(view),
      injections: (bits & F.ENV_TRUNCATED) === 0 ? injections : [...(injections ?? []), UNSEEN],
      memfd: started ? (bits & F.EXE_MEMFD) !== 0 : undefined,
      deleted: started ? (bits & F.PATH_DELETED) !== 0 : undefined,
      writable: started ? (bits & F.EXE_WRITABLE) !== 0 : undefined,
      upperLayer: started ? (bits & F.EXE_UPPER) !== 0 : undefined,
      lowerLayer: started ? (bits & F.EXE_LOWER) !== 0 : undefined,
      setuid: started ? (bits & (F.EXE_SETUID | F.EXE_SETGID)) !== 0 : undefined,
      comm: comm(view),
    };
  };
  return {
    read: (view, known) => {
      const texts = textsOf(view);
      return {
        program: programOf(view, texts, known),
        isCut: texts.isCut,
        capabilities: capabilities(view),
        membership: membership(view),
        namespaceStart: namespaceStart(view),
        cgroup: texts.cgroup,
      };
    },
    parentStart: number('parent_start_time'),
    isSeeded: (view) => (flags(view) & F.SEEDED) !== 0,
    namespaces: namespaceReader(shape),
  };
}
