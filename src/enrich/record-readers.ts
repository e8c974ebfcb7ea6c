/** The members of records that the process table is made from. */
import type { Membership } from '../schema/context.ts';
import type { KindSpec } from '../schema/kinds/spec.ts';
import type { KindShape, LiveView } from '../schema/view.ts';
import { type ExecReader, execReader, membershipReader, namespaceReader } from './exec-record.ts';

export interface RecordReaders {
  readonly exec: ExecReader;
  readonly childPid: (view: LiveView) => number;
  readonly childStart: (view: LiveView) => number;
  readonly childCgroup: (view: LiveView) => number;
  readonly childNamespaces: (view: LiveView) => readonly number[];
  readonly childMembership: (view: LiveView) => Membership;
  readonly dns: (view: LiveView) => Buffer | undefined;
  readonly dnsServer: (view: LiveView) => string | undefined;
  readonly header: Record<
    'pid' | 'start_time' | 'ppid' | 'uid' | 'euid' | 'cgroup_id' | 'result',
    (view: LiveView) => number
  >;
}

export function recordReaders(
  shapes: readonly (KindShape | undefined)[],
  environment: ReadonlySet<string>,
): RecordReaders {
  const shape = (keeps: KindSpec['keeps']): KindShape => {
    const found = shapes.find((candidate) => candidate?.spec?.keeps === keeps);
    if (found === undefined) throw new RangeError(`no kind that keeps ${keeps}`);
    return found;
  };
  const exec = shape('exec');
  const fork = shape('fork');
  const header = (name: string) => exec.members.number(`header.${name}`);
  return {
    exec: execReader(exec, environment),
    childPid: fork.members.number('child_pid'),
    childStart: fork.members.number('child_start_time'),
    childCgroup: fork.members.number('child_cgroup_id'),
    childNamespaces: namespaceReader(fork),
    childMembership: membershipReader(fork),
    dns: shape('names').members.bytes('payload'),
    dnsServer: shape('names').members.address('server.ip'),
    header: {
      pid: header('pid'),
      start_time: header('start_time'),
      ppid: header('ppid'),
      uid: header('uid'),
      euid: header('euid'),
      cgroup_id: header('cgroup_id'),
      result: header('result'),
    },
  };
}
