/**
 * One word, one thing, and nothing dead: a name that two files of src export is
 * two things, or one thing twice; one that no other file uses needs no export.
 * Part of `npm run lint`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const EXPORT =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:const|let|function\*?|class|interface|type|enum) (\w+)/gm;
const WORD = /[A-Za-z_$][\w$]*/g;

function textsBelow(root: string): Map<string, string> {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => /\.m?ts$|\.mjs$/.test(name));
  return new Map(files.map((name) => [join(root, name), readFileSync(join(root, name), 'utf8')]));
}

/** Exported names, with the files that declare them. A file may overload its own. */
function exportsOf(texts: ReadonlyMap<string, string>): ReadonlyMap<string, readonly string[]> {
  const declared = new Map<string, Set<string>>();
  for (const [file, text] of texts)
    for (const [, name = ''] of text.matchAll(EXPORT)) declared.set(name, (declared.get(name) ?? new Set()).add(file));
  return new Map([...declared].map(([name, files]) => [name, [...files].sort()]));
}

/** Names that more than one file declares and exports. */
export function namesOfTwo(root: string): ReadonlyMap<string, readonly string[]> {
  return new Map([...exportsOf(textsBelow(root))].filter(([, files]) => files.length > 1));
}

/** Exports of `root` that no other file names, there or below `others`. */
export function exportsOfNobody(root: string, others: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const own = textsBelow(root);
  const users = new Map<string, Set<string>>();
  for (const texts of [own, ...others.map(textsBelow)])
    for (const [file, text] of texts)
      for (const [word] of text.matchAll(WORD)) users.set(word, (users.get(word) ?? new Set()).add(file));
  return new Map(
    [...exportsOf(own)].filter(([name, files]) => [...(users.get(name) ?? [])].every((file) => files.includes(file))),
  );
}

if (process.argv[1] === import.meta.filename) {
  const faults = [
    ...[...namesOfTwo('src')].map(([name, files]) => `${name} is exported by ${files.join(' and ')}`),
    ...[...exportsOfNobody('src', ['test', 'scripts', 'bench', 'quality', 'grafana', 'examples'])].map(
      ([name, files]) => `${files.join()}: nobody else uses ${name}; it needs no export`,
    ),
  ];
  for (const fault of faults) console.error(`check-names: ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}
