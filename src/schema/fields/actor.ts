/** Fields about the process that acted, beside its program: where it stands among others, what it may do, who its users are. */
import type { FieldSpec } from '../fields.ts';

export const ACTOR_FIELDS = {
  'process.permitted_capabilities': {
    type: 'list<string>',
    kinds: 'all',
    doc: 'Permitted capabilities as of the last exec or fork; absent once the process has changed its credentials',
  },
  'process.inheritable_capabilities': {
    type: 'list<string>',
    kinds: 'all',
    doc: 'Inheritable capabilities, known like the permitted ones',
  },
  'process.vpid': {
    type: 'int',
    kinds: 'all',
    doc: 'Process id in its own pid namespace: 1 for the first process of a container',
  },
  'process.pgid': { type: 'int', kinds: 'all', doc: 'Process group id at the last exec or fork' },
  'process.vpgid': {
    type: 'int',
    kinds: 'all',
    doc: 'Process group id in its own pid namespace; 0 for a group of another namespace',
  },
  'process.session_id': { type: 'int', kinds: 'all', doc: 'Session id (setsid) at the last exec or fork' },
  'process.vsession_id': {
    type: 'int',
    kinds: 'all',
    doc: 'Session id in its own pid namespace; 0 for a session of another namespace',
  },
  'process.namespace_start_time': {
    type: 'double',
    kinds: 'all',
    doc: 'Start of the first process of its pid namespace, Unix seconds: when a container with one of its own began',
  },
  'process.parent.vpid': { type: 'int', kinds: 'all', doc: "Parent's id in its own pid namespace" },
  'user.effective.name': { type: 'string', kinds: 'all', doc: 'Name of process.euid' },
  'user.effective.home': { type: 'string', kinds: 'all', doc: 'Home directory of process.euid' },
  'user.effective.shell': { type: 'string', kinds: 'all', doc: 'Login shell of process.euid' },
  'user.login.name': { type: 'string', kinds: 'all', doc: 'Name of process.auid; absent when unset' },
  'group.name': { type: 'string', kinds: 'all', doc: 'Name of process.gid' },
} as const satisfies Record<string, FieldSpec>;
