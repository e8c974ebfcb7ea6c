import { readFileSync, statSync } from 'node:fs';
import type { User } from '../schema/context.ts';

const MAX_ENTRIES = 65_536;
/** How often the files are looked at, milliseconds. */
const CHECK_MS = 5_000;

/**
 * Users and groups by id from /etc/passwd and /etc/group, read again when a file
 * changes. Those that only a directory service knows have no name here: asking
 * it could block, and its answer could be the attacker's.
 */
export class Users {
  readonly #users: Database<User>;
  readonly #groups: Database<string>;
  readonly #now: () => number;
  #checked = Number.NEGATIVE_INFINITY;

  constructor(passwd = '/etc/passwd', now: () => number = () => performance.now(), group = '/etc/group') {
    this.#users = new Database(passwd, parsePasswd);
    this.#groups = new Database(group, parseGroups);
    this.#now = now;
  }

  /** The user, undefined when the file does not have it. */
  user(uid: number): User | undefined {
    this.#refresh();
    return this.#users.entries.get(uid);
  }

  groupName(gid: number): string | undefined {
    this.#refresh();
    return this.#groups.entries.get(gid);
  }

  #refresh(): void {
    const now = this.#now();
    if (now - this.#checked < CHECK_MS) return;
    this.#checked = now;
    this.#users.refresh();
    this.#groups.refresh();
  }
}

class Database<T> {
  entries: ReadonlyMap<number, T> = new Map();
  readonly #file: string;
  readonly #parse: (text: string) => Map<number, T>;
  #stamp = '';

  constructor(file: string, parse: (text: string) => Map<number, T>) {
    this.#file = file;
    this.#parse = parse;
  }

  refresh(): void {
    try {
      const { mtimeMs, ino, size } = statSync(this.#file);
      const stamp = `${mtimeMs}:${ino}:${size}`;
      if (stamp === this.#stamp) return;
      this.entries = this.#parse(readFileSync(this.#file, 'utf8'));
      this.#stamp = stamp;
    } catch {
      // While useradd replaces the file it is absent for a moment: what is known so far stays.
      this.#stamp = '';
    }
  }
}

/** name:password:uid:gid:comment:home:shell, passwd(5); the first name of an id counts, as for getpwuid. */
function parsePasswd(text: string): Map<number, User> {
  return parseLines(text, (name, [, , home, shell]) => ({
    name,
    ...(home === undefined || home === '' ? {} : { home }),
    ...(shell === undefined || shell === '' ? {} : { shell }),
  }));
}

/** name:password:gid:members, group(5). */
function parseGroups(text: string): Map<number, string> {
  return parseLines(text, (name) => name);
}

function parseLines<T>(text: string, make: (name: string, rest: readonly string[]) => T): Map<number, T> {
  const entries = new Map<number, T>();
  for (const line of text.split('\n')) {
    const [name, , id, ...rest] = line.split(':');
    if (name === undefined || name === '' || id === undefined || !/^\d{1,10}$/.test(id)) continue;
    if (!entries.has(Number(id))) entries.set(Number(id), make(name, rest));
    if (entries.size >= MAX_ENTRIES) break;
  }
  return entries;
}
