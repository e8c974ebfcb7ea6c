import type { ProcessContext } from '../context.ts';
import { kindSpec } from '../kinds.ts';
import type { FieldReaders, Members } from '../members.ts';
import { namespaceFlagNames } from '../names/flags.ts';
import type { LiveView } from '../view.ts';
import { RECORD_FLAGS as F } from './flags.ts';
import { programReaders } from './program.ts';

/** process.*, user.*, container.* and target.*: identity from the record, the rest from the process table. */
export function processReaders(members: Members): FieldReaders {
  const pid = members.number('header.pid');
  const tid = members.number('header.tid');
  const uid = members.number('header.uid');
  const start = members.number('header.start_time');
  const flags = members.number('header.flags');
  const kernelThread = (view: LiveView) => (flags(view) & F.KERNEL_THREAD) !== 0;
  return {
    'process.pid': pid,
    'process.ppid': members.number('header.ppid'),
    'process.tid': tid,
    'process.comm': members.name('header.comm'),
    'process.uid': uid,
    'process.euid': members.number('header.euid'),
    'process.gid': members.number('header.gid'),
    'process.thread_leader': (view) => pid(view) === tid(view),
    ...userReaders(members),
    ...startReaders(members),
    ...programReaders(),
    'process.capabilities': (view) => view.process?.capabilities?.effective,
    'process.permitted_capabilities': (view) => view.process?.capabilities?.permitted,
    'process.inheritable_capabilities': (view) => view.process?.capabilities?.inheritable,
    'process.vpid': (view) => view.process?.membership?.ownPid,
    'process.pgid': (view) => view.process?.membership?.group,
    'process.vpgid': (view) => view.process?.membership?.ownGroup,
    'process.session_id': (view) => view.process?.membership?.session,
    'process.vsession_id': (view) => view.process?.membership?.ownSession,
    'process.namespace_start_time': (view) => {
      const time = view.process?.namespaceStart;
      return time === undefined ? undefined : view.host.toUnix(time);
    },
    'process.start_time': (view) => view.host.toUnix(start(view)),
    'process.entity_id': (view) => view.process?.entityId,
    'process.cgroup': (view) => view.process?.cgroup?.path,
    'process.host_namespaces': (view) => (kernelThread(view) ? true : view.process?.hostNamespaces),
    'process.own_namespaces': (view) => {
      const own = kernelThread(view) ? undefined : view.process?.ownNamespaces;
      return own?.length === 0 ? undefined : own;
    },
    'container.id': (view) => view.process?.cgroup?.containerId,
    'container.runtime': (view) => view.process?.cgroup?.runtime,
    'container.pod_uid': (view) => view.process?.cgroup?.podUid,
    'container.name': (view) => view.process?.cgroup?.details.name,
    'container.image.name': (view) => view.process?.cgroup?.details.image,
    'container.image.tag': (view) => view.process?.cgroup?.details.imageTag,
    'container.image.id': (view) => view.process?.cgroup?.details.imageId,
    'container.privileged': (view) => view.process?.cgroup?.details.privileged,
    'container.host_paths': (view) => view.process?.cgroup?.details.hostPaths,
    'container.mounts': (view) => view.process?.cgroup?.details.mounts,
    'container.image.digest': (view) => view.process?.cgroup?.details.imageDigest,
    'container.labels': (view) => view.process?.cgroup?.details.labels,
    'container.ip': (view) => view.process?.cgroup?.details.ip,
    'container.sandbox_id': (view) => view.process?.cgroup?.details.sandboxId,
    'container.pod_name': (view) => view.process?.cgroup?.details.podName,
    'container.pod_namespace': (view) => view.process?.cgroup?.details.podNamespace,
    'container.pod_labels': (view) => view.process?.cgroup?.details.podLabels,
    ...parentReaders(),
    ...ownReaders(members),
  };
}

function startReaders(members: Members): FieldReaders {
  const comm = members.name('header.comm');
  return {
    // Without a table entry the kernel's task name is the best there is; event.incomplete says so.
    'process.name': (view) => view.program?.name ?? comm(view),
    'process.path': (view) => view.program?.path,
    'process.filename': (view) => view.program?.filename,
    'process.interpreter': (view) => view.program?.interpreter,
    'process.args': (view) => view.program?.args,
    'process.command_line': (view) => view.program?.commandLine,
    'process.cwd': (view) => view.program?.cwd,
    'process.tty': (view) => view.program?.tty,
    'process.env': (view) => view.program?.env,
    'process.auid': (view) => view.program?.auid,
    'process.inode': (view) => view.program?.inode,
    'process.memfd': (view) => view.program?.memfd,
    'process.deleted': (view) => view.program?.deleted,
    'process.writable': (view) => view.program?.writable,
    'process.upper_layer': (view) => view.program?.upperLayer,
    'process.lower_layer': (view) => view.program?.lowerLayer,
    'process.setuid': (view) => view.program?.setuid,
    'process.sha256': (view) => view.program?.hashes?.sha256,
    'process.md5': (view) => view.program?.hashes?.md5,
  };
}

function userReaders(members: Members): FieldReaders {
  const [uid, euid, gid] = [members.number('header.uid'), members.number('header.euid'), members.number('header.gid')];
  const effective = (view: LiveView) => view.host.user(euid(view));
  return {
    'user.name': (view) => view.host.user(uid(view))?.name,
    'user.effective.name': (view) => effective(view)?.name,
    'user.effective.home': (view) => effective(view)?.home,
    'user.effective.shell': (view) => effective(view)?.shell,
    'user.login.name': (view) => {
      const auid = view.program?.auid;
      return auid === undefined ? undefined : view.host.user(auid)?.name;
    },
    'group.name': (view) => view.host.groupName(gid(view)),
  };
}

const parent = (view: LiveView): ProcessContext | undefined => view.process?.parent;

function parentReaders(): FieldReaders {
  return {
    'process.parent.pid': (view) => parent(view)?.pid,
    'process.parent.vpid': (view) => parent(view)?.membership?.ownPid,
    'process.parent.name': (view) => parent(view)?.program.name,
    'process.parent.path': (view) => parent(view)?.program.path,
    'process.parent.args': (view) => parent(view)?.program.args,
    'process.parent.command_line': (view) => parent(view)?.program.commandLine,
    'process.parent.cwd': (view) => parent(view)?.program.cwd,
    'process.parent.uid': (view) => parent(view)?.uid,
    'process.parent.euid': (view) => parent(view)?.euid,
    'process.parent.tty': (view) => parent(view)?.program.tty,
    'process.parent.entity_id': (view) => parent(view)?.entityId,
    'process.parent.start_time': (view) => {
      const time = parent(view)?.startTime;
      return time === undefined ? undefined : view.host.toUnix(time);
    },
    'process.ancestors': (view) => view.process?.ancestors.processes,
    'process.ancestor_names': (view) => view.process?.ancestors.names,
    'process.ancestor_paths': (view) => view.process?.ancestors.paths,
  };
}

/** Only of namespaces: what else a clone shares is no news. */
const NAMESPACE_FLAGS = 0x7e020080;

function forkedNamespaces(members: Members) {
  const flags = members.number('clone_flags');
  return (view: LiveView) => namespaceFlagNames(flags(view) & NAMESPACE_FLAGS);
}

/** What only the records of process kinds have. */
function ownReaders(members: Members): FieldReaders {
  switch (kindSpec(members.layout.kind)?.keeps) {
    case 'exec':
      // A failed exec leaves the process as it was; only the name that was asked for is new.
      return { 'process.filename': members.text('filename') };
    case 'exit':
      return {
        'process.exit_code': members.number('exit_code'),
        'process.exit_signal': members.number('exit_signal'),
      };
    case 'fork':
      return {
        'process.child.pid': members.number('child_pid'),
        'namespaces.flags': forkedNamespaces(members),
      };
  }
  return {};
}
