/** The licence texts of everything that a release carries, one file for each component. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { filesBelow, ROOT, type Target, write } from './context.ts';

/** Libraries of Debian whose code is linked in or copied: package, the upstream name. */
export const LIBRARIES = [
  { name: 'libbpf', packages: ['libbpf-dev'], licence: 'LGPL-2.1-only OR BSD-2-Clause' },
  { name: 'elfutils (libelf)', packages: ['libelf1', 'libelf1t64'], licence: 'LGPL-3.0-or-later OR GPL-2.0-or-later' },
  { name: 'zlib', packages: ['zlib1g'], licence: 'Zlib' },
] as const;

function copyrightOf({ arch }: Target, packages: readonly string[]): string {
  for (const root of [join(ROOT, '.cache', 'sysroot', arch), '/'])
    for (const name of packages) {
      const file = join(root, 'usr', 'share', 'doc', name, 'copyright');
      if (existsSync(file)) return readFileSync(file, 'utf8');
    }
  throw new Error(`no copyright file of ${packages.join(' or ')} below /usr/share/doc`);
}

/** The npm packages in the tree: those that have a package.json of their own with a version. */
export function packagesIn(
  tree: string,
): readonly { directory: string; name: string; version: string; license: string }[] {
  return filesBelow(join(tree, 'node_modules'))
    .filter((file) => /(^|\/)node_modules\/(@[^/]+\/)?[^/]+\/package\.json$/.test(`node_modules/${file}`))
    .flatMap((file) => {
      const path = join(tree, 'node_modules', file);
      const { name, version, license } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
      if (typeof name !== 'string' || typeof version !== 'string') return [];
      return [
        { directory: dirname(path), name, version, license: typeof license === 'string' ? license : 'see its text' },
      ];
    });
}

/** Writes `licenses/` into the tree. A package without a text of its own is named with its declared licence. */
export function licences(target: Target, node: string): void {
  const to = join(target.tree, 'licenses');
  mkdirSync(to, { recursive: true });
  copyFileSync(join(dirname(dirname(node)), 'LICENSE'), join(to, 'nodejs.txt'));
  for (const { name, packages } of LIBRARIES)
    write(join(to, `${name.split(' ')[0]}.txt`), copyrightOf(target, packages));
  const rows = packagesIn(target.tree).map(({ directory, name, version, license }) => {
    const text = readdirSync(directory).find((file) => /^(licen[cs]e|copying)/i.test(file));
    const file = `npm-${name.replaceAll('/', '+')}.txt`;
    if (text !== undefined) copyFileSync(join(directory, text), join(to, file));
    return `| ${name} | ${version} | ${license} | ${text === undefined ? 'none in the package' : basename(file)} |`;
  });
  const head = [
    '# What is inside, and under which licence',
    '',
    '| Component | Version | Licence | Text |',
    '|---|---|---|---|',
  ];
  const own = [`| bpfwarden | ${target.version} | Apache-2.0; bpf/ also GPL-2.0 | ../LICENSE, ../LICENSES |`];
  const libraries = LIBRARIES.map(
    ({ name, licence }) => `| ${name} | Debian's | ${licence} | ${name.split(' ')[0]}.txt |`,
  );
  write(
    join(to, 'README.md'),
    `${[...head, ...own, '| Node.js | see bin/node --version | MIT | nodejs.txt |', ...libraries, ...new Set(rows)].join('\n')}\n`,
  );
}
