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
  /** Options by which it runs something beside its script. */
  readonly loads?: RegExp;
  /** Without anything to run it reads its program from standard input. */
  readonly reads: boolean;
}

const SHELL: Interpreter = {
  command: 'c',
  text: 'after command',
  valued: 'oO',
  words: { rcfile: 'valued', 'init-file': 'valued', command: 'command', 'init-command': 'valued' },
  // What its caller's home, or a file that is named, says first.
  loads: /^(?:[-+][a-zA-Z]*[il]|--(?:login|rcfile|init-file|init-command))/,
  reads: true,
};
const CSH: Interpreter = { command: 'c', text: 'after command', reads: true };
const AWK: Interpreter = {
  loads: /^(?:-[eil]|--(?:source|include|load))/,
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
  python: {
    command: 'c',
    module: 'm',
    valued: 'WX',
    // What standard input says afterwards (i); a category of warnings whose module starts a program.
    loads: /^-[bBdEIOqsSuvx]*[Xi]|antigravity/,
    words: { 'check-hash-based-pycs': 'valued' },
    reads: true,
  },
  perl: { command: 'eE', valued: 'I', glued: 'CdDFimMxV', loads: /^-[a-zA-Z]*[IMmd]/, reads: true },
  ruby: { command: 'e', valued: 'rICEX', glued: 'FKTiWx', loads: /^-[a-zA-Z]*[rIC]/, reads: true },
  node: {
    command: 'ep',
    valued: 'rC',
    loads:
      /^(?:-[rC]|--(?:require|import|loader|conditions|experimental[-_]loader|env[-_]file(?:[-_]if[-_]exists)?|experimental[-_](?:default[-_])?config[-_]file|inspect(?:[-_](?:brk|wait))?|snapshot[-_]blob|openssl[-_]config)(?:$|=))/,
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
  php: {
    command: 'rBRE',
    file: 'fF',
    valued: 'dcStz',
    loads: /^-[a-zA-Z]*[dcz]/,
    words: { run: 'command', file: 'file' },
    reads: true,
  },
  lua: { command: 'e', valued: 'l', loads: /^-l/, reads: true },
  luajit: { command: 'e', valued: 'ljb', loads: /^-[lj]/, reads: true },
  tclsh: { reads: true },
  wish: { reads: true },
  expect: { command: 'c', file: 'fb', reads: true },
  Rscript: { command: 'e', reads: false },
  julia: { command: 'eE', valued: 'JLptC', words: { eval: 'command', print: 'command' }, reads: true },
  guile: { command: 'c', file: 's', valued: 'lLCex', loads: /^-[lLCex]/, reads: true },
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
    loads: /^(?:-(?:javaagent|agentlib|agentpath|Xbootclasspath|-patch-module|XX:(?:On\w+|Flags|VMOptionsFile)=)|@)/,
    oneDash: true,
    classes: true,
    words: { jar: 'file', m: 'module', module: 'module', cp: 'valued', classpath: 'valued', p: 'valued' },
    reads: false,
  },
  // The dynamic loader started as a program: `ld.so /tmp/x` runs x without an exec of it.
  'ld.so': {
    words: {
      'library-path': 'valued',
      preload: 'valued',
      audit: 'valued',
      argv0: 'valued',
      'inhibit-rpath': 'valued',
      'glibc-hwcaps-prepend': 'valued',
      'glibc-hwcaps-mask': 'valued',
    },
    reads: false,
  },
};
