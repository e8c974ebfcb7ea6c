/**
 * The recipes of CONTRIBUTING.md, followed to the letter with throw-away
 * examples in a copy of the tree: the files that a recipe names are enough,
 * and all of them are needed.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { expect } from 'chai';

const ROOT = join(import.meta.dirname, '..', '..');
const LEFT_OUT = new Set([
  'node_modules',
  'build',
  'dist',
  '.git',
  join('docs', 'img'),
  'quality',
  'rules',
  'packaging',
  'examples',
]);
const PLACES = /`((?:src|bpf|rules)\/[\w./<>-]+)`/g;

/** The files that the numbered steps of a recipe name, `<type>` and the like filled in. */
function placesOf(title: string, names: Readonly<Record<string, string>> = {}): string[] {
  const text = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8').split(`### ${title}\n`)[1]?.split('\n### ')[0] ?? '';
  const steps = text.split('\n').filter((line) => /^(?:\d+\. |One (?:row|entry))/.test(line));
  const places = steps.flatMap((line) => [...line.matchAll(PLACES)].map(([, place = '']) => place));
  return [...new Set(places.map((place) => place.replace(/<(\w+)>/, (_, name: string) => names[name] ?? `<${name}>`)))];
}

class Copy {
  readonly directory = mkdtempSync(join(tmpdir(), 'bpfwarden-recipe-'));

  constructor() {
    const filter = (source: string) => !LEFT_OUT.has(relative(ROOT, source));
    cpSync(ROOT, this.directory, { recursive: true, filter });
    symlinkSync(join(ROOT, 'node_modules'), join(this.directory, 'node_modules'));
  }

  path(file: string): string {
    return join(this.directory, file);
  }

  read(file: string): string {
    return readFileSync(this.path(file), 'utf8');
  }

  write(file: string, text: string): void {
    writeFileSync(this.path(file), text);
  }

  /** Puts a text before the first place where `anchor` stands. */
  insert(file: string, anchor: string, text: string): void {
    const before = this.read(file);
    expect(before, file).to.contain(anchor);
    this.write(
      file,
      before.replace(anchor, () => text + anchor),
    );
  }

  /** What the type checker says; empty when all is well. */
  compile(): string {
    const compiler = join(ROOT, 'node_modules', '.bin', 'tsc');
    const { stdout } = spawnSync(compiler, ['-p', 'tsconfig.json', '--noEmit', '--incremental', 'false'], {
      cwd: this.directory,
      encoding: 'utf8',
    });
    return stdout;
  }

  node(...args: readonly string[]): { status: number | null; output: string } {
    const result = spawnSync(process.execPath, ['--import', 'tsx', ...args], { cwd: this.directory, encoding: 'utf8' });
    return { status: result.status, output: result.stdout + result.stderr };
  }

  /** Of the BPF object only what has the types, and the file with the hook: the rest takes half a minute and is not concerned. */
  object(domain: string): void {
    const directory = join('build', 'bpf');
    mkdirSync(this.path(directory), { recursive: true });
    const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
    const arch = process.arch === 'arm64' ? 'arm64' : 'x86';
    const flags = `-g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_${arch} -Wall -Wextra -Werror -Wno-unused-parameter -Ibpf`;
    // And what the domains call.
    const called = [
      'filter',
      'names',
      'path',
      'magic',
      'mounts',
      'rate',
      'crowd',
      'record',
      'file',
      'endpoint',
      'objects',
    ];
    const sources = ['maps', 'dispatch', 'block', ...called, domain];
    const part = (source: string) => join(directory, `${source}.o`);
    for (const source of sources)
      execFileSync(
        process.env.CLANG ?? 'clang',
        [...flags.split(' '), '-c', join('bpf', `${source}.bpf.c`), '-o', part(source)],
        { cwd: this.directory, env },
      );
    const all = ['gen', 'object', join(directory, 'bpfwarden.bpf.o'), ...sources.map(part)];
    execFileSync('bpftool', all, { cwd: this.directory, env });
  }

  check(toml: string) {
    this.write('recipe.toml', toml);
    return this.node('src/main.ts', 'check', 'recipe.toml');
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

describe('the recipes', function () {
  this.timeout(480_000);
  let copy: Copy;
  before(() => {
    copy = new Copy();
  });
  after(() => copy.remove());

  it('a sink: one file, and its name in the registry', () => {
    expect(placesOf('A sink', { type: 'pigeon' })).to.deep.equal([
      'src/alerts/sinks/pigeon.ts',
      'src/alerts/sinks/registry.ts',
    ]);
    copy.write(
      'src/alerts/sinks/pigeon.ts',
      `import { int, type Options, string } from '../../config/option.ts';
import { atLeast, DELIVERED, sinkType } from './types.ts';

const OPTIONS = {
  loft: string('', 'Where it flies to'),
  letters: int(1, 1, 3, 'What it carries'),
} as const satisfies Options;

export const pigeon = sinkType({
  type: 'pigeon',
  options: OPTIONS,
  required: [['loft']],
  to: 'a loft',
  delivered: 'it is back',
  open: ({ name, letters, min_severity }) => ({
    name,
    batch: letters,
    accepts: atLeast(min_severity),
    deliver: async () => DELIVERED,
    close: async () => undefined,
  }),
});
`,
    );
    copy.insert('src/alerts/sinks/registry.ts', 'import { plugin }', "import { pigeon } from './pigeon.ts';\n");
    copy.insert('src/alerts/sinks/registry.ts', 'plugin];', 'pigeon, ');
    expect(copy.compile()).to.equal('');
    const sink = '[[sinks]]\nname = "p"\ntype = "pigeon"\n';
    const right = copy.check(`${sink}loft = "roof"\nletters = 3\n`);
    expect(right.status, right.output).to.equal(0);
    const [second, third] = ['q', 'r'].map((name) => sink.replace('"p"', `"${name}"`));
    const wrong = copy.check(`${sink}${second}loft = "roof"\nletters = 9\n${third}loft = "roof"\nurl = "http://x/"\n`);
    for (const words of ['a sink of type "pigeon" needs "loft"', 'recipe.toml:8: sinks.letters', 'has no key "url"'])
      expect(wrong.output).to.contain(words);
    expect(copy.node('scripts/generate-reference.ts').status).to.equal(0);
    expect(copy.read('docs/config.md')).to.contain('### type = "pigeon"\nNeeds `loft`.');
    expect(copy.read('docs/alerts.md')).to.contain('| `pigeon` | a loft | it is back | `loft`, `letters` |');
  });

  it('an option: one row', () => {
    expect(placesOf('An option')).to.deep.equal(['src/config/options.ts']);
    copy.insert(
      'src/config/options.ts',
      '    max_processes:',
      "    recipe_depth: int(3, 1, 9, 'How deep it looks'),\n",
    );
    expect(copy.compile()).to.equal('');
    expect(copy.check('[enrich]\nrecipe_depth = 4\n').status).to.equal(0);
    const wrong = copy.check('[enrich]\nrecipe_depth = 10\nrecipe_dept = 4\n').output;
    expect(wrong).to.contain('expected a whole number from 1 to 9, found 10');
    expect(wrong).to.contain('did you mean "recipe_depth"?');
    copy.node('scripts/generate-reference.ts');
    expect(copy.read('docs/config.md')).to.contain(
      '| `recipe_depth` | whole number, 1 to 9 | `3` | How deep it looks |',
    );
  });

  it('a metric: one row, and the place that counts', () => {
    expect(placesOf('A metric', { part: 'daemon' })).to.deep.equal(['src/metrics/catalog/daemon.ts']);
    copy.insert(
      'src/metrics/catalog/daemon.ts',
      '  process_table_entries:',
      "  recipe_depth: { type: 'gauge', help: 'How deep it looked.', labels: NONE, cap: 1 },\n",
    );
    const use = "    metrics.gauge('recipe_depth').set(4);\n";
    copy.insert('src/daemon/publish.ts', "    metrics.gauge('process_table_entries')", use);
    expect(copy.compile()).to.equal('');
    copy.node('scripts/generate-metrics.ts');
    expect(copy.read('docs/metrics.md')).to.contain('### bpfwarden_recipe_depth\nHow deep it looked.');
    const golden = copy.node('scripts/generate-golden.ts');
    expect(golden.status, golden.output).to.equal(0);
    expect(copy.read('test/metrics/fixtures/golden.txt')).to.contain('\nbpfwarden_recipe_depth 0\n');
    copy.write(
      'src/daemon/publish.ts',
      copy.read('src/daemon/publish.ts').replace("gauge('recipe_depth')", "gauge('recipe_dept')"),
    );
    expect(copy.compile(), 'a typo does not compile').to.contain('recipe_dept');
    const typo = copy.read('src/daemon/publish.ts');
    copy.write('src/daemon/publish.ts', typo.replace("'recipe_dept'", "'recipe_depth'"));
  });

  it('an event kind: header, hook and row', () => {
    const places = ['bpf/events.h', 'bpf/privilege.bpf.c', 'src/schema/kinds/privileged.ts'];
    const named = placesOf('An event kind', { domain: 'privileged' });
    expect(named.map((place) => place.replace('bpf/privileged', 'bpf/privilege'))).to.deep.equal(places);
    const last = [...copy.read('bpf/events.h').matchAll(/EVENT_\w+ = (\d+)/g)].map(([, number]) => Number(number));
    const number = Math.max(...last.filter((value) => value < 128)) + 1;
    copy.insert('bpf/events.h', '\tEVENT_KIND_MAX,', `\tEVENT_RECIPE_PORTS = ${number},\n`);
    copy.insert('bpf/events.h', '};\n\n#endif /* BPFWARDEN_EVENTS_H */', '\tstruct call_event recipe_ports;\n');
    copy.insert(
      'bpf/privilege.bpf.c',
      '\tcase CALL_IOPERM:\n',
      '\tcase CALL_IOPL_OF_RECIPE:\n\t\tcall_report(EVENT_RECIPE_PORTS, regs, &call, result);\n\t\tbreak;\n',
    );
    copy.write(
      'bpf/privilege.bpf.c',
      copy.read('bpf/privilege.bpf.c').replace('\tcase CALL_IOPL:\n', '').replace('CALL_IOPL_OF_RECIPE', 'CALL_IOPL'),
    );
    copy.insert(
      'src/schema/kinds/privileged.ts',
      '  throttle: {',
      "  recipe_ports: {\n    ...CALL,\n    what: 'All ports were asked for',\n    hook: EXIT,\n    from: 'registers',\n    verified: REGISTERS,\n  },\n",
    );
    copy.object('privilege');
    const generated = copy.node('scripts/generate-schema.ts');
    expect(generated.status, generated.output).to.equal(0);
    expect(copy.read('src/schema/schema.gen.ts')).to.contain(`  recipe_ports: ${number},`);
    expect(copy.compile()).to.equal('');
    expect(copy.read('docs/events.md')).to.contain('### recipe_ports\nAll ports were asked for.');
    const row = /\n {2}recipe_ports: \{[^}]*\},/;
    const rows = copy.read('src/schema/kinds/privileged.ts');
    copy.write('src/schema/kinds/privileged.ts', rows.replace(row, ''));
    expect(copy.compile(), 'without the row it does not compile').to.contain('recipe_ports');
    copy.write('src/schema/kinds/privileged.ts', rows);
  });

  it('a system call family: enumerator, row, handler and program', () => {
    expect(placesOf('A system call family', { domain: 'control' })).to.deep.equal([
      'bpf/maps.bpf.h',
      'bpf/syscalls.bpf.h',
      'bpf/dispatch.bpf.c',
      'bpf/control.bpf.c',
    ]);
    copy.insert('bpf/maps.bpf.h', '\tFAMILY_MAX = 32,', '\tFAMILY_RECIPE = 31,\n');
    const call = '\tX(RECIPE_SYNC,       RECIPE,     162,  NO,  36,  NO,  81,  36,  NO) \\\n';
    copy.insert('bpf/syscalls.bpf.h', '\tX(NONE, ', call);
    copy.insert('bpf/dispatch.bpf.c', '\t\tHANDLE(OPEN)', '\t\tHANDLE(RECIPE)\n');
    const program = `SEC("tp_btf/sys_exit")
int BPF_PROG(exit_recipe, struct pt_regs *regs, long result)
{
\tstruct task_struct *task = bpf_get_current_task_btf();
\tstruct call_info call = call_of(regs, task);

\tif (call.call == CALL_RECIPE_SYNC)
\t\tcall_report(EVENT_PERSONALITY, regs, &call, result);
\treturn 0;
}

`;
    const first = 'PROGRAM(exit_control,';
    copy.insert('bpf/control.bpf.c', first, program);
    copy.object('control');
    const unknown = copy.node('scripts/check-programs.ts');
    expect(unknown.status).to.equal(1);
    expect(unknown.output).to.contain('nobody knows what exit_recipe is for');
    copy.insert('bpf/control.bpf.c', program, 'PROGRAM(exit_recipe, process, "sync");\n');
    copy.object('control');
    const known = copy.node('scripts/check-programs.ts');
    expect(known.status, known.output).to.equal(0);
    const generated = copy.node('scripts/generate-programs.ts');
    expect(generated.status, generated.output).to.equal(0);
    expect(copy.read('src/kernel/programs.gen.ts')).to.contain(
      "exit_recipe: { group: 'process', hook: false, watches: 'sync' },",
    );
  });

  it('a response: its name, one file, and the line that calls it', () => {
    expect(placesOf('A response', { name: 'scold' })).to.deep.equal([
      'src/rules/types.ts',
      'src/response/scold.ts',
      'src/response/responder.ts',
    ]);
    copy.insert('src/rules/types.ts', "'kill'] as const;", "'scold', ");
    copy.write(
      'src/response/scold.ts',
      `import type { ResponseRequest, ResponseResult } from './types.ts';

export function scold({ event, enforce }: ResponseRequest): ResponseResult {
  if (!enforce) return { outcome: 'simulated', detail: \`would scold \${event.kind}\` };
  return { outcome: 'done', detail: \`scolded \${event.kind}\` };
}
`,
    );
    copy.insert('src/response/responder.ts', 'import type { BlockTable,', "import { scold } from './scold.ts';\n");
    copy.insert('src/response/responder.ts', '  kill: (request, { kill })', '  scold: (request) => scold(request),\n');
    expect(copy.compile()).to.equal('');
    copy.write(
      'test/response/recipe.ts',
      `import { Responder } from '../../src/response/responder.ts';
import { recordFromJson } from '../../src/schema/record.ts';
import { RULE, recordingMetrics, SILENT } from '../alerts/support/findings.ts';
import { configOf } from '../alerts/support/pipeline.ts';
import { MEANS } from './support/means.ts';

const config = configOf('[response]\\naudit_file = "audit.ndjson"\\nenforce = true\\nenforce_rules = ["known"]\\n').response;
const responder = new Responder({ config, hostName: 'h', metrics: recordingMetrics().metrics, log: SILENT, ...MEANS });
const event = recordFromJson({ event: { type: 'process_exec', id: 'e' } }, 'e');
for (const name of ['known', 'other'])
  console.log(JSON.stringify(responder.respond({ ...RULE, name, action: 'scold' }, event)));
await responder.close();
`,
    );
    const { output } = copy.node('test/response/recipe.ts');
    expect(output).to.contain('{"action":"scold","outcome":"done","detail":"scolded process_exec"}');
    expect(output).to.contain('{"action":"scold","outcome":"simulated","detail":"would scold process_exec"}');
    expect(copy.read('audit.ndjson').trimEnd().split('\n')).to.have.length(2);
  });

  it('a rule: an entry, and its examples', () => {
    expect(placesOf('A rule', { tactic: 'impact' })).to.deep.equal(['rules/impact.yaml', 'rules/examples/impact.yaml']);
    cpSync(join(ROOT, 'rules'), copy.path('rules'), { recursive: true });
    copy.write(
      'rules/impact.yaml',
      copy.read('rules/impact.yaml').replace(
        'rules:\n',
        `rules:
  - name: recipe_started
    condition: spawned && process.path == '/recipe'
    mitre: [T1496]
`,
      ),
    );
    const examples = (last: string) => `examples:
  recipe_started:
    - match: {event.type: process_exec, process.path: /recipe}
    - match: {actor: root_command, event.type: process_exec, process.path: /recipe}
    - no_match: {event.type: process_exec, process.path: /recipes}
    - no_match: {event.type: ${last}, process.path: /recipe}
`;
    const before = copy.read('rules/examples/impact.yaml');
    copy.write('rules/examples/impact.yaml', before.replace('examples:\n', examples('process_exit')));
    const right = copy.node('src/main.ts', 'test', 'rules/');
    expect(right.status, right.output).to.equal(0);
    copy.write('rules/examples/impact.yaml', before.replace('examples:\n', examples('process_exec')));
    const wrong = copy.node('src/main.ts', 'test', 'rules/');
    expect(wrong.status).to.equal(1);
    expect(wrong.output).to.match(/rules\/examples\/impact\.yaml:8: recipe_started: match, expected no match/);
  });

  it('a Sigma field: one row', () => {
    expect(placesOf('A Sigma field').slice(0, 1)).to.deep.equal(['src/rules/sigma/taxonomy.ts']);
    copy.write(
      'recipe.yml',
      `title: recipe
id: 5f0d7f34-7ab0-4d0d-9d56-5a1e9d4d0c11
logsource: {product: linux, category: process_creation}
detection:
  selection: {RecipeTerminal: pts9}
  condition: selection
`,
    );
    const unknown = copy.node('src/main.ts', 'check', '--sigma.path=recipe.yml');
    expect(unknown.output).to.contain('RecipeTerminal');
    copy.insert('src/rules/sigma/taxonomy.ts', '  TargetFilename:', "  RecipeTerminal: { is: ['process.tty'] },\n");
    expect(copy.compile()).to.equal('');
    const generated = copy.node('scripts/generate-sigma.ts');
    expect(generated.status, generated.output).to.equal(0);
    expect(copy.read('docs/sigma.md')).to.contain('| `RecipeTerminal` | `process.tty` |');
  });

  it('name files that there are', () => {
    const text = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8');
    for (const [, place = ''] of text.matchAll(/`((?:src|bpf|rules|scripts|test|prometheus|grafana|docs)\/[\w./-]*)`/g))
      expect(() => readFileSync(join(ROOT, place)), relative(ROOT, join(ROOT, place))).to.satisfy(
        (read: () => unknown) => {
          try {
            read();
            return true;
          } catch (error) {
            return (error as NodeJS.ErrnoException).code === 'EISDIR';
          }
        },
      );
  });
});
