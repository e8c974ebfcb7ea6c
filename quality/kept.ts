import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Alert } from './judge.ts';
import type { Scene } from './scenario.ts';
import type { Performance } from './stage.ts';

export interface Kept {
  /** When it was performed. */
  readonly at: string;
  readonly performance: Omit<Performance, 'scene'>;
  readonly alerts: readonly Alert[];
}

/**
 * What scenes gave, on disk: a whole run takes the better part of an hour, and
 * can be made in pieces. A result counts only for the same text of the scene,
 * the same rules and the same settings of the daemon.
 */
export class KeptResults {
  readonly #directory: string;
  readonly #rules: string;

  constructor(directory: string, rules: string) {
    this.#directory = directory;
    this.#rules = digest(filesBelow(rules).map((path) => readFileSync(path, 'utf8')));
    mkdirSync(directory, { recursive: true });
  }

  get(scene: Scene, settings: string): Kept | undefined {
    const path = this.#path(scene, settings);
    return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Kept) : undefined;
  }

  put(scene: Scene, settings: string, { status, output }: Performance, alerts: readonly Alert[]): void {
    const kept: Kept = { at: new Date().toISOString(), performance: { status, output }, alerts };
    writeFileSync(this.#path(scene, settings), JSON.stringify(kept));
  }

  #path(scene: Scene, settings: string): string {
    return join(this.#directory, `${digest([this.#rules, settings, JSON.stringify(scene)])}.json`);
  }
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yaml') && !name.startsWith('examples/'))
    .sort()
    .map((name) => join(directory, name));
}

function digest(texts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(`${text.length}:${text}`);
  return hash.digest('hex').slice(0, 32);
}
