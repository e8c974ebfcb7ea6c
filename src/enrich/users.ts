import { readFileSync, statSync } from 'node:fs';

const MAX_USERS = 65_536;
/** How often the file is looked at, milliseconds. */
const CHECK_MS = 5_000;

/**
 * Names of user ids from /etc/passwd, read again when the file changes. Users
 * that only a directory service knows have no name here: asking it could
 * block, and its answer could be the attacker's.
 */
export class Users {
  readonly #file: string;
  readonly #now: () => number;
  #names = new Map<number, string>();
  #stamp = '';
  #checked = Number.NEGATIVE_INFINITY;

  constructor(file = '/etc/passwd', now: () => number = () => performance.now()) {
    this.#file = file;
    this.#now = now;
  }

  /** The user's name, undefined when the file does not have it. */
  name(uid: number): string | undefined {
    const now = this.#now();
    if (now - this.#checked >= CHECK_MS) {
      this.#checked = now;
      this.#refresh();
    }
    return this.#names.get(uid);
  }

  #refresh(): void {
    try {
      const { mtimeMs, ino, size } = statSync(this.#file);
      const stamp = `${mtimeMs}:${ino}:${size}`;
      if (stamp === this.#stamp) return;
      this.#names = parsePasswd(readFileSync(this.#file, 'utf8'));
      this.#stamp = stamp;
    } catch {
      // While useradd replaces the file it is absent for a moment: the names known so far stay.
      this.#stamp = '';
    }
  }
}

/** name:password:uid:gid:…, passwd(5); the first name of an id counts, as for getpwuid. */
export function parsePasswd(text: string): Map<number, string> {
  const names = new Map<number, string>();
  for (const line of text.split('\n')) {
    const [name, , id] = line.split(':');
    if (name === undefined || name === '' || id === undefined || !/^\d{1,10}$/.test(id)) continue;
    if (!names.has(Number(id))) names.set(Number(id), name);
    if (names.size >= MAX_USERS) break;
  }
  return names;
}
