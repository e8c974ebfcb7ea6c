/**
 * One word, one thing: a name that two files of src export is two things, or one
 * thing twice. Also run by `npm run lint`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const EXPORT =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:const|let|function\*?|class|interface|type|enum) (\w+)/gm;

/** Names that more than one file declares and exports, with the files. A file may overload its own. */
export function namesOfTwo(root: string): ReadonlyMap<string, readonly string[]> {
  const declared = new Map<string, Set<string>>();
  for (const entry of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    if (!entry.endsWith('.ts')) continue;
    for (const [, name = ''] of readFileSync(join(root, entry), 'utf8').matchAll(EXPORT))
      declared.set(name, (declared.get(name) ?? new Set()).add(join(root, entry)));
  }
  return new Map([...declared].filter(([, files]) => files.size > 1).map(([name, files]) => [name, [...files].sort()]));
}

if (process.argv[1] === import.meta.filename) {
  const doubles = namesOfTwo('src');
  for (const [name, files] of doubles) console.error(`check-names: ${name} is exported by ${files.join(' and ')}`);
  if (doubles.size > 0) process.exitCode = 1;
}
