import type { FeedContext, ProgramContext, StreamContext } from '../context.ts';
import type { FieldValue } from '../event.ts';
import type { FieldName } from '../fields.ts';
import { scriptName } from '../identity/script.ts';
import type { FieldReaders } from '../members.ts';
import type { LiveView } from '../view.ts';

/** A file that was changed within so many seconds before its start is new. */
const NEW_SECONDS = 600;
export const isNew = (age: number): boolean => age < NEW_SECONDS;

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
    'process.injected': (view) => view.program?.injected,
    'process.parent.trusted': (view) => parent(view)?.trusted,
    'process.parent.copy_of': (view) => parent(view)?.copyOf,
    'process.exe_owner_uid': (view) => view.program?.executable.owner,
    'process.exe_writable': (view) => view.program?.executable.writableByOthers,
    'process.exe_age': (view) => view.program?.executable.age,
    'process.exe_modified': (view) => view.program?.executable.modified,
    'process.exe_new': (view) => {
      const age = view.program?.executable.age;
      return age === undefined ? undefined : isNew(age);
    },
    'process.parent.program': (view) => parent(view)?.program,
    'process.parent.invoked_path': (view) => parent(view)?.invokedPath,
    'process.parent.effective_path': (view) => parent(view)?.effectivePath,
    'process.parent.script.kind': (view) => parent(view)?.script?.kind,
    'process.parent.script.path': (view) => parent(view)?.script?.path,
    'process.parent.stdin.type': (view) => parent(view)?.stdin?.type,
    'process.ancestor_programs': (view) => view.process?.ancestors.programs,
    'process.ancestor_effective_paths': (view) => view.process?.ancestors.effectivePaths,
    ...feedReaders('fed_by', (view) => view.program?.fedBy),
    ...feedReaders('feeds', (view) => view.program?.feeds),
    ...streamReaders('stdin'),
    ...streamReaders('stdout'),
    ...streamReaders('stderr'),
    'target.program': (view) => view.target?.program.program,
    'target.trusted': (view) => view.target?.program.trusted,
    'target.effective_path': (view) => view.target?.program.effectivePath,
  };
}

type FeedPart = 'program' | 'programs' | 'name' | 'path' | 'command_line' | 'pid' | 'how';

const FEED_PARTS: Readonly<Record<FeedPart, (feed: FeedContext) => FieldValue>> = {
  program: (feed) => feed.program.program,
  programs: (feed) => feed.programs,
  name: (feed) => feed.program.name,
  path: (feed) => feed.program.path,
  command_line: (feed) => feed.program.commandLine,
  pid: (feed) => feed.pid,
  how: (feed) => feed.how,
};

const partsOf = (name: 'fed_by' | 'feeds') =>
  Object.entries(FEED_PARTS).map(([part, read]) => [`process.${name}.${part as FeedPart}`, read] as const);

function feedReaders(name: 'fed_by' | 'feeds', of: (view: LiveView) => FeedContext | undefined): FieldReaders {
  return Object.fromEntries(
    partsOf(name).map(([field, read]) => [
      field,
      (view: LiveView) => {
        const feed = of(view);
        return feed === undefined ? undefined : read(feed);
      },
    ]),
  );
}

/** The same fields of a program whose other end started after it. */
export function feedValues({
  fedBy,
  feeds,
}: Pick<ProgramContext, 'fedBy' | 'feeds'>): readonly (readonly [FieldName, FieldValue])[] {
  return (
    [
      ['fed_by', fedBy],
      ['feeds', feeds],
    ] as const
  ).flatMap(([name, feed]) =>
    partsOf(name).map(([field, read]) => [field, feed === undefined ? undefined : read(feed)] as const),
  );
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
