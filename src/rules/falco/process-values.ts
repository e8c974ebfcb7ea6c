/** Values of Falco's proc.* and thread.* fields that our events have in other forms. */
import type { FieldValue, ProcessSummary } from '../../schema/event.ts';
import { any, type Condition, field, leaf, type Test } from '../tree.ts';
import { commOf } from './meaning.ts';

const NS = 1e9;

/** Argument lists are shared by all events of a program, so what follows from one is kept with it. */
const tails = new WeakMap<readonly string[], string>();

export const isTexts = (value: FieldValue): value is readonly string[] =>
  Array.isArray(value) && (value.length === 0 || typeof value[0] === 'string');

const isProcesses = (value: FieldValue): value is readonly ProcessSummary[] =>
  Array.isArray(value) && typeof value[0] === 'object';

/** The arguments after the first, joined; of a command line alone what follows its first word. */
export function argumentText(args: FieldValue, commandLine: FieldValue): string {
  if (isTexts(args)) {
    let text = tails.get(args);
    if (text === undefined) {
      text = args.slice(1).join(' ');
      tails.set(args, text);
    }
    return text;
  }
  if (typeof commandLine !== 'string') return '';
  const blank = commandLine.indexOf(' ');
  return blank < 0 ? '' : commandLine.slice(blank + 1);
}

/** argv[0]; of a command line alone its first word. */
export function firstArgument(args: FieldValue, commandLine: FieldValue): string | undefined {
  if (isTexts(args)) return args[0];
  return typeof commandLine === 'string' ? (commandLine.split(' ', 1)[0] ?? '') : undefined;
}

/** Task name and arguments: Falco's proc.cmdline. */
export function commandText(name: FieldValue, args: FieldValue, commandLine: FieldValue): string | undefined {
  if (typeof name !== 'string') return undefined;
  const tail = argumentText(args, commandLine);
  // An argument that is empty still has its blank.
  return tail === '' && !(isTexts(args) && args.length > 1) ? commOf(name) : `${commOf(name)} ${tail}`;
}

/** argv[0] and arguments: Falco's proc.exeline, which ends in a blank where there are none. */
export function exeLine(args: FieldValue, commandLine: FieldValue): string | undefined {
  const exe = firstArgument(args, commandLine);
  return exe === undefined ? undefined : `${exe} ${argumentText(args, commandLine)}`;
}

/** Number and length of the arguments. */
export function argumentCount(args: FieldValue): number | undefined {
  return isTexts(args) ? Math.max(0, args.length - 1) : undefined;
}
export function argumentLength(args: FieldValue): number | undefined {
  return isTexts(args) ? args.slice(1).reduce((sum, text) => sum + Buffer.byteLength(text), 0) : undefined;
}

/** A piece of a command line without a blank lies in one argument, or in the name before them. */
export function impliedByCommand(
  names: readonly string[],
  lists: readonly string[],
): (test: Test) => Condition | undefined {
  return (test) => {
    if (test.op !== 'contains' && test.op !== 'startsWith' && test.op !== 'endsWith' && test.op !== 'equal')
      return undefined;
    const pieces = test.values.map((value) => longestPiece(String(value)));
    if (pieces.length === 0 || pieces.some((piece) => piece === '')) return undefined;
    const within: Test = { op: 'contains', values: pieces, ignoreCase: test.ignoreCase === true };
    return any([
      ...names.map((name) => leaf(field(name), within)),
      ...lists.map(
        (name): Condition => ({
          type: 'quantifier',
          how: 'any',
          over: field(name),
          where: leaf({ from: 'element', level: 0 }, within),
        }),
      ),
    ]);
  };
}

function longestPiece(text: string): string {
  return text.split(/\s+/).reduce((best, piece) => (piece.length > best.length ? piece : best), '');
}

/** Processes above: nearest first. Of an event that tells its parent alone, that one. */
export function ancestorsOf(ancestors: FieldValue, parentName: FieldValue): readonly Partial<ProcessSummary>[] {
  if (isProcesses(ancestors)) return ancestors;
  return typeof parentName === 'string' ? [{ name: parentName }] : [];
}

/** A process above stays the same object while it runs the same program. */
const names = new WeakMap<object, string>();
export function summaryName(process: Partial<ProcessSummary>): string | undefined {
  if (process.name === undefined) return undefined;
  let name = names.get(process);
  if (name === undefined) {
    name = commOf(process.name);
    names.set(process, name);
  }
  return name;
}
export function summaryExe(process: Partial<ProcessSummary>): string | undefined {
  return firstArgument(process.args, process.command_line);
}
function summaryCommand(process: Partial<ProcessSummary>): string | undefined {
  return commandText(process.name, process.args, process.command_line);
}

const SUMMARY: Readonly<Record<string, (process: Partial<ProcessSummary>) => FieldValue>> = {
  'proc.aname': summaryName,
  'proc.aexe': summaryExe,
  'proc.aexepath': (process) => process.path,
  'proc.acmdline': summaryCommand,
  'proc.aargs': (process) =>
    process.args === undefined && process.command_line === undefined
      ? undefined
      : argumentText(process.args, process.command_line),
  'proc.apid': (process) => process.pid,
};

/** What a field of the ancestors reads of each. */
export function ancestorReader(name: string): (process: Partial<ProcessSummary>) => FieldValue {
  return SUMMARY[name] ?? (() => undefined);
}

/** Nanoseconds between two times in seconds; absent without one of them. */
export function durationOf(from: FieldValue, to: FieldValue): number | undefined {
  return typeof from === 'number' && typeof to === 'number' ? Math.round((to - from) * NS) : undefined;
}

/** When an executable was changed that was so old at the start. */
export function changedAt(start: FieldValue, age: FieldValue): number | undefined {
  return typeof start === 'number' && typeof age === 'number' ? start - age : undefined;
}

export function nanoseconds(seconds: FieldValue): number | undefined {
  return typeof seconds === 'number' ? Math.round(seconds * NS) : undefined;
}

const PTS = 136 << 8;
const TTY = 4 << 8;

/** The number that the kernel has for a terminal; 0 without one. */
export function ttyNumber(tty: FieldValue): number {
  if (typeof tty !== 'string' || tty === '') return 0;
  const [, kind, number] = /^(?:\/dev\/)?(pts\/?|ttyS|tty)(\d+)$/.exec(tty) ?? [];
  const minor = Number(number);
  if (kind === undefined) return /^\d+$/.test(tty) ? Number(tty) : 1;
  if (kind === 'ttyS') return TTY + 64 + minor;
  return (kind === 'tty' ? TTY : PTS) + minor;
}

/** Environment as one text, and one variable of it: '' where it is not set, as Falco has it. */
export function environmentText(env: FieldValue): string {
  if (typeof env !== 'object' || Array.isArray(env)) return '';
  return Object.entries(env)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ');
}
export function variableOf(env: FieldValue, name: string): string {
  if (typeof env !== 'object' || Array.isArray(env) || !Object.hasOwn(env, name)) return '';
  return String((env as Readonly<Record<string, unknown>>)[name]).replace(/^ +| +$/g, '');
}

/** The process of this pid, the acting one or one above it. */
export function processOf(
  pid: FieldValue,
  own: Partial<ProcessSummary>,
  ancestors: readonly Partial<ProcessSummary>[],
): Partial<ProcessSummary> | undefined {
  return typeof pid === 'number' ? [own, ...ancestors].find((process) => process.pid === pid) : undefined;
}

/** The oldest shell among the process and those above it. */
export function loginShell(
  pid: FieldValue,
  name: FieldValue,
  ancestors: readonly Partial<ProcessSummary>[],
): number | undefined {
  const own = { ...(typeof pid === 'number' ? { pid } : {}), ...(typeof name === 'string' ? { name } : {}) };
  return [own, ...ancestors].filter((process) => summaryName(process)?.endsWith('sh') === true).at(-1)?.pid;
}

/** Flags of an exec as Falco writes them in evt.arg.flags. */
export function execFlags(writable: FieldValue, upper: FieldValue, memfd: FieldValue): string {
  const flags = [
    writable === true ? 'EXE_WRITABLE' : '',
    upper === true ? 'EXE_UPPER_LAYER' : '',
    memfd === true ? 'EXE_FROM_MEMFD' : '',
  ];
  return flags.filter((name) => name !== '').join('|') || '0';
}

/** Falco's word for what a descriptor leads to; absent for a closed one. */
export function streamType(type: FieldValue, ip: FieldValue): string | undefined {
  switch (type) {
    case 'socket':
      return typeof ip === 'string' && ip.includes(':') ? 'ipv6' : 'ipv4';
    case 'tty':
    case 'null':
    case 'device':
    case 'file':
      return 'file';
    case 'unix':
    case 'pipe':
    case 'directory':
    case 'memfd':
      return type;
    default:
      return undefined;
  }
}
