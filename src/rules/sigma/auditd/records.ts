/**
 * `service: auditd`: what the records of the Linux audit system are among our
 * events. One audit event has several records (SYSCALL, EXECVE, CWD, PATH,
 * PROCTITLE); here it is one event, which has the fields of all of them.
 */

import { quoted } from '../../../visible.ts';
import { all, any, type Condition, exists, field, kindIs, leaf, not, type Subject, TRUE } from '../../tree.ts';
import type { Detection, Item } from '../detection.ts';
import type { SigmaField } from '../fields.ts';
import { CALL_SUCCEEDED, CREATES, type Variant } from '../logsource.ts';
import { SigmaFault } from '../problem.ts';
import { literalOf } from '../text.ts';
import { AUDITED_KINDS, CALLS_WITH_REGISTER, callCases, registerCases } from './calls.ts';

/** What a variant of the log source is in audit's terms. */
export interface AuditdRecord {
  readonly kinds: readonly string[];
  /** Values of `type`, with what they need beside the kind. */
  readonly types: readonly (readonly [string, Condition])[];
  /** Of PATH: the fields that `name` is, and what was done to it. */
  readonly names: readonly string[];
  readonly nametypes: readonly (readonly [string, Condition])[];
  /** Of EXECVE. */
  readonly hasArguments: boolean;
  /** Of SOCKADDR: where `laddr` and `lport` are. */
  readonly address: 'source' | 'destination' | undefined;
  /** Values that the rule asked for, and whether some record has them. */
  readonly asked: Map<string, boolean>;
}

/** Account programs write these records themselves; what can be seen of them is that the program was started. */
const ACCOUNT_PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  ADD_USER: ['useradd', 'newusers'],
  DEL_USER: ['userdel'],
  ADD_GROUP: ['groupadd'],
  DEL_GROUP: ['groupdel'],
  USER_MGMT: ['usermod', 'groupmod', 'gpasswd', 'chage'],
  USER_CHAUTHTOK: ['passwd', 'chpasswd', 'chgpasswd'],
};
const SUDO = leaf(field('process.parent.name'), { op: 'equal', values: ['sudo'] });

/** Fields of audit that are the same in every record, by their names here. */
const SAME: ReadonlyMap<string, readonly string[]> = new Map([
  ['exe', ['process.path']],
  ['comm', ['process.comm', 'process.name']],
  ['proctitle', ['process.command_line']],
  ['cmd', ['process.command_line']],
  ['cwd', ['process.cwd']],
  ['pid', ['process.pid']],
  ['ppid', ['process.ppid']],
  ['uid', ['process.uid']],
  ['euid', ['process.euid']],
  ['gid', ['process.gid']],
  ['auid', ['process.auid']],
  ['UID', ['user.name']],
  ['tty', ['process.tty']],
  ['exit', ['event.result']],
  ['node', ['host.name']],
  ['inode', ['file.inode']],
  ['ouid', ['file.owner']],
]);

/** The names that have a meaning here, for who misspells one. */
export const AUDIT_FIELDS: readonly string[] = [
  ...SAME.keys(),
  ...'type name nametype syscall success laddr lport saddr_fam argc a0 a1 a2 a3'.split(' '),
];

/** How audit writes that a process has no login user. */
const NO_LOGIN_USER = ['4294967295', '-1', 'unset'];

const FROM_RULES = 'the rules of auditd give it, and they are not in use here';
const FROM_PROGRAMS = 'programs write it to audit themselves, the kernel does not report it';
const NOT_KEPT = 'it is no part of our events';
const NOT_RECORDED: Readonly<Record<string, string>> = {
  key: FROM_RULES,
  ...Object.fromEntries(
    'acct addr hostname terminal res op unit grantors id msg data'.split(' ').map((name) => [name, FROM_PROGRAMS]),
  ),
  ...Object.fromEntries(
    'arch ARCH items item ses suid fsuid egid sgid fsgid subj obj mode ogid dev rdev objtype cap_fp cap_fi cap_fe cap_fver saddr sig old new list AUID EUID GID EGID SUID FSUID OUID OGID'
      .split(' ')
      .map((name) => [name, NOT_KEPT]),
  ),
};

const always = (...names: readonly string[]): (readonly [string, Condition])[] => names.map((name) => [name, TRUE]);

/** The variants that a rule's fields are about. Throws SigmaFault for what no record here has. */
export function auditVariants(detection: Detection): Variant[] {
  const used = usage(detection);
  const record = (kinds: readonly string[], part: Partial<AuditdRecord>): AuditdRecord => ({
    kinds,
    types: always('SYSCALL', 'PROCTITLE', 'CWD'),
    names: [],
    nametypes: [],
    hasArguments: false,
    address: undefined,
    asked: used.asked,
    ...part,
  });
  const records: AuditdRecord[] = [
    record(['process_exec'], {
      types: [...always('EXECVE', 'SYSCALL', 'PROCTITLE', 'CWD', 'PATH'), ...programTypes()],
      names: ['process.path', 'process.invoked_path', 'process.effective_path'],
      nametypes: always('NORMAL'),
      hasArguments: true,
    }),
  ];
  // SYSCALL alone would be every event of a program: without a call it is the start of the program.
  const types = (...more: string[]) => always(...more, ...(used.calls ? ['SYSCALL', 'PROCTITLE', 'CWD'] : []));
  if (used.paths) {
    const path = (kinds: readonly string[], names: readonly string[], nametypes: AuditdRecord['nametypes']) =>
      records.push(record(kinds, { types: types('PATH'), names, nametypes }));
    const opened = any([kindIs('file_create', 'file_mkdir'), all([kindIs('file_open'), CREATES])]);
    path(
      [
        'file_open',
        'file_create',
        'file_mkdir',
        'file_read',
        'file_write',
        'file_chmod',
        'file_chown',
        'file_truncate',
        'file_setxattr',
        'file_utimens',
      ],
      ['file.path'],
      [
        ['CREATE', opened],
        ['NORMAL', not(opened)],
      ],
    );
    path(['file_unlink', 'file_rename'], ['file.path'], always('DELETE'));
    path(['file_rename', 'file_link'], ['file.new_path'], always('CREATE'));
    path(['file_link'], ['file.path'], always('NORMAL'));
    path(['file_symlink'], ['file.path'], always('CREATE'));
  }
  if (used.addresses) {
    records.push(record(['net_conn', 'net_send'], { types: types('SOCKADDR'), address: 'destination' }));
    records.push(record(['net_listen', 'net_accept'], { types: types('SOCKADDR'), address: 'source' }));
  }
  if (used.modules) {
    records.push(record(['module_load'], { types: types('KERN_MODULE'), names: ['module.name'], nametypes: [] }));
  }
  if (used.calls) {
    const known = new Set(records.flatMap(({ kinds }) => kinds));
    records.push(
      record(
        AUDITED_KINDS.filter((kind) => !known.has(kind)),
        {},
      ),
    );
  }
  return records.map((audit) => ({
    kinds: audit.kinds,
    only: used.outcome ? TRUE : CALL_SUCCEEDED,
    target: 'file.path',
    source: undefined,
    initiated: false,
    hashed: 'process',
    audit,
  }));
}

function programTypes(): (readonly [string, Condition])[] {
  const types = Object.entries(ACCOUNT_PROGRAMS).map(([type, programs]) => {
    const paths = programs.map((program) => `/${program}`);
    return [type, leaf(field('process.path'), { op: 'endsWith', values: paths })] as const;
  });
  return [...types, ['USER_CMD', SUDO]];
}

interface Usage {
  readonly paths: boolean;
  readonly addresses: boolean;
  readonly modules: boolean;
  /** It names system calls. */
  readonly calls: boolean;
  /** It asks whether the call succeeded. */
  readonly outcome: boolean;
  readonly asked: Map<string, boolean>;
}

function usage(detection: Detection): Usage {
  const alternatives = [...detection.searches.values()].flatMap((search) => search.alternatives);
  const items = alternatives.flat();
  const uses = (...names: readonly string[]) => items.some((item) => names.includes(item.field));
  const types = new Set(items.filter((item) => item.field === 'type').flatMap(textsOf));
  const keywordsAlone = uses('') && types.size === 0;
  for (const alternative of alternatives) checkArguments(alternative);
  const calls = uses('syscall', 'SYSCALL');
  return {
    calls,
    paths: calls || keywordsAlone || types.has('PATH') || uses('name', 'nametype', 'inode', 'ouid'),
    addresses: calls || types.has('SOCKADDR') || uses('laddr', 'lport', 'saddr_fam', 'fam'),
    modules: types.has('KERN_MODULE'),
    outcome: calls || uses('success', 'exit'),
    asked: new Map(),
  };
}

function textsOf({ modified }: Item): string[] {
  return modified.groups.flat().map((value) => {
    if (value.type === 'number') return value.spelling;
    return value.type === 'text' ? literalOf(value.text).toUpperCase() : '';
  });
}

/** a0, a1, … are a program's arguments in EXECVE, and a call's registers in SYSCALL, which are not recorded. */
function checkArguments(items: readonly Item[]): void {
  const argument = items.find((item) => /^a\d+$/.test(item.field));
  if (argument === undefined) return;
  const types = items.filter((item) => item.field === 'type').flatMap(textsOf);
  const calls = items.filter((item) => /^syscall$/i.test(item.field)).flatMap(textsOf);
  const known = calls.length > 0 && calls.every((name) => CALLS_WITH_REGISTER.has(name.toLowerCase()));
  if (known && items.every(({ field: name }) => !/^a[1-9]\d*$/.test(name))) return;
  const ofCall = types.includes('SYSCALL') && !types.includes('EXECVE');
  if (ofCall || calls.some((name) => !/^(?:EXECVE(?:AT)?|59|322)$/.test(name))) {
    throw new SigmaFault(
      'the arguments of system calls are not recorded',
      argument.line,
      'those of programs are, in records of type EXECVE',
    );
  }
}

/** The meaning of a field of audit; undefined where it has none, so that it may be one of ours. Throws SigmaFault. */
export function auditField(name: string, audit: AuditdRecord): SigmaField | undefined {
  const subjects = (names: readonly string[]): Subject[] => names.map(field);
  const cases = (label: string, of: readonly (readonly [string, Condition])[]): SigmaField => ({
    type: 'cases',
    label,
    cases: of,
    asked: audit.asked,
  });
  const argument = /^a(\d{1,3})$/.exec(name)?.[1];
  if (argument !== undefined) {
    if (!audit.hasArguments)
      return argument === '0' ? cases('the first register', registerCases(audit.kinds)) : { type: 'absent' };
    return { type: 'value', subjects: [{ ...field('process.args'), index: Number(argument) }] };
  }
  const same = SAME.get(name);
  if (same !== undefined) {
    return { type: 'value', subjects: subjects(same), ...(name === 'auid' ? { absentAs: NO_LOGIN_USER } : {}) };
  }
  if (Object.hasOwn(NOT_RECORDED, name)) {
    throw new SigmaFault(`the field ${quoted(name)} of auditd is not recorded: ${NOT_RECORDED[name]}`);
  }
  switch (name) {
    case 'type':
      return cases('the type', audit.types);
    case 'argc':
      return audit.hasArguments
        ? { type: 'value', subjects: [{ ...field('process.args'), transform: 'size' }] }
        : { type: 'absent' };
    case 'name':
      return audit.names.length === 0 ? { type: 'absent' } : { type: 'either', subjects: subjects(audit.names) };
    case 'nametype':
      return audit.nametypes.length === 0 ? { type: 'absent' } : cases('the nametype', audit.nametypes);
    case 'syscall':
    case 'SYSCALL':
      return cases('the system call', callCases(audit.kinds));
    case 'success':
      return cases('success', [
        ['yes', CALL_SUCCEEDED],
        ['no', not(CALL_SUCCEEDED)],
      ]);
    case 'laddr':
      return audit.address === undefined
        ? { type: 'absent' }
        : { type: 'value', subjects: subjects([`network.${audit.address}.ip`]) };
    case 'lport':
      return audit.address === undefined
        ? { type: 'absent' }
        : { type: 'value', subjects: subjects([`network.${audit.address}.port`]) };
    case 'saddr_fam':
    case 'fam':
      return audit.address === undefined ? { type: 'absent' } : cases('the address family', families(audit.address));
    default:
      return undefined;
  }
}

function families(whose: 'source' | 'destination'): (readonly [string, Condition])[] {
  const address = field(`network.${whose}.ip`);
  const six = leaf(address, { op: 'contains', values: [':'] });
  return [
    ['inet', all([exists(address), not(six)])],
    ['inet6', six],
  ];
}

/** What the rule asks for and no event here is, for the person who reads it. */
export function neverSeen(variants: readonly Variant[]): string[] {
  const asked = variants[0]?.audit?.asked ?? new Map<string, boolean>();
  return [...asked].flatMap(([what, seen]) => (seen ? [] : [what]));
}
