import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Our own rules: each modifier, each kind of value, each form of condition. */
export const FIXTURES = here('../fixtures/sound');
export const BROKEN = here('../fixtures/broken');
/** Rules of SigmaHQ. They are not ours to ship: where they are absent, the tests run over our own alone. */
const SIGMAHQ = process.env.SIGMA_CORPUS ?? here('../../../../../shared/cases/sigma');

export const CORPORA = [FIXTURES, ...(existsSync(SIGMAHQ) ? [SIGMAHQ] : [])];

export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.ya?ml$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}
