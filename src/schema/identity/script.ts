/** What an interpreter runs, from its own arguments. */
import { absolutePath, baseName } from '../paths.ts';
import { INTERPRETERS, type Interpreter } from './interpreters.ts';

type ScriptKind = 'file' | 'command' | 'module' | 'stdin' | 'descriptor' | 'interactive';

export interface Script {
  readonly kind: ScriptKind;
  /** As it was given, made absolute; absent for a text, a module or standard input. */
  readonly path?: string;
  /** The module's name. */
  readonly module?: string;
  /** The program's text. */
  readonly command?: string;
  /** Of /dev/fd/N. */
  readonly descriptor?: number;
}

interface ScriptFacts {
  /** What runs: a name of INTERPRETERS or anything else. */
  readonly program: string;
  readonly args: readonly string[] | undefined;
  readonly cwd: string | undefined;
  /** The script, where the kernel itself found the interpreter in its first line. */
  readonly shebang: string | undefined;
  readonly terminal: boolean;
}

/** undefined when the program is no interpreter, or nothing is known of its arguments. */
export function scriptOf({ program, args, cwd, shebang, terminal }: ScriptFacts): Script | undefined {
  if (shebang !== undefined) return fileScript(shebang, cwd);
  const interpreter = Object.hasOwn(INTERPRETERS, program) ? INTERPRETERS[program] : undefined;
  if (interpreter === undefined || args === undefined) return undefined;
  // `busybox sh FILE`: the applet's arguments begin behind its name.
  const applet = /(^|\/)(busybox|toybox)[^/]*$/.test(args[0] ?? '') ? 1 : 0;
  const found = new Reading(interpreter, args, 1 + applet).read();
  if (found !== undefined) return found.path === undefined ? found : fileScript(found.path, cwd);
  return interpreter.reads ? { kind: terminal ? 'interactive' : 'stdin' } : undefined;
}

/** Whether options make an interpreter run something beside its script: `perl -Mx`. The script's own options come after it. */
export function loadsMore(script: Script, { program, args = [], cwd, shebang }: ScriptFacts): boolean {
  const { loads, text } = (shebang === undefined ? INTERPRETERS[program] : undefined) ?? {};
  if (loads === undefined || script.kind !== 'file') return false;
  const own = args.findIndex(
    (arg, at) => at > 0 && absolutePath(arg, arg.startsWith('/') ? undefined : cwd) === script.path,
  );
  // Where options name the files, further ones may follow.
  const options = text === 'always' || own < 0 ? args.slice(1) : args.slice(1, own);
  const files = text === 'always' ? options.filter((arg) => /^(?:-[fE]|--(?:file|exec))/.test(arg)).length : 1;
  return files > 1 || options.some((arg) => loads.test(arg));
}

function fileScript(path: string, cwd: string | undefined): Script {
  if (path === '-' || path === '/dev/stdin') return { kind: 'stdin' };
  const descriptor = /^\/(?:dev|proc\/[^/]+)\/fd\/(\d+)$/.exec(path)?.[1];
  if (descriptor !== undefined) return { kind: 'descriptor', path, descriptor: Number(descriptor) };
  return { kind: 'file', path: absolutePath(path, path.startsWith('/') ? undefined : cwd) };
}

type Meaning = 'command' | 'module' | 'file' | 'valued';

/** One pass over the arguments. */
class Reading {
  readonly #interpreter: Interpreter;
  readonly #args: readonly string[];
  #at: number;
  /** The next operand is the program's text. */
  #textNext: boolean;
  #interactive = false;
  #stdin = false;

  constructor(interpreter: Interpreter, args: readonly string[], from: number) {
    this.#interpreter = interpreter;
    this.#args = args;
    this.#at = from;
    this.#textNext = interpreter.text === 'always';
  }

  read(): Script | undefined {
    for (let options = true; this.#at < this.#args.length; ) {
      const arg = this.#args[this.#at++] ?? '';
      if (options && (arg === '--' || arg === '-')) {
        options = false;
        if (arg === '-' && !this.#textNext) return { kind: 'stdin' };
        continue;
      }
      if (options && /^[-+]./.test(arg)) {
        const found = this.#option(arg);
        if (found !== undefined) return found;
        continue;
      }
      if (this.#textNext) return { kind: 'command', command: arg };
      if (this.#stdin) return { kind: 'stdin' };
      if (this.#interpreter.verbs?.includes(arg) === true) continue;
      return this.#interpreter.classes === true && !arg.endsWith('.java')
        ? { kind: 'module', module: arg }
        : { kind: 'file', path: arg };
    }
    if (this.#stdin) return { kind: 'stdin' };
    return this.#interactive ? { kind: 'interactive' } : undefined;
  }

  #option(arg: string): Script | undefined {
    const long = arg.startsWith('--') || this.#interpreter.oneDash === true;
    if (!long) return this.#cluster(arg.slice(1));
    const [name = '', value] = arg.replace(/^--?/, '').split(/[=:](.*)/s, 2);
    const meaning = this.#interpreter.words?.[name.toLowerCase()];
    return meaning === undefined ? undefined : this.#take(meaning, value);
  }

  #cluster(letters: string): Script | undefined {
    const { command = '', module = '', file = '', valued = '', glued = '', text } = this.#interpreter;
    for (let at = 0; at < letters.length; at++) {
      const letter = letters[at] ?? '';
      const rest = letters.slice(at + 1);
      if (command.includes(letter)) {
        if (text !== 'after command') return this.#take('command', this.#glues() ? rest : '');
        this.#textNext = true;
      } else if (module.includes(letter)) return this.#take('module', rest);
      else if (file.includes(letter)) return this.#take('file', rest);
      else if (valued.includes(letter)) return this.#take('valued', rest);
      else if (glued.includes(letter)) return undefined;
      else if (text === 'after command' && letter === 's') this.#stdin = true;
      else if (letter === 'i') this.#interactive = true;
    }
    return undefined;
  }

  /** Node takes the text from the next word only: -pe is -p -e. */
  #glues(): boolean {
    return this.#interpreter !== INTERPRETERS.node;
  }

  #take(meaning: Meaning, rest: string | undefined): Script | undefined {
    const value = rest === undefined || rest === '' ? this.#args[this.#at++] : rest;
    if (value === undefined) return undefined;
    switch (meaning) {
      case 'command':
        return { kind: 'command', command: value };
      case 'module':
        return { kind: 'module', module: value };
      case 'file':
        return { kind: 'file', path: value };
      case 'valued':
        return undefined;
    }
  }
}

/** Name of what runs: the file's, the module's; undefined for a text. */
export function scriptName({ path, module }: Script): string | undefined {
  return module ?? (path === undefined ? undefined : baseName(path));
}
