import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Where a build product lies: what was built here goes before what came with the
 * npm package for this processor.
 */
export function builtFile(path: string): string {
  const place = (folder: string) => fileURLToPath(new URL(`../../${folder}/${path}`, import.meta.url));
  const prebuilt = place(`prebuilds/${process.platform}-${process.arch}`);
  const built = place('build');
  return !existsSync(built) && existsSync(prebuilt) ? prebuilt : built;
}
