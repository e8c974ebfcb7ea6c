import { ownPid } from '../../own-pid.ts';
import type { FieldValue } from '../event.ts';
import type { FieldName } from '../fields.ts';
import { kindSpec } from '../kinds.ts';
import type { FieldReaders, Members } from '../members.ts';
import { accessOf, inodeFlagNames, openFlagNames } from '../names/flags.ts';
import { absolutePath, baseName, directoryName, extensionOf } from '../paths.ts';
import type { LiveView, SpanReader } from '../view.ts';
import { RECORD_FLAGS as F } from './flags.ts';

/** A chown leaves an id alone when it is asked for -1. */
const UNCHANGED = 0xffffffff;
const octal = (mode: number) => (mode & 0o7777).toString(8).padStart(4, '0');

/** The path of a record: what the kernel resolved as it is, what user space passed joined to its directory. */
export function pathReader(members: Members, path: string, base: string) {
  const text = members.text(path);
  const from = members.text(base);
  const flags = members.number('header.flags');
  return members.cached((view) => {
    const raw = text(view);
    if (raw === undefined || (flags(view) & F.UNVERIFIED) === 0) return raw;
    return throughRoot(absolutePath(raw, from(view)), view);
  });
}

/** The bytes of such a path, where it is what the kernel resolved, or what was passed needs no resolving: half of all opens fail. */
function pathSpan(members: Members, path: string, base: string): SpanReader {
  const span = members.span(path);
  const from = members.span(base);
  const flags = members.number('header.flags');
  return (view) => {
    if ((flags(view) & F.UNVERIFIED) === 0) return span(view);
    if (from(view) !== undefined) return undefined;
    const passed = span(view);
    return passed !== undefined && isResolved(passed.bytes, passed.at, passed.length) ? passed : undefined;
  };
}

const [SLASH, DOT] = [0x2f, 0x2e];
const PROC = [...Buffer.from('/proc/')];

function isInProc(bytes: Uint8Array, at: number, length: number): boolean {
  if (length < PROC.length) return false;
  for (let index = 1; index < PROC.length; index++) if (bytes[at + index] !== PROC[index]) return false;
  return true;
}

/** Whether a path is absolute, outside /proc, and leaves nothing for `absolutePath` to do. */
function isResolved(bytes: Uint8Array, at: number, length: number): boolean {
  const end = at + length;
  if (bytes[at] !== SLASH || isInProc(bytes, at, length)) return false;
  for (let index = at; index < end; index++) {
    if (bytes[index] !== SLASH) continue;
    const next = index + 1 === end ? SLASH : bytes[index + 1];
    if (next === SLASH) return false;
    if (next !== DOT) continue;
    const second = index + 2 === end ? SLASH : bytes[index + 2];
    if (second === SLASH) return false;
    if (second === DOT && (index + 3 === end || bytes[index + 3] === SLASH)) return false;
  }
  return true;
}

/** Of the file kinds, as `pathReader` reads them. */
export function fileSpans(members: Members): Partial<Record<FieldName, SpanReader>> {
  const { file = [] } = kindSpec(members.layout.kind) ?? {};
  return {
    'file.path': pathSpan(members, 'path', 'base'),
    ...(file.includes('new_path') && !file.includes('target')
      ? { 'file.new_path': pathSpan(members, 'new_path', 'new_base') }
      : {}),
  };
}

/**
 * The kernel side follows /proc/self/root at the beginning of a name. What is
 * left are names that reach it by a directory or by the number of the process
 * or of the first one: those two have the host's root where the process has the
 * host's namespaces.
 */
function throughRoot(path: string, view: LiveView): string {
  const [, number, rest] = /^\/proc\/(self|thread-self|\d+)(?:\/task\/\d+)?\/root(\/.*|)$/.exec(path) ?? [];
  if (number === undefined || view.process?.hostNamespaces !== true) return path;
  if (/^\d/.test(number) && number !== '1' && Number(number) !== view.process.pid) return path;
  return rest === '' ? '/' : throughRoot(rest ?? '/', view);
}

/** file.path and its parts. */
export function pathReaders(path: (view: LiveView) => string | undefined): FieldReaders {
  const part = (cut: (path: string) => string) => (view: LiveView) => {
    const whole = path(view);
    return whole === undefined ? undefined : cut(whole);
  };
  return {
    'file.path': path,
    'file.name': part(baseName),
    'file.directory': part(directoryName),
    'file.extension': part(extensionOf),
  };
}

/** Where the inode is that the kernel acted upon; a record without one (a failed open) has none of these. */
export function identityReaders(members: Members): FieldReaders {
  const inode = members.number('file.inode');
  const device = members.number('file.device');
  const known = (read: (view: LiveView) => number) => (view: LiveView) => (inode(view) === 0 ? undefined : read(view));
  return {
    'file.inode': known(inode),
    'file.device': (view) => {
      const number = device(view);
      return inode(view) === 0 ? undefined : `${number >>> 20}:${number & 0xfffff}`;
    },
    'file.links': known(members.number('file.links')),
    'file.owner': known(members.number('file.owner')),
    'file.group': known(members.number('file.group')),
  };
}

/** file.* of the file kinds. */
export function fileReaders(members: Members): FieldReaders {
  const { access, file = [] } = kindSpec(members.layout.kind) ?? {};
  const flags = members.number('header.flags');
  const openFlags = members.number('open_flags');
  const inode = members.number('file.inode');
  const mode = members.number('file.mode');
  const newMode = members.number('new_mode');
  const readers: FieldReaders = {
    ...pathReaders(pathReader(members, 'path', 'base')),
    ...identityReaders(members),
    'file.mode': (view) => {
      if (inode(view) !== 0) return octal(mode(view));
      return file.includes('new_mode') ? octal(newMode(view)) : undefined;
    },
  };
  if (access !== undefined) {
    // mknod creates too, but opens nothing.
    const opened = (view: LiveView) => access !== 'flags_if_opened' || openFlags(view) !== 0;
    const how = access === 'read' || access === 'write' ? () => access : (view: LiveView) => accessOf(openFlags(view));
    readers['file.flags'] = (view) => (opened(view) ? openFlagNames(openFlags(view)) : undefined);
    readers['file.access'] = (view) => (opened(view) ? how(view) : undefined);
    readers['file.created'] = (view) => (flags(view) & F.CREATED) !== 0;
  }
  readers['file.overlaid'] = (view) => (flags(view) & F.OVERLAID) !== 0;
  const path = readers['file.path'];
  readers['file.of_sensor'] = (view) => {
    const text = path?.(view);
    return typeof text === 'string' && text.startsWith(`/proc/${ownPid()}/`);
  };
  if (file.includes('passed_path') && path !== undefined) readers['file.passed_path'] = passedReader(members, path);
  if (file.includes('bytes')) readers['file.bytes'] = members.number('bytes');
  if (file.includes('new_path')) readers['file.new_path'] = pathReader(members, 'new_path', 'new_base');
  // A link's text is stored as it was given: it may be relative to where the link lies.
  if (file.includes('target')) readers['file.new_path'] = members.text('new_path');
  if (file.includes('attribute')) readers['file.attribute'] = members.text('attribute');
  if (file.includes('inode_flags')) readers['file.inode_flags'] = (view) => inodeFlagNames(newMode(view));
  if (file.includes('new_owner')) {
    readers['file.owner'] = changed(members.number('new_owner'), inode, members.number('file.owner'));
    readers['file.group'] = changed(members.number('new_group'), inode, members.number('file.group'));
  }
  return readers;
}

/** What the program passed: kept beside what the kernel resolved, or all that there is of a file that was not opened. */
function passedReader(members: Members, path: (view: LiveView) => FieldValue) {
  const kept = members.text('new_path');
  const name = members.text('path');
  const flags = members.number('header.flags');
  return (view: LiveView) => {
    const passed = kept(view) ?? ((flags(view) & F.UNVERIFIED) === 0 ? undefined : name(view));
    return passed === path(view) ? undefined : passed;
  };
}

function changed(
  asked: (view: LiveView) => number,
  inode: (view: LiveView) => number,
  now: (view: LiveView) => number,
) {
  return (view: LiveView) => {
    const value = asked(view);
    if (value !== UNCHANGED) return value;
    return inode(view) === 0 ? undefined : now(view);
  };
}
