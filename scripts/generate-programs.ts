/** Writes src/kernel/programs.gen.ts: what the BPF object says of its programs (bpf/program.bpf.h). */
import { readFileSync, writeFileSync } from 'node:fs';
import { elfSection } from '../src/btf/elf.ts';
import { bpfPrograms } from './bpf-functions.ts';

const ROOT = new URL('../', import.meta.url);
export const GROUPS = ['always', 'process', 'network', 'filesystem', 'response'] as const;

interface ProgramRow {
  readonly name: string;
  readonly group: string;
  readonly prevents: string;
  readonly watches: string;
  readonly hook: boolean;
}

/** The rows of an object. Throws when a program has none, or one has no program, or two are of one name. */
export function programRows(object: Uint8Array): ProgramRow[] {
  const sections = new Map<string, string>();
  for (const { name, section } of bpfPrograms(object)) sections.set(name.replace(/__.*$/, ''), section);
  const texts = new TextDecoder().decode(elfSection(object, '.programs') ?? new Uint8Array(0)).split('\0');
  const rows = new Map<string, ProgramRow>();
  for (const text of texts.filter((entry) => entry !== '')) {
    const [name = '', group = '', prevents = '', watches = ''] = text.split('\t');
    const section = sections.get(name);
    if (section === undefined) throw new Error(`PROGRAM(${name}, …) is above no program`);
    if (rows.has(name)) throw new Error(`PROGRAM(${name}, …) is there twice`);
    if (!GROUPS.some((known) => known === group))
      throw new Error(`PROGRAM(${name}, ${group}, …): a program is one of ${GROUPS.join(', ')}`);
    rows.set(name, { name, group, prevents, watches, hook: /^(?:fentry|fexit|fmod_ret)\//.test(section) });
  }
  const unknown = [...sections.keys()].filter((name) => !rows.has(name));
  if (unknown.length > 0)
    throw new Error(
      `nobody knows what ${unknown.join(', ')} is for: put PROGRAM(name, group, what it watches) above it`,
    );
  return [...rows.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

export function programsSource(rows: readonly ProgramRow[]): string {
  const quoted = (text: string) => `'${text.replaceAll(/[\\']/g, '\\$&')}'`;
  const lines = rows.map(({ name, group, prevents, watches, hook }) => {
    const members = [`group: '${group}'`, `hook: ${hook}`, `watches: ${quoted(watches)}`];
    const [all, some] = prevents.split(' ');
    if (all !== undefined && all !== '') members.push(`prevents: '${all}'`);
    if (some !== undefined) members.push(`preventsSome: '${some}'`);
    return `  ${name}: { ${members.join(', ')} },`;
  });
  return `// Generated from the section .programs of the BPF object by scripts/generate-programs.ts. Do not edit.
import type { ProgramRow } from './programs.ts';

/** Every program: its row stands above it in bpf/*.bpf.c. */
export const PROGRAM_ROWS: Readonly<Record<string, ProgramRow>> = {
${lines.join('\n')}
};
`;
}

if (process.argv[1]?.endsWith('generate-programs.ts')) {
  const object = readFileSync(new URL('build/bpf/bpfwarden.bpf.o', ROOT));
  writeFileSync(new URL('src/kernel/programs.gen.ts', ROOT), programsSource(programRows(object)));
}
