/** What follows for a recorded event about its programs, by the same functions as for a live one. */
import type { FieldValue, ProcessSummary } from '../event.ts';
import { type FieldId, type FieldName, fieldId } from '../fields.ts';
import { kindSpec } from '../kinds.ts';
import { type IdentityFacts, identify } from './program.ts';
import { scriptName } from './script.ts';

const at = (name: FieldName): number => fieldId(name) ?? -1;
const text = (value: FieldValue): string | undefined => (typeof value === 'string' ? value : undefined);
const list = (value: FieldValue): readonly string[] | undefined =>
  Array.isArray(value) ? (value as readonly string[]) : undefined;

const OWN = {
  type: at('event.type'),
  error: at('event.error'),
  name: at('process.name'),
  path: at('process.path'),
  filename: at('process.filename'),
  interpreter: at('process.interpreter'),
  args: at('process.args'),
  cwd: at('process.cwd'),
  stdin: at('process.stdin.type'),
  tty: at('process.tty'),
};

/** Fills in what is absent; the fields that it filled. */
export function deriveIdentity(values: FieldValue[]): ReadonlySet<FieldId> {
  const given = values.map((value) => value !== undefined);
  const failed = kindSpec(text(values[OWN.type]) ?? '')?.keeps === 'exec' && (values[OWN.error] ?? '') !== '';
  const filename = failed ? undefined : text(values[OWN.filename]);
  const named = text(values[OWN.interpreter]);
  const stdin = text(values[OWN.stdin]);
  set(values, 'process', {
    name: text(values[OWN.name]),
    path: text(values[OWN.path]),
    filename,
    // A record names the interpreter also where it was started as a program itself.
    interp: named === filename ? undefined : named,
    args: list(values[OWN.args]),
    cwd: text(values[OWN.cwd]),
    terminal: stdin === undefined ? values[OWN.tty] !== undefined : stdin === 'tty',
  });
  const own = (part: 'name' | 'path' | 'cwd') => text(values[at(`process.parent.${part}`)]);
  set(values, 'process.parent', {
    name: own('name'),
    path: own('path'),
    cwd: own('cwd'),
    args: list(values[at('process.parent.args')]),
    filename: undefined,
    interp: undefined,
    terminal: values[at('process.parent.tty')] !== undefined,
  });
  const path = text(values[at('target.path')]);
  const target = { path, name: text(values[at('target.name')]), filename: undefined, interp: undefined };
  const { program, effectivePath } = identify({ ...target, args: undefined, cwd: undefined, terminal: false });
  values[at('target.program')] ??= program;
  values[at('target.effective_path')] ??= effectivePath;
  ancestors(values);
  return new Set(values.flatMap((value, field) => (value === undefined || given[field] === true ? [] : [field])));
}

function set(values: FieldValue[], whose: 'process' | 'process.parent', facts: IdentityFacts): void {
  const { program, applet, script, invokedPath, effectivePath } = identify(facts);
  values[at(`${whose}.program`)] ??= program;
  values[at(`${whose}.invoked_path`)] ??= (script === undefined ? besideFile(facts) : undefined) ?? invokedPath;
  values[at(`${whose}.effective_path`)] ??= effectivePath;
  values[at(`${whose}.script.kind`)] ??= script?.kind;
  values[at(`${whose}.script.path`)] ??= script?.path;
  if (whose !== 'process') return;
  values[at('process.applet')] ??= applet;
  if (script === undefined) return;
  values[at('process.script.name')] ??= scriptName(script);
  values[at('process.script.command')] ??= script.command;
}

/** Where only the name is known that a program was started by (sh, of dash), it stands beside the file: links mostly do. */
function besideFile({ name, path, filename }: IdentityFacts): string | undefined {
  if (filename !== undefined || name === undefined || path === undefined || name.includes('/')) return undefined;
  const slash = path.lastIndexOf('/');
  return slash < 0 || name === '' || path.slice(slash + 1) === name ? undefined : path.slice(0, slash + 1) + name;
}

function ancestors(values: FieldValue[]): void {
  const known = values[at('process.ancestors')] as readonly ProcessSummary[] | undefined;
  if (known === undefined) return;
  const each = known.map(({ name, path, args, program, effective_path }) => {
    const facts = { name, path, args, filename: undefined, interp: undefined, cwd: undefined, terminal: false };
    const found = identify(facts);
    return { program: program ?? found.program, effective: effective_path ?? found.effectivePath };
  });
  values[at('process.ancestor_programs')] ??= each.flatMap(({ program }) => program ?? []);
  values[at('process.ancestor_effective_paths')] ??= each.flatMap(({ effective }) => effective ?? []);
}
