import { whenAsked } from './re2.ts';
import { SECRET_ASSIGNMENT, SECRET_OPTION } from './redact-patterns.ts';
import { PROGRAM_SECRETS, type ProgramSecrets, READS_SECRET } from './redact-programs.ts';

/** One word of a command: where it stands in the text, and what the shell makes of it. */
interface Word {
  readonly start: number;
  readonly end: number;
  readonly value: string;
  /** For each character of `value` its place in the text. */
  readonly raw: readonly number[];
}

/** A part of the text that is a secret. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/** Words beyond are not looked at: the cost of one text stays bounded. */
const MAX_WORDS = 2_000;
const MAX_DEPTH = 3;

/** Our own patterns over single short words: alternations of literals, which JavaScript's engine does at once. */
const whole = (pattern: string) => new RegExp(`^(?:${pattern})$`);
const RULES = PROGRAM_SECRETS.map((entry) => ({
  ...entry,
  program: whole(entry.program),
  next: entry.next === undefined ? undefined : whole(entry.next),
  glued: entry.glued === undefined ? undefined : new RegExp(`^(?:${entry.glued})`),
  after: entry.after === undefined ? undefined : whole(entry.after),
}));
const READERS = READS_SECRET.map(({ program, word }) => ({
  program: whole(program),
  word: word === undefined ? undefined : whole(word),
}));
/** Programs whose -u names no user, or whose -p no password. */
const PLAIN_P =
  /^(?:cp|mv|rsync|ps|tar|ls|sort|mkdir|install|lsof|ss|netstat|journalctl|chown|screen|tmux|perl|date|touch|nmap|masscan|ssh|scp|sudo|su|kill|pgrep|pkill|top|htop|strace|ltrace|gdb|crontab|loginctl|runuser|setpriv|nice|python[\d.]*|node)$/;
const USER_OPTION = /^(?:-u|-U|-n|--user|--username|--user-name)$/;
/** Programs that run another one inside something. */
const RUNS_INSIDE =
  /^(?:docker|podman|nerdctl|kubectl|oc|lxc|incus|crictl|ctr|machinectl|nsenter|docker-compose|minikube|vagrant|ssh|distrobox|toolbox)$/;
/** How a program that follows gets what the one before says, or the other way round; '' for not at all. */
type Fed = '' | '|' | '<<<' | '<(';
const HERE_DOCUMENT = /<<-?\s*(['"]?)([A-Za-z_]\w*)\1([^\n]*)\n([\s\S]*?)(?:\n[ \t]*\2(?=\n|$)|$)/g;
const MAX_DOCUMENTS = 4;
const SPEAKS = /^(?:echo|printf|cat)$/;
const NAMES_SECRET = /pass|secret|token|key|cred|auth/i;
/** --password-command='echo x' */
const MAKES_SECRET = /^--?[\w-]*(?:pass|secret|token|key|cred|auth)[\w-]*=(?:echo|printf)\s/i;
/** Words after which a setting is given a value, and settings that are secret. */
const SETS =
  /^(?:(?:\w+:)?-?-?set(?:-.*)?|setenv|variable|config|configure|create|update|add|put|modify|edit|--arg|--argjson|reset|secrets?|admin|login)$/i;
const SETTING =
  /^(?:[\w./:@-]*[^A-Za-z0-9])?[a-z0-9]*(?:password|passwd|passphrase|requirepass|masterauth|authtoken|pass|[a-z0-9][_.-]?(?:token|secret)|pypi-token\.\w+|(?:access|api|private|secret|account|encryption)[_-]?key)$/i;
/** As variables are written; `secret` alone is what many commands are about. */
const SECRET_VARIABLE = /^(?:\w*_)?(?:TOKEN|SECRET)$|^pw$/;
export const secretOption = whenAsked(SECRET_OPTION);
const assignment = whenAsked(SECRET_ASSIGNMENT);
/** Programs that start the one that follows. */
const WRAPPERS =
  /^(?:sudo|doas|env|exec|command|nohup|nice|ionice|time|timeout|stdbuf|setsid|xargs|watch|strace|proot|chroot|flock|script|unbuffer|torsocks|proxychains4?|busybox|builtin|then|do|else|if|while|!)$/;

/** Names a program of the tables: worth a look at each word. The patterns are ours and cannot backtrack over white space. */
export const MAY_BE_COMMAND = new RegExp(
  `(?:^|[\\s/;|&(\`'"])(?:${[...PROGRAM_SECRETS, ...READS_SECRET]
    .filter(({ program }) => program !== '.*')
    .map(({ program }) => program.replaceAll('.*', '[\\w-]*'))
    .join('|')})(?=[\\s'"]|$)|\\s-(?:p|P|pw|pass)\\s`,
);

const base = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** Secrets in a text that may be one or more shell commands. */
export function secretsIn(text: string, depth = 0): Span[] {
  const spans: Span[] = [];
  let before: readonly Word[] | undefined;
  let said: readonly Word[] = [];
  for (const { words, fed } of commandsOf(text)) {
    spans.push(...secretsOf(words));
    // What another shell runs stands in one word: sh -c, ssh HOST, su -c, watch, docker exec …
    if (depth < MAX_DEPTH) {
      for (const word of words) if (/\s/.test(word.value)) spans.push(...nested(word, depth));
    }
    spans.push(...fedSecrets(words, before, fed, said).map((word) => spanOf(word, 0, word.value.length)));
    // What several say in a row, as in (echo OLD; echo NEW) | passwd, goes the same way.
    said = SPEAKS.test(base(words[0]?.value ?? '')) ? [...said, ...saidBy(words)] : [];
    before = words;
  }
  spans.push(...hereDocuments(text));
  return spans;
}

/** The lines that a program which reads a secret gets in the text itself: passwd << EOF. */
function hereDocuments(text: string): Span[] {
  if (!text.includes('<<')) return [];
  const matches: RegExpExecArray[] = [];
  for (const match of text.matchAll(HERE_DOCUMENT)) if (matches.push(match) === MAX_DOCUMENTS) break;
  return matches.flatMap((match) => {
    const [all, , , rest = '', body = ''] = match;
    const [command] = [...commandsOf(text.slice(0, match.index))].slice(-1);
    if (command === undefined || !(readsSecret(command.words) || readsSecret([...command.words, ...wordsOf(rest)])))
      return [];
    const start = match.index + all.indexOf('\n') + 1;
    return [{ start, end: start + body.length }];
  });
}

const wordsOf = (text: string): Word[] => [...tokensOf(text)].filter((token) => 'value' in token);
const saidBy = (command: readonly Word[]) => command.slice(1).filter(({ value }) => !value.startsWith('-'));

/** What one command gives another to read: through a pipe, as a here-string, as a file that a command makes. */
function fedSecrets(
  words: readonly Word[],
  before: readonly Word[] | undefined,
  fed: Fed,
  said: readonly Word[],
): readonly Word[] {
  if (before === undefined) return [];
  switch (fed) {
    case '|':
      return readsSecret(words) ? [...saidBy(before), ...said] : [];
    case '<<<':
      return readsSecret(before) ? words.slice(0, 1) : [];
    case '<(':
      return (before.some(({ value }) => NAMES_SECRET.test(value)) || readsSecret(before)) &&
        SPEAKS.test(base(words[0]?.value ?? ''))
        ? saidBy(words)
        : [];
  }
  return [];
}

/** Secrets in an argument list, each as the argument's number and the part of it. */
export function secretsInArguments(values: readonly string[]): { readonly index: number; readonly span: Span }[] {
  const words = values.slice(0, MAX_WORDS).map((value, index) => ({ start: index, end: index, value, raw: [] }));
  return secretsOf(words, true).map(({ word, from, to }) => ({ index: word.start, span: { start: from, end: to } }));
}

interface Found {
  readonly word: Word;
  /** Of the word's value. */
  readonly from: number;
  readonly to: number;
}

function secretsOf(words: readonly Word[], asFound: true, depth?: number): Found[];
function secretsOf(words: readonly Word[]): Span[];
function secretsOf(words: readonly Word[], asFound?: true, depth = 0): Found[] | Span[] {
  const found: Found[] = [];
  const hide = (word: Word | undefined, from = 0) => {
    if (word !== undefined && from < word.value.length) found.push({ word, from, to: word.value.length });
  };
  const at = programAt(words);
  const name = base(words[at]?.value ?? '');
  const rules = rulesOf(name).filter((rule) => holds(rule, words));
  const sets = words.findIndex(({ value }) => SETS.test(value));
  const named = !PLAIN_P.test(name) && !RUNS_INSIDE.test(name) && words.some(({ value }) => USER_OPTION.test(value));
  for (let index = 0; index < words.length; index++) {
    const word = words[index] as Word;
    const next = words[index + 1];
    const assigned = assignedAt(word.value);
    if (assigned !== undefined) hide(word, assigned);
    else if (MAKES_SECRET.test(word.value)) hide(word, word.value.indexOf('=') + 1);
    else if (next !== undefined && announces(words, index, sets >= 0 && sets < index)) hide(next);
    else if (named && index > at && /^-(?:p|P|pw|pass)$/.test(word.value) && mayBePassword(next)) hide(next);
    if (index > at) for (const rule of rules) byRule(rule, words, index, hide);
  }
  for (const rule of rules) if (rule.positional !== undefined) positional(rule, words, at, hide);
  if (depth < MAX_DEPTH) found.push(...insideOf(words, at, name, depth));
  if (asFound) return found;
  return found.map(({ word, from, to }) => spanOf(word, from, to));
}

/** docker exec, kubectl exec, nsenter …: what stands behind is another command. */
function insideOf(words: readonly Word[], at: number, name: string, depth: number): Found[] {
  const inside = RUNS_INSIDE.test(name);
  const rest = words.findIndex(
    ({ value }, index) =>
      index > at && ((inside && isKnown(base(value))) || (words[index - 1]?.value === '--' && isKnown(base(value)))),
  );
  return rest > 0 ? secretsOf(words.slice(rest), true, depth + 1) : [];
}

/** Whether the next word is a secret: after an option, or after a setting, that is called so. */
function announces(words: readonly Word[], index: number, set: boolean): boolean {
  const { value } = words[index] as Word;
  const next = words[index + 1]?.value ?? '';
  if (value.startsWith('-')) {
    if (secretOption().test(value)) return true;
    // --password-command 'echo x'
    return NAMES_SECRET.test(value) && /^(?:echo|printf)\s/.test(next);
  }
  return (
    set &&
    (SETTING.test(value) || SECRET_VARIABLE.test(value)) &&
    !/^(?:-.*|for|=|to|with|is|in|by|as|using)$/i.test(next)
  );
}

/** Where the value begins of a word that assigns a secret. */
function assignedAt(value: string): number | undefined {
  if (!/[=:]./.test(value)) return undefined;
  const found = assignment().matcher(value);
  return found.find() ? found.start(1) : undefined;
}

type Rule = (typeof RULES)[number];
type Hide = (word: Word | undefined, from?: number) => void;

function byRule(rule: Rule, words: readonly Word[], index: number, hide: Hide): void {
  const { value } = words[index] as Word;
  const next = words[index + 1];
  const follows = rule.next?.test(value) === true && !(rule.word === true && next?.value.startsWith('-') === true);
  if (follows && next !== undefined) hide(next, behind(rule, next.value));
  const glued = rule.glued?.exec(value)?.[0].length;
  if (glued !== undefined && !(value.startsWith('--') && glued < 3))
    hide(words[index], glued + behind(rule, value.slice(glued)));
}

function positional(rule: Rule, words: readonly Word[], at: number, hide: Hide): void {
  const from =
    rule.after === undefined
      ? at
      : words.findIndex(({ value }, index) => index > at && rule.after?.test(value) === true);
  if (from < 0) return;
  const plain = words.slice(from + 1).filter(({ value }) => !value.startsWith('-'));
  for (const place of rule.positional ?? []) {
    const word = plain[place];
    if (word !== undefined) hide(word, behind(rule, word.value));
  }
}

const holds = ({ after }: Rule, words: readonly Word[]): boolean =>
  after === undefined || words.some(({ value }) => after.test(value));

/** Where the secret part of a value begins; its length where it has none. */
function behind({ behind: marks }: Pick<ProgramSecrets, 'behind'>, value: string): number {
  if (marks === undefined) return 0;
  for (let at = 0; at < value.length; at++) if (marks.includes(value.charAt(at))) return at + 1;
  return value.length;
}

/**
 * The word that names the program: past assignments, and past programs that
 * start another, whose own arguments are anybody's guess: the first word then
 * that is a program of the tables.
 */
function programAt(words: readonly Word[]): number {
  let wrapped = false;
  for (let index = 0; index < words.length; index++) {
    const { value } = words[index] as Word;
    if (/^[A-Za-z_]\w*=/.test(value) || value.startsWith('-')) continue;
    const name = base(value);
    if (WRAPPERS.test(name)) wrapped = true;
    else if (!wrapped || isKnown(name)) return index;
  }
  return 0;
}

/** A port, a path and an option are none. */
const mayBePassword = (word: Word | undefined): boolean =>
  word !== undefined && !/^(?:[\d:.,-]+|[-/.].*)$/.test(word.value);

const MAX_NAMES = 4_096;
const rulesByName = new Map<string, readonly Rule[]>();

/** Of the few hundred names that a host has, once each. */
function rulesOf(name: string): readonly Rule[] {
  let rules = rulesByName.get(name);
  if (rules === undefined) {
    rules = RULES.filter(({ program }) => program.test(name));
    if (rulesByName.size >= MAX_NAMES) rulesByName.clear();
    if (name.length <= 64) rulesByName.set(name, rules);
  }
  return rules;
}

const isKnown = (name: string): boolean =>
  rulesOf(name).length > 0 || READERS.some(({ program, word }) => word === undefined && program.test(name));

function readsSecret(words: readonly Word[]): boolean {
  const names = words.map(({ value }) => base(value));
  const at = programAt(words);
  return READERS.some(
    ({ program, word }) =>
      (program.test(names[at] ?? '') || program.test(names[0] ?? '')) &&
      (word === undefined || words.some(({ value }) => word.test(value))),
  );
}

/** Secrets of a command within a word, where they stand in the whole text. */
function nested(word: Word, depth: number): Span[] {
  // ssh_command=sshpass …: the command is what is assigned.
  const from = /^-{0,2}[\w-]+=/.exec(word.value)?.[0].length ?? 0;
  return secretsIn(word.value.slice(from), depth + 1).map(({ start, end }) => spanOf(word, from + start, from + end));
}

/** The part of the text that a part of a word's value is. */
function spanOf({ start, end, raw }: Word, from: number, to: number): Span {
  return { start: raw[from] ?? start, end: (raw[to - 1] ?? end - 1) + 1 };
}

/** Simple commands of a shell text, and what the one before has to do with it. */
function* commandsOf(text: string): Generator<{ readonly words: readonly Word[]; readonly fed: Fed }> {
  let words: Word[] = [];
  let fed: Fed = '';
  let operators = '';
  let count = 0;
  for (const token of tokensOf(text)) {
    if (++count > MAX_WORDS) break;
    if ('value' in token) {
      operators = '';
      words.push(token);
      continue;
    }
    if (words.length > 0) yield { words, fed };
    words = [];
    operators += token.operator;
    fed = FEEDS.find((feed) => operators.endsWith(feed)) ?? '';
  }
  if (words.length > 0) yield { words, fed };
}

const FEEDS = ['<<<', '<(', '|'] as const;
const OPERATORS = new Set([';', '|', '&', '(', ')', '\n', '<', '>', '`']);

function* tokensOf(text: string): Generator<Word | { readonly operator: string }> {
  let at = 0;
  while (at < text.length) {
    const character = text.charAt(at);
    if (OPERATORS.has(character)) {
      yield { operator: character };
      at += 1;
    } else if (/\s/.test(character) || '[]{}'.includes(character)) at += 1;
    else {
      const word = wordAt(text, at);
      yield word;
      at = Math.max(word.end, at + 1);
    }
  }
}

function wordAt(text: string, start: number): Word {
  let value = '';
  const raw: number[] = [];
  let at = start;
  const take = (place: number) => {
    value += text.charAt(place);
    raw.push(place);
  };
  while (at < text.length) {
    const character = text.charAt(at);
    if (/\s/.test(character) || OPERATORS.has(character)) break;
    if (character === '\\' && at + 1 < text.length) {
      take(at + 1);
      at += 2;
    } else if (character === '"' || character === "'") {
      const close = text.indexOf(character, at + 1);
      const end = close < 0 ? text.length : close;
      for (let place = at + 1; place < end; place++) take(place);
      at = end + 1;
    } else {
      take(at);
      at += 1;
    }
  }
  // A bracket that closes around the word is none of it.
  const trimmed = value.replace(/[\]}]+$/, '');
  return { start, end: Math.min(at, text.length), value: trimmed, raw };
}
