/**
 * How interpreters are told what to run. Letters are short options; those of
 * `command`, `module`, `file` and `valued` take the rest of their word or the
 * next one, those of `glued` only the rest of their word.
 */
export interface Interpreter {
  /** Its value is the program's text. */
  readonly command?: string;
  readonly module?: string;
  /** Its value is the file to run. */
  readonly file?: string;
  readonly valued?: string;
  readonly glued?: string;
  /** The same for options of whole words. */
  readonly words?: Readonly<Record<string, 'command' | 'module' | 'file' | 'valued'>>;
  /** The first word that is no option is the program's text: shells after -c, awk unless it got a file. */
  readonly text?: 'after command' | 'always';
  /** Whole words follow one dash: `java -jar`. */
  readonly oneDash?: boolean;
  /** An operand names a class, not a file. */
  readonly classes?: boolean;
  /** Words before the file: `deno run FILE`. */
  readonly verbs?: readonly string[];
  /** Without anything to run it reads its program from standard input. */
  readonly reads: boolean;
}

const SHELL: Interpreter = {
  command: 'c',
  text: 'after command',
  valued: 'oO',
  words: { rcfile: 'valued', 'init-file': 'valued', command: 'command', 'init-command': 'valued' },
  reads: true,
};
const CSH: Interpreter = { command: 'c', text: 'after command', reads: true };
const AWK: Interpreter = {
  text: 'always',
  file: 'fE',
  valued: 'vFilW',
  words: {
    file: 'file',
    exec: 'file',
    assign: 'valued',
    include: 'valued',
    load: 'valued',
    'field-separator': 'valued',
  },
  reads: false,
};

/** By program name (names.ts). */
export const INTERPRETERS: Readonly<Record<string, Interpreter>> = {
  ...Object.fromEntries(
    ['sh', 'bash', 'rbash', 'dash', 'ash', 'hush', 'zsh', 'ksh', 'ksh93', 'mksh', 'posh', 'yash'].map((name) => [
      name,
      SHELL,
    ]),
  ),
  fish: { ...SHELL, valued: 'CoDdp' },
  csh: CSH,
  tcsh: CSH,
  awk: AWK,
  gawk: AWK,
  mawk: AWK,
  nawk: AWK,
  python: { command: 'c', module: 'm', valued: 'WX', words: { 'check-hash-based-pycs': 'valued' }, reads: true },
  perl: { command: 'eE', valued: 'I', glued: 'CdDFimMxV', reads: true },
  ruby: { command: 'e', valued: 'rICEX', glued: 'FKTiWx', reads: true },
  node: {
    command: 'ep',
    valued: 'rC',
    words: {
      eval: 'command',
      print: 'command',
      require: 'valued',
      import: 'valued',
      loader: 'valued',
      title: 'valued',
    },
    reads: true,
  },
  bun: { command: 'ep', words: { eval: 'command', print: 'command' }, verbs: ['run'], reads: false },
  deno: { verbs: ['run', 'serve'], reads: false },
  php: { command: 'rBRE', file: 'fF', valued: 'dcStz', words: { run: 'command', file: 'file' }, reads: true },
  lua: { command: 'e', valued: 'l', reads: true },
  luajit: { command: 'e', valued: 'ljb', reads: true },
  tclsh: { reads: true },
  wish: { reads: true },
  expect: { command: 'c', file: 'fb', reads: true },
  Rscript: { command: 'e', reads: false },
  julia: { command: 'eE', valued: 'JLptC', words: { eval: 'command', print: 'command' }, reads: true },
  guile: { command: 'c', file: 's', valued: 'lLCex', reads: true },
  pwsh: {
    oneDash: true,
    words: {
      command: 'command',
      c: 'command',
      encodedcommand: 'command',
      e: 'command',
      ec: 'command',
      file: 'file',
      f: 'file',
    },
    reads: true,
  },
  java: {
    oneDash: true,
    classes: true,
    words: { jar: 'file', m: 'module', module: 'module', cp: 'valued', classpath: 'valued', p: 'valued' },
    reads: false,
  },
  // The dynamic loader started as a program: `ld.so /tmp/x` runs x without an exec of it.
  'ld.so': {
    words: { 'library-path': 'valued', preload: 'valued', audit: 'valued', argv0: 'valued', 'inhibit-rpath': 'valued' },
    reads: false,
  },
};
