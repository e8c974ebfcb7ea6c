/** What came of one kernel, kept beside what the guest wrote, and the page that is made of all of them. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  alertsIn,
  capabilitiesProblem,
  compare,
  countsProblem,
  type Difference,
  type Expectations,
  hooked,
} from './compare.ts';
import { CACHE, type Kernel, ROOT } from './packages.ts';

export interface Verdict {
  readonly arch: string;
  readonly version: string;
  readonly release: string;
  readonly unusual?: string;
  readonly seconds: number;
  readonly parts: readonly string[];
  readonly ok: boolean;
  readonly programs: {
    readonly attached: number;
    readonly notOffered: readonly string[];
    readonly missing: readonly string[];
    /** The program that took the verifier most instructions. */
    readonly hardest: { readonly name: string; readonly instructions: number };
  };
  readonly behaviours: {
    readonly same: number;
    readonly of: number;
    readonly differences: readonly Difference[];
    readonly byNature: readonly string[];
  };
  /** Anything else that was not as it must be. */
  readonly problems: readonly string[];
  /** Whether functions of the kernel could be hooked, and whether the kernel refused by itself what rules block. */
  readonly hooked?: boolean;
  readonly prevented?: boolean;
  /** Runs that nobody did, by program: bpfwarden_program_skipped_runs_total, the most of all runs. */
  readonly skipped?: Readonly<Record<string, number>>;
}

/** Of several texts of /metrics, for each program the highest number. */
export function skippedIn(texts: readonly string[]): Record<string, number> {
  const most: Record<string, number> = {};
  for (const text of texts)
    for (const [, name = '', runs] of text.matchAll(
      /^bpfwarden_program_skipped_runs_total\{program="(\w+)"\} ([1-9]\d*)$/gm,
    ))
      most[name] = Math.max(most[name] ?? 0, Number(runs));
  return most;
}

/** The verifier gives up after a million; what other kernels and compilers make of a program differs. */
const MOST_VERIFIED = 700_000;

/** Among all runs, so with the programs that refuse calls. */
export function hardestOf(text: string): Verdict['programs']['hardest'] {
  return [...text.matchAll(/^bpfwarden_program_verified_instructions\{program="(\w+)"\} (\d+)$/gm)]
    .map(([, name = '', instructions]) => ({ name, instructions: Number(instructions) }))
    .reduce((most, each) => (each.instructions > most.instructions ? each : most), { name: '', instructions: 0 });
}

const textOf = (directory: string, name: string) =>
  existsSync(join(directory, name)) ? readFileSync(join(directory, name), 'utf8') : '';

/** The lines of `check --kernel` about programs; without that part, what the daemon's own metrics say of each. */
export function programsOf(directory: string): Omit<Verdict['programs'], 'hardest'> {
  const lines = textOf(directory, 'check.txt').split('\n');
  const rows = lines.slice(lines.indexOf('BPF programs') + 1).filter((line) => /^ {2}\w+ +(ok|not )/.test(line));
  if (rows.length === 0) {
    // The run with the shipped rules has the programs that refuse calls, too.
    const text = textOf(directory, 'metrics-rules.txt') || textOf(directory, 'metrics-all.txt');
    const each = [...text.matchAll(/^bpfwarden_program_attached\{program="(\w+)"\} ([01])$/gm)];
    const having = (value: string) => each.filter((match) => match[2] === value).map((match) => match[1] ?? '');
    return { attached: having('1').length, notOffered: [], missing: having('0') };
  }
  const reason = (line: string) =>
    line
      .trim()
      .replace(/ +/, ' ')
      .replace(/ not (attached|on this kernel):/, ':');
  return {
    attached: rows.filter((line) => / ok$/.test(line)).length,
    notOffered: rows.filter((line) => line.includes(' not on this kernel: ')).map(reason),
    missing: rows.filter((line) => line.includes(' not attached: ')).map(reason),
  };
}

/** A blocked address: first what the network says, in the end what the kernel was told to. */
function blockProblem(directory: string): string | undefined {
  const text = textOf(directory, 'block.json');
  if (text === '') return 'nothing was blocked';
  const { connect = [], datagram = [] } = JSON.parse(text) as Record<string, readonly string[]>;
  const fine = connect[0] !== 'EPERM' && connect.at(-1) === 'EPERM' && datagram.every((result) => result === 'EPERM');
  return fine ? undefined : `block: connects ${connect.join(' ')}, datagram ${datagram.join(' ')}`;
}

/** What the kernel must have refused by itself, and what it must have let be; each refusal is in the audit file. */
function preventionProblem(directory: string): string | undefined {
  const text = textOf(directory, 'prevented.json');
  if (text === '') return 'nothing was prevented';
  const { refused, allowed } = JSON.parse(text) as Record<'refused' | 'allowed', Readonly<Record<string, string>>>;
  const audit = textOf(directory, 'audit.ndjson');
  const wrong = [
    ...Object.entries(refused).filter(([, result]) => result !== 'EPERM'),
    ...Object.entries(allowed).filter(([, result]) => result !== 'done'),
  ].map(([what, result]) => `${what} ${result}`);
  for (const rule of PREVENTING)
    if (!audit.includes(`"outcome":"done","detail":"the kernel refused it","rule":"${rule}"`))
      wrong.push(`${rule} is not in the audit file`);
  return wrong.length === 0 ? undefined : `prevention: ${wrong.join(', ')}`;
}

const PREVENTING = [
  'prevent_exec',
  'prevent_open',
  'prevent_below',
  'prevent_new_name',
  'prevent_user',
  'prevent_program',
  'prevent_port',
];

/**
 * Differences that are the kernel's doing: events are missing, none is another one, and no more are missing than runs
 * were left out (and counted). With what to say of each.
 */
export function leftOutIn(
  differences: readonly Difference[],
  skipped: Readonly<Record<string, number>>,
): Map<Difference, string> {
  const runs = Object.values(skipped).reduce((sum, count) => sum + count, 0);
  const few = differences.filter(({ extra }) => extra.length === 0);
  const missingOf = ({ missing }: Difference) =>
    missing.reduce((sum, line) => sum + Number(/ \((\d+) times\)$/.exec(line)?.[1] ?? 1), 0);
  const total = few.reduce((sum, each) => sum + missingOf(each), 0);
  if (total > runs) return new Map();
  return new Map(
    few.map((each) => [
      each,
      `${each.behaviour}: ${missingOf(each)} events are missing; the kernel left out ${runs} runs, which are counted`,
    ]),
  );
}

export interface Asked {
  readonly seconds: number;
  readonly parts: readonly string[];
}

/** Judges what a guest wrote; `parts` is what it was asked to do. */
export function judge(directory: string, kernel: Kernel, expected: Expectations, { seconds, parts }: Asked): Verdict {
  const hardest = hardestOf(textOf(directory, 'metrics-rules.txt') + textOf(directory, 'metrics-all.txt'));
  const programs = { ...programsOf(directory), hardest };
  const problems: string[] = [];
  const add = (problem: string | undefined) => {
    if (problem !== undefined) problems.push(problem);
  };
  if (parts.includes('check')) {
    const check = JSON.parse(textOf(directory, 'check.json') || '{"code":"did not run"}') as { code: number | string };
    if (check.code !== 0) add(`check --kernel ended with ${check.code}`);
  }
  if (hardest.instructions > MOST_VERIFIED)
    add(`the verifier looked at ${hardest.instructions} instructions of ${hardest.name}, over ${MOST_VERIFIED}`);
  if (programs.attached === 0) add('no program was attached');
  for (const run of parts.filter((part) => part !== 'check')) {
    add(countsProblem(directory, run));
    add(capabilitiesProblem(directory, run));
    if (!textOf(directory, 'progress.txt').includes(`run ${run}: ended with 0`)) add(`run ${run}: did not end with 0`);
  }
  if (parts.includes('rules')) {
    const alerts = alertsIn(directory);
    const silent = expected.alerts.filter((rule) => !alerts.has(rule));
    if (silent.length > 0) add(`no alert by ${silent.join(', ')}`);
    add(blockProblem(directory));
    if (hooked(directory, 'rules')) add(preventionProblem(directory));
  }
  let behaviours: Verdict['behaviours'] = { same: 0, of: 0, differences: [], byNature: [] };
  if (parts.includes('all') && existsSync(join(directory, 'events-all.ndjson'))) {
    const { same, differences, byNature } = compare(directory, kernel, expected);
    const counted = leftOutIn(differences, skippedIn([textOf(directory, 'metrics-all.txt')]));
    behaviours = {
      same,
      of: same + differences.length,
      differences: differences.filter((each) => !counted.has(each)),
      byNature: [...byNature, ...counted.values()],
    };
  } else if (parts.includes('all')) add('no events');
  if (parts.includes('unhooked'))
    for (const { behaviour, missing, extra } of compare(directory, kernel, expected, 'unhooked').differences)
      add(`without hooks ${behaviour}: missing ${missing.join('; ') || 'none'}, others ${extra.join('; ') || 'none'}`);
  const { arch, version, release, unusual } = kernel;
  const ok = problems.length + behaviours.differences.length + programs.missing.length === 0;
  const verdict = {
    ...{ arch, version, release, ...(unusual ? { unusual } : {}), seconds, parts, ok, programs, behaviours, problems },
    hooked: ['all', 'rules'].some((run) => hooked(directory, run)),
    prevented: parts.includes('rules') && hooked(directory, 'rules') && preventionProblem(directory) === undefined,
    skipped: skippedIn(['all', 'unhooked', 'rules'].map((run) => textOf(directory, `metrics-${run}.txt`))),
  };
  writeFileSync(join(directory, 'verdict.json'), JSON.stringify(verdict, null, 1));
  return verdict;
}

const named = ({ arch, version, unusual }: Pick<Verdict, 'arch' | 'version' | 'unusual'>) =>
  `${arch} ${version}${unusual === undefined ? '' : `, ${unusual}`}`;

/** The verdict in words. */
export function described(verdict: Verdict): string {
  const { release, seconds, ok, programs, behaviours, problems, skipped = {} } = verdict;
  const lines = [
    `${ok ? 'ok    ' : 'FAILED'} ${named(verdict)} (${release}), ${Math.round(seconds)} s: ${programs.attached} programs attached, at most ${programs.hardest.instructions} instructions verified (${programs.hardest.name}), ${behaviours.same} of ${behaviours.of} behaviours as expected`,
    ...programs.missing.map((line) => `  missing program ${line}`),
    ...programs.notOffered.map((line) => `  not on this kernel: ${line}`),
    ...problems.map((line) => `  ${line}`),
    ...behaviours.byNature.map((line) => `  by nature ${line}`),
    ...Object.entries(skipped).map(([name, runs]) => `  runs of ${name} left out by the kernel: ${runs}`),
  ];
  for (const { behaviour, missing, extra, provoked } of behaviours.differences) {
    lines.push(`  ${behaviour}${provoked === undefined ? '' : ` (provoked: ${provoked})`}`);
    for (const line of missing) lines.push(`    - ${line}`);
    for (const line of extra) lines.push(`    + ${line}`);
  }
  return lines.join('\n');
}

/** Where earlier runs left a verdict. */
function judged(): string[] {
  const results = join(CACHE, 'results');
  const names = existsSync(results) ? readdirSync(results) : [];
  return names.map((name) => join(results, name)).filter((directory) => existsSync(join(directory, 'verdict.json')));
}

const verdictIn = (directory: string) => JSON.parse(textOf(directory, 'verdict.json')) as Verdict;

/** What every earlier run brought back, compared with what is expected now. */
export function judgeAgain(expected: Expectations): Verdict[] {
  return judged().map((directory) => {
    const { arch, version, release, unusual = '', seconds, parts } = verdictIn(directory);
    const kernel: Kernel = { arch: arch === 'arm64' ? arch : 'amd64', version, release, directory, unusual };
    return judge(directory, kernel, expected, { seconds, parts });
  });
}

/** All verdicts that are there, from this and from earlier runs. */
function verdicts(): Verdict[] {
  return judged()
    .map(verdictIn)
    .sort((a, b) => a.arch.localeCompare(b.arch) || a.version.localeCompare(b.version, 'en', { numeric: true }));
}

/** Verdicts of runs before it was counted have none. */
const hardestShown = (hardest?: Verdict['programs']['hardest']) =>
  hardest === undefined || hardest.instructions === 0 ? '' : `${hardest.instructions} (${hardest.name})`;

const PARTS_IN_WORDS = [
  ['check', '`check --kernel`'],
  ['all', 'counts, capabilities'],
  ['unhooked', 'the same without hooks'],
  ['rules', 'alerts, block'],
] as const;

const hookedIn = ({ hooked, prevented }: Verdict) =>
  hooked ? `yes${prevented ? '; the kernel refused what rules block' : ''}` : 'no';

function notesOf({ programs, behaviours, problems, skipped = {} }: Verdict): string[] {
  const runs = Object.entries(skipped);
  const because = new Map<string, string[]>();
  for (const line of programs.notOffered) {
    const [, program = line, reason = ''] = /^(\S+): (.*?)(?:; without it: .*)?$/.exec(line) ?? [];
    because.set(reason, [...(because.get(reason) ?? []), program]);
  }
  return [
    ...programs.missing.map((line) => `- refused: ${line}`),
    ...[...because].map(([reason, names]) => `- not on this kernel: ${names.join(', ')}: ${reason}`),
    ...behaviours.byNature.map((line) => `- by nature: ${line}`),
    ...problems.map((line) => `- ${line}`),
    ...behaviours.differences.flatMap(({ behaviour, missing, extra }) => [
      ...missing.map((line) => `- ${behaviour}: missing: \`${line}\``),
      ...extra.map((line) => `- ${behaviour}: not expected: \`${line}\``),
    ]),
    ...(runs.length === 0
      ? []
      : [`- runs left out by the kernel: ${runs.map(([name, count]) => `${name} ${count}`).join(', ')}`]),
  ];
}

/** Writes docs/kernels.md. */
export function writePage(): void {
  const all = verdicts();
  const rows = all.map((verdict) => {
    const { parts, programs, behaviours, problems } = verdict;
    const refused = programs.missing.length > 0 ? `, ${programs.missing.length} refused` : '';
    const others = PARTS_IN_WORDS.filter(([part]) => parts.includes(part)).map(([, words]) => words);
    return `| ${named(verdict)} | ${programs.attached}${refused} | ${hookedIn(verdict)} | ${hardestShown(programs.hardest)} | ${behaviours.same} of ${behaviours.of} | ${problems.length === 0 ? 'ok' : problems.length}: ${others.join(', ')} |`;
  });
  const notes = all.flatMap((verdict) => {
    const lines = notesOf(verdict);
    return lines.length === 0 ? [] : [`### ${named(verdict)}`, ...lines, ''];
  });
  const head = readFileSync(join(import.meta.dirname, 'page.md'), 'utf8').trim();
  const table = [
    '| kernel | programs attached | functions hooked | most instructions verified | behaviours as expected | what else was run |',
    '|---|---|---|---|---|---|',
    ...rows,
  ];
  writeFileSync(join(ROOT, 'docs', 'kernels.md'), `${[head, '', ...table, '', ...notes].join('\n').trim()}\n`);
}
