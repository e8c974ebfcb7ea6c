/**
 * A rule that blocks -> what the kernel can refuse before it happens. Exact: a
 * call is refused when, and only when, its event would match. What asks for
 * anything else than kind, path, program, user, address and port is not decided
 * there, and the reason is said.
 */
import type { ProhibitedObject, Prohibition } from '../../kernel/types.ts';
import { fieldName } from '../../schema/fields.ts';
import { kindSpec } from '../../schema/kinds.ts';
import { expandBehaviors } from '../behaviors.ts';
import { parseNetwork } from '../predicate/cidr.ts';
import type { Condition, Leaf } from '../tree.ts';
import { knowsLiveKind, specialise } from './specialise.ts';

/** Undecided: why the kernel cannot decide it. */
export type Decision = { readonly prohibitions: readonly Prohibition[] } | { readonly because: string };

type Part = Omit<Prohibition, 'kind' | 'object'> & {
  readonly path?: string;
  readonly below?: string;
  readonly newPath?: string;
  readonly newBelow?: string;
  readonly address?: string;
  readonly port?: number;
};

/** Of one rule; the kernel's table holds 4,096 for all. */
const MOST = 1024;
const MOST_COMPONENTS = 120;
const NAME_BYTES = 255;
const MAX_PORT = 65535;

class Undecided extends Error {}

/** @param kinds The kinds of event whose calls the kernel can refuse. */
export function prohibitionsOf(condition: Condition, kinds: Iterable<string>): Decision {
  const prohibitions: Prohibition[] = [];
  try {
    for (const kind of kinds) {
      const narrowed = specialise(expandBehaviors(condition), knowsLiveKind(kind));
      if (narrowed.type === 'const' && !narrowed.value) continue;
      for (const part of alternatives(narrowed, kind)) prohibitions.push(prohibition(kind, part));
      if (prohibitions.length > MOST) throw new Undecided(`it names more than ${MOST} things`);
    }
  } catch (error) {
    if (error instanceof Undecided) return { because: error.message };
    throw error;
  }
  return prohibitions.length === 0
    ? { because: 'the kernel refuses no calls of its kind (or did not at the start: restart)' }
    : { prohibitions };
}

function prohibition(kind: string, part: Part): Prohibition {
  const { program, user } = part;
  const object = objectOf(part);
  if (object === undefined && program === undefined)
    throw new Undecided(`it names neither what ${kind} is about nor a program: everything would be refused`);
  return {
    kind,
    ...(object === undefined ? {} : { object }),
    ...(program === undefined ? {} : { program }),
    ...(user === undefined ? {} : { user }),
  };
}

function objectOf({ path, below, newPath, newBelow, address, port }: Part): ProhibitedObject | undefined {
  if ((path ?? below) !== undefined && (newPath ?? newBelow) !== undefined)
    throw new Undecided('it names both the old and the new name');
  if (path !== undefined) return { is: 'path', path };
  if (below !== undefined) return { is: 'below', directory: below };
  if (newPath !== undefined) return { is: 'new_path', path: newPath };
  if (newBelow !== undefined) return { is: 'new_below', directory: newBelow };
  if (address !== undefined && port !== undefined) return { is: 'endpoint', address, port };
  if (address !== undefined) return { is: 'address', address };
  return port === undefined ? undefined : { is: 'port', port };
}

/** One of them holds exactly when the condition does. */
function alternatives(condition: Condition, kind: string): readonly Part[] {
  switch (condition.type) {
    case 'const':
      return condition.value ? [{}] : [];
    case 'any':
      return condition.of.flatMap((child) => alternatives(child, kind));
    case 'all': {
      let parts: readonly Part[] = [{}];
      for (const child of condition.of) {
        const more = alternatives(child, kind);
        parts = parts.flatMap((part) => more.flatMap((other) => joined(part, other)));
        if (parts.length > MOST) throw new Undecided(`it names more than ${MOST} things`);
      }
      return parts;
    }
    case 'leaf':
      return leafParts(condition, kind);
    case 'not':
      throw new Undecided('it has a negation');
    case 'quantifier':
      throw new Undecided('it looks into a list');
  }
}

/** Both at once; nothing when they exclude each other. */
function joined(one: Part, other: Part): readonly Part[] {
  for (const key of ['path', 'newPath', 'address', 'port', 'program', 'user'] as const)
    if (one[key] !== undefined && other[key] !== undefined && one[key] !== other[key]) return [];
  let merged: Part | undefined = { ...one, ...other };
  for (const [exact, directory] of [
    ['path', 'below'],
    ['newPath', 'newBelow'],
  ] as const)
    merged = merged === undefined ? undefined : narrowed(merged, exact, [one[directory], other[directory]], directory);
  return merged === undefined ? [] : [merged];
}

/** A name that is given whole, and what it must lie below: one of them is left; undefined when they exclude each other. */
function narrowed(
  merged: Part,
  exact: 'path' | 'newPath',
  directories: readonly (string | undefined)[],
  directory: 'below' | 'newBelow',
): Part | undefined {
  const [first, second] = directories.filter((each) => each !== undefined);
  if (first === undefined) return merged;
  if (merged[exact] !== undefined) {
    const { [directory]: _, ...rest } = merged;
    return [first, second].every((each) => each === undefined || merged[exact]?.startsWith(`${each}/`))
      ? rest
      : undefined;
  }
  if (second !== undefined && first !== second) throw new Undecided('it names two directories at once');
  return merged;
}

function leafParts({ subject, test }: Leaf, kind: string): readonly Part[] {
  if (subject.from !== 'field' || subject.transform !== undefined || subject.index !== undefined)
    throw new Undecided('it looks at something made of several fields');
  const name = fieldName(subject.field);
  if (('ignoreCase' in test && test.ignoreCase === true) || ('loose' in test && test.loose === true))
    throw new Undecided(`it compares ${name} without regard to case or type`);
  const equal = test.op === 'equal' ? test.values : undefined;
  switch (name) {
    case 'event.error': // What has not happened yet has no error.
      if (equal?.includes('') === true) return [{}];
      break;
    case 'file.path':
      if (kindSpec(kind)?.object === 'file') return paths(test, name);
      break;
    case 'file.new_path':
      // The kinds whose second name bpf/prevent.bpf.c looks at.
      if (kindSpec(kind)?.file?.includes('new_path') === true)
        return paths(test, name).map(({ path, below }) => ({
          ...(path === undefined ? {} : { newPath: path }),
          ...(below === undefined ? {} : { newBelow: below }),
        }));
      break;
    case 'process.path':
      if (kindSpec(kind)?.object === 'program') return paths(test, name);
      if (equal !== undefined) return equal.map((value) => ({ program: absolute(String(value), name) }));
      break;
    case 'process.uid':
      if (equal?.every((value) => Number.isInteger(value)) === true)
        return equal.map((value) => ({ user: Number(value) }));
      break;
    case 'network.destination.port':
      if (equal?.every((value) => Number.isInteger(value) && Number(value) > 0 && Number(value) <= MAX_PORT) === true)
        return equal.map((value) => ({ port: Number(value) }));
      break;
    case 'network.destination.ip': {
      const texts = test.op === 'cidr' ? test.values : equal?.map(String);
      if (texts !== undefined) return texts.map((text) => ({ address: single(text) }));
    }
  }
  throw new Undecided(`it asks for ${name} in a way that only the daemon can decide`);
}

function paths(test: Leaf['test'], name: string): readonly Part[] {
  if (test.op === 'equal') return test.values.map((value) => ({ path: absolute(String(value), name) }));
  if (test.op === 'startsWith' && test.values.every((value) => value.endsWith('/') && value !== '/'))
    return test.values.map((value) => ({ below: absolute(value.slice(0, -1), name) }));
  throw new Undecided(`${name} must be a path, or begin with a directory and a slash`);
}

/** A path as the kernel has it. */
function absolute(path: string, name: string): string {
  const parts = path.split('/').slice(1);
  const plain =
    path.startsWith('/') &&
    parts.length <= MOST_COMPONENTS &&
    parts.every(
      (part) =>
        part !== '' && part !== '.' && part !== '..' && !part.includes('\0') && Buffer.byteLength(part) <= NAME_BYTES,
    );
  if (!plain || path.includes('\ufffd')) throw new Undecided(`${name} ${JSON.stringify(path)} is no absolute path`);
  return path;
}

function single(text: string): string {
  try {
    const [address, bits] = parseNetwork(text);
    if (bits === (address.kind() === 'ipv4' ? 32 : 128)) return address.toString();
  } catch {
    throw new Undecided(`${JSON.stringify(text)} is no address`);
  }
  throw new Undecided('it names a network; the kernel decides single addresses');
}
