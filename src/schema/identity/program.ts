/**
 * What a program is: the one answer that rules ask for by `process.program`.
 * A pure function of facts, so live and recorded events agree.
 */
import { absolutePath, baseName } from '../paths.ts';
import { appletOf } from './multicall.ts';
import { canonicalName } from './names.ts';
import { loadsMore, type Script, scriptOf } from './script.ts';

export interface IdentityFacts {
  /** Executable that the kernel runs. */
  readonly path: string | undefined;
  /** Installed program that the executable is a copy of. */
  readonly copyOf?: string | undefined;
  /** As given to execve. */
  readonly filename: string | undefined;
  /** Interpreter that the kernel found in the script's first line. */
  readonly interp: string | undefined;
  readonly args: readonly string[] | undefined;
  readonly cwd: string | undefined;
  /** Standard input is a terminal. */
  readonly terminal: boolean;
  /** Where nothing better is known. */
  readonly name: string | undefined;
}

export interface Identity {
  readonly program: string | undefined;
  readonly applet: string | undefined;
  readonly script: Script | undefined;
  /** The path as it was given, made absolute by text alone. */
  readonly invokedPath: string | undefined;
  /** Path of the file that decides what the process does: the script, else the executable. */
  readonly effectivePath: string | undefined;
  readonly interpreter: string | undefined;
  /** Who called it made it run something beside what it is: by the dynamic loader, by an interpreter's options. */
  readonly injected: 'loader' | 'options' | undefined;
}

export function identify(facts: IdentityFacts): Identity {
  const { path, copyOf, filename, interp, args, cwd, terminal, name } = facts;
  const file = copyOf ?? path ?? name;
  const own = file === undefined ? undefined : baseName(file) || file;
  const applet = own === undefined ? undefined : appletOf(own, args);
  let program = own === undefined ? undefined : canonicalName(applet ?? own);
  const shebang = interp === undefined ? undefined : filename;
  const asked = { program: program ?? '', args, cwd, shebang, terminal };
  let script = program === undefined ? undefined : scriptOf(asked);
  let injected: Identity['injected'] = script !== undefined && loadsMore(script, asked) ? 'options' : undefined;
  let loaded: string | undefined;
  if (program === 'ld.so' && script?.path !== undefined) {
    // What the loader maps is the program; what that one runs is not looked into any further.
    loaded = script.path;
    injected = 'loader';
    program = canonicalName(baseName(loaded));
    script = scriptOf({ program, args: args?.slice(args.indexOf(loaded)), cwd, shebang: undefined, terminal });
  }
  const invokedPath = invoked(filename, cwd) ?? path;
  const runsFile = script?.kind === 'file' ? script.path : undefined;
  return {
    program,
    applet,
    script,
    invokedPath,
    effectivePath: runsFile ?? loaded ?? path,
    interpreter: interp ?? (script === undefined ? undefined : invokedPath),
    injected,
  };
}

/** A descriptor's number (fexecve) is no path that anybody gave. */
function invoked(filename: string | undefined, cwd: string | undefined): string | undefined {
  if (filename === undefined || /^\/dev\/fd\/\d+$/.test(filename)) return undefined;
  if (filename.startsWith('/')) return absolutePath(filename, undefined);
  return cwd === undefined ? undefined : absolutePath(filename, cwd);
}
