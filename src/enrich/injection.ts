/**
 * Variables that make programs run code which neither their file nor their
 * arguments name: which programs heed them, and how far from the system's own
 * places that code lies.
 */

/**
 * `system`: where packages put what they bring; `root`: where root keeps programs
 * beside them; `anywhere`: elsewhere, or as the value itself says.
 */
export type CodePlace = (typeof PLACES)[number];
const PLACES = ['system', 'root', 'anywhere'] as const;

export interface Injection {
  /** By the names of programs (schema/identity/names.ts); undefined: whatever is linked dynamically. */
  readonly heededBy: RegExp | undefined;
  readonly place: CodePlace;
}

/** Variables that nobody has seen may be any. */
export const UNSEEN: Injection = { heededBy: undefined, place: 'system' };

const SYSTEM = /^\/(?:usr(?!\/local(?:\/|$))|lib[0-9x]*|etc|s?bin|nix\/store|gnu\/store|run\/current-system)(?:\/|$)/;
const ROOT = /^\/(?:usr\/local|opt|snap|var\/lib\/(?:snapd|flatpak))(?:\/|$)/;

/** Programs with the interpreter in them, beside those that are called so. */
const HEEDS = {
  python: /python|pypy|^(?:gdb|lldb|perf|n?vim|syslog-ng|dnf5|uwsgi|bareos-fd)$/,
  perl: /perl|^(?:perf|n?vim|exim4?|irssi)$/,
  ruby: /ruby|^(?:irb|rake|gem|n?vim)$/,
  node: /^(?:node|electron|npm|npx|yarn|pnpm)$/,
  // bash as sh, too. PS4 is expanded by all of its family.
  bash: /^(?:r?bash|sh)$/,
  shell: /^(?:r?bash|sh|dash|ash|hush|busybox|ksh.*|mksh|zsh|yash|posh)$/,
  zsh: /^zsh$/,
  java: /^(?:java[a-z]*|jar|jarsigner|j(?:cmd|console|db|deps|hsdb|info|link|map|mod|package|ps|runscript|shell|stack|statd?)|keytool|rmi[a-z]*)$/,
  lua: /lua|^(?:nmap|n?vim|fluent-bit|haproxy|tshark)$/,
  tcl: /^(?:tclsh|wish|expect)$/,
  php: /php/,
} as const;

interface Variable {
  readonly name: RegExp;
  readonly heededBy?: RegExp;
  /** `paths`: a list of places; `text`: code, or options of which the harmless ones are known. */
  readonly holds: 'paths' | 'text';
  /** Values that bring nothing along. */
  readonly harmless?: RegExp;
  /** Entries of its list that say nothing of a place: else an empty one is the working directory. */
  readonly placeless?: RegExp;
}

/**
 * The functions named are those that distributions and environment modules give
 * every login shell.
 */
const VARIABLES: readonly Variable[] = [
  // Names without a slash are looked for where libraries are.
  { name: /^LD_(?:PRELOAD|AUDIT)$/, holds: 'paths', placeless: /^[^/]*$/ },
  { name: /^(?:LD_LIBRARY_PATH|GCONV_PATH|GIO_EXTRA_MODULES)$/, holds: 'paths' },
  { name: /^OPENSSL_(?:ENGINES|MODULES)$/, holds: 'paths' },
  // Settings that name code to run; those of the host are its own.
  {
    name: /^(?:OPENSSL_CONF|KRB5_CONFIG|APT_CONFIG|RPM_CONFIGDIR)$/,
    holds: 'paths',
    harmless: /^\/(?:etc|usr)\/(?!.*\.\.)|^\/dev\/null$/,
  },
  {
    name: /^PYTHON(?:PATH|HOME|USERBASE|PLATLIBDIR|PYCACHEPREFIX)$/,
    heededBy: HEEDS.python,
    holds: 'paths',
  },
  // It goes on with what standard input says.
  { name: /^PYTHONINSPECT$/, heededBy: HEEDS.python, holds: 'text' },
  // A category is looked for in its module; this one starts a program.
  { name: /^PYTHONWARNINGS$/, heededBy: HEEDS.python, holds: 'text', harmless: /^(?!.*antigravity)/ },
  { name: /^PERL(?:5LIB|LIB)$/, heededBy: HEEDS.perl, holds: 'paths' },
  { name: /^PERL5(?:OPT|DB)$/, heededBy: HEEDS.perl, holds: 'text', harmless: /^[-wWtTU\s]*$/ },
  { name: /^(?:RUBYLIB|GEM_HOME|GEM_PATH)$/, heededBy: HEEDS.ruby, holds: 'paths' },
  {
    name: /^RUBYOPT$/,
    heededBy: HEEDS.ruby,
    holds: 'text',
    harmless: /^(?:\s*-(?:w|W[0-2]?|W:[a-z-]+|-y?jit|-(?:disable|enable)[-=][a-z-]+)(?=\s|$))*\s*$/,
  },
  { name: /^NODE_PATH$/, heededBy: HEEDS.node, holds: 'paths' },
  {
    name: /^NODE_OPTIONS$/,
    heededBy: HEEDS.node,
    holds: 'text',
    harmless:
      /^(?:\s*--(?:max-[a-z-]+|no-[a-z-]+|trace-[a-z-]+|stack-trace-limit|enable-source-maps|openssl-legacy-provider|unhandled-rejections|dns-result-order|experimental-vm-modules|use-openssl-ca|expose-gc)(?:[= ][\w.]+)?(?=\s|$))*\s*$/,
  },
  { name: /^BASH_ENV$/, heededBy: HEEDS.bash, holds: 'paths' },
  {
    name: /^BASH_FUNC_(?!(?:which|module|_module_raw|ml|switchml|scl)(?:%%|\(\))$)/,
    heededBy: HEEDS.bash,
    holds: 'text',
  },
  // A command in it runs before each line that is traced.
  { name: /^PS4$/, heededBy: HEEDS.shell, holds: 'text', harmless: /^(?!.*(?:`|\$\())/s },
  { name: /^ZDOTDIR$/, heededBy: HEEDS.zsh, holds: 'paths' },
  {
    name: /^(?:JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_JAVA_OPTIONS)$/,
    heededBy: HEEDS.java,
    holds: 'text',
    harmless:
      /^(?:\s*-(?:Xm[snx]\d+\w?|Xss\d+\w?|XX:(?:[+-]Use\w+|\w*RAM\w*=[\d.]+|Max\w*Size=\w+)|D(?:file\.encoding|java\.awt\.headless|user\.[a-z]+)=[\w./-]+)(?=\s|$))*\s*$/,
  },
  // Two semicolons stand for the default.
  { name: /^LUA_(?:C?PATH|INIT)/, heededBy: HEEDS.lua, holds: 'paths', placeless: /^$/ },
  { name: /^TCLLIBPATH$/, heededBy: HEEDS.tcl, holds: 'paths' },
  { name: /^(?:PHPRC|PHP_INI_SCAN_DIR)$/, heededBy: HEEDS.php, holds: 'paths' },
];

/** Most variables begin otherwise. */
const MAYBE =
  /^(?:LD_|GCONV|GIO_|OPENSSL_|KRB5_|APT_|RPM_|PYTHON|PERL|RUBY|GEM_|NODE_|BASH_|PS4|ZDOT|_?JAVA_|JDK_|LUA_|TCLLIB|PHP)/;

/** What NAME=value texts bring along. */
export function injectionsOf(variables: readonly string[]): readonly Injection[] {
  const found: Injection[] = [];
  for (const text of variables) {
    if (!MAYBE.test(text)) continue;
    const equals = text.indexOf('=');
    const value = text.slice(equals + 1);
    if (equals < 0 || value === '') continue;
    const name = text.slice(0, equals);
    const variable = VARIABLES.find((one) => one.name.test(name));
    if (variable === undefined || variable.harmless?.test(value) === true) continue;
    const { heededBy, holds, placeless } = variable;
    found.push({ heededBy, place: holds === 'paths' ? placeOf(value, placeless) : 'anywhere' });
  }
  return found;
}

/** The farthest place from which a program that is called so gets code by its variables. */
export function injectedFrom(injections: readonly Injection[], program: string | undefined): CodePlace | undefined {
  let farthest: CodePlace | undefined;
  for (const { heededBy, place } of injections) {
    // Of what nobody knows the name of, all is heeded.
    if (heededBy === undefined || program === undefined || heededBy.test(program)) farthest = farther(farthest, place);
  }
  return farthest;
}

function farther(a: CodePlace | undefined, b: CodePlace): CodePlace {
  return a === undefined || PLACES.indexOf(b) > PLACES.indexOf(a) ? b : a;
}

function placeOf(value: string, placeless: RegExp | undefined): CodePlace {
  return value
    .split(/[:;\s]/)
    .map((entry) => (placeless?.test(entry) === true ? 'system' : placeOfEntry(entry)))
    .reduce(farther);
}

function placeOfEntry(entry: string): CodePlace {
  if (/(?:^|\/)\.\.(?:\/|$)/.test(entry)) return 'anywhere';
  if (SYSTEM.test(entry)) return 'system';
  return ROOT.test(entry) ? 'root' : 'anywhere';
}
