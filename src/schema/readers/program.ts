import type { ProgramContext, StreamContext } from '../context.ts';
import { scriptName } from '../identity/script.ts';
import type { FieldReaders } from '../members.ts';
import type { LiveView } from '../view.ts';

/** A file that was changed within so many seconds before its start is new. */
export const NEW_SECONDS = 600;

const parent = (view: LiveView): ProgramContext | undefined => view.process?.parent?.program;

/** What a program is, and what its standard descriptors led to. */
export function programReaders(): FieldReaders {
  return {
    'process.program': (view) => view.program?.program,
    'process.applet': (view) => view.program?.applet,
    'process.invoked_path': (view) => view.program?.invokedPath,
    'process.effective_path': (view) => view.program?.effectivePath,
    'process.script.kind': (view) => view.program?.script?.kind,
    'process.script.path': (view) => view.program?.script?.path,
    'process.script.name': (view) => {
      const script = view.program?.script;
      return script === undefined ? undefined : scriptName(script);
    },
    'process.script.command': (view) => view.program?.script?.command,
    'process.copy_of': (view) => view.program?.copyOf,
    'process.packaged': (view) => view.program?.packaged,
    'process.exe_trusted': (view) => view.program?.exeTrusted,
    'process.trusted': (view) => view.program?.trusted,
    'process.parent.trusted': (view) => parent(view)?.trusted,
    'process.parent.copy_of': (view) => parent(view)?.copyOf,
    'process.exe_owner_uid': (view) => view.program?.executable.owner,
    'process.exe_writable': (view) => view.program?.executable.writableByOthers,
    'process.exe_age': (view) => view.program?.executable.age,
    'process.exe_new': (view) => {
      const age = view.program?.executable.age;
      return age === undefined ? undefined : age < NEW_SECONDS;
    },
    'process.parent.program': (view) => parent(view)?.program,
    'process.parent.invoked_path': (view) => parent(view)?.invokedPath,
    'process.parent.effective_path': (view) => parent(view)?.effectivePath,
    'process.parent.script.kind': (view) => parent(view)?.script?.kind,
    'process.parent.script.path': (view) => parent(view)?.script?.path,
    'process.parent.stdin.type': (view) => parent(view)?.stdin?.type,
    'process.ancestor_programs': (view) => view.process?.ancestors.programs,
    'process.ancestor_effective_paths': (view) => view.process?.ancestors.effectivePaths,
    ...streamReaders('stdin'),
    ...streamReaders('stdout'),
    ...streamReaders('stderr'),
    'target.program': (view) => view.target?.program.program,
    'target.trusted': (view) => view.target?.program.trusted,
    'target.effective_path': (view) => view.target?.program.effectivePath,
  };
}

function streamReaders(name: 'stdin' | 'stdout' | 'stderr'): FieldReaders {
  const of = (view: LiveView): StreamContext | undefined => view.program?.[name];
  return {
    [`process.${name}.type`]: (view: LiveView) => of(view)?.type,
    [`process.${name}.path`]: (view: LiveView) => of(view)?.path,
    [`process.${name}.inode`]: (view: LiveView) => of(view)?.inode,
    [`process.${name}.ip`]: (view: LiveView) => of(view)?.ip,
    [`process.${name}.port`]: (view: LiveView) => of(view)?.port,
  };
}
