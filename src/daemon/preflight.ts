import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { compileTemplate } from '../alerts/formats/template.ts';
import { ruleMatcher } from '../alerts/ledger.ts';
import { redactorOf } from '../alerts/redact.ts';
import { sinkConfigs, sinkFiles } from '../alerts/sinks/registry.ts';
import type { Config, SinkConfig } from '../config/options.ts';
import { messageOf, type Problem, WardenError } from '../errors.ts';
import { parseAddress } from '../http/address.ts';
import { readWebConfig } from '../http/web-config/read.ts';
import { compileSilences } from '../pipeline/silences.ts';
import type { LoadedRules } from '../rules/load.ts';
import { compilePredicate, type Predicate } from '../rules/predicate/compile.ts';
import { remedyForRule } from '../rules/renamed.ts';
import { bareSource } from '../rules/source.ts';
import { KINDS } from '../schema/kinds.ts';

/**
 * What is wrong with a configuration although each value has the right form.
 * `check` prints all of it. `run` does not start with what is `fatal`; the
 * rest it says and counts: a rule that an update removed, or a directory that
 * is not mounted yet, must not leave a host unwatched.
 * Nothing is opened for writing and no plugin runs.
 */
export async function preflight(config: Config, rules: LoadedRules): Promise<{ fatal: Problem[]; other: Problem[] }> {
  // The parser is large, and few configurations have silences.
  if (config.silences.length > 0) cel ??= await import('../rules/cel/condition.ts');
  return {
    fatal: [...webProblems(config), ...textProblems(config)],
    other: [...nameProblems(config, rules), ...pathProblems(config)],
  };
}

let cel: typeof import('../rules/cel/condition.ts') | undefined;

/** Compiles the condition of a silence, of a configuration that has passed `preflight`. */
export function silenceCondition(source: string): Predicate {
  if (cel === undefined) throw new Error('the configuration has not been looked at');
  return compilePredicate(cel.celCondition(bareSource(source)));
}

function attempt(subject: string, action: () => unknown): Problem[] {
  try {
    action();
    return [];
  } catch (error) {
    if (error instanceof WardenError && error.problems.length > 0) return [...error.problems];
    return [{ subject, message: messageOf(error).replace(`${subject}: `, '') }];
  }
}

function webProblems({ web }: Config): Problem[] {
  return [
    ...attempt('web.listen_address', () => parseAddress(web.listen_address)),
    ...(web.config_file === '' ? [] : attempt('web.config_file', () => readWebConfig(web.config_file))),
  ];
}

/** Names of rules, tags and kinds that nothing has: what they were meant for does not happen. */
function nameProblems({ response, silences, output }: Config, { ruleset, disabled }: LoadedRules): Problem[] {
  const infos = [...ruleset.infos, ...disabled.map(({ info }) => info)];
  const names = infos.map(({ name }) => name);
  const tags = new Set(infos.flatMap(({ tags: own }) => own));
  const problems: Problem[] = [];
  const unknown = (subject: string, what: string, name: string, known: Iterable<string>) => {
    const remedy = remedyForRule(name, known);
    problems.push({ subject, message: `no ${what} "${name}"`, ...(remedy === undefined ? {} : { remedy }) });
  };
  for (const entry of response.enforce_rules) {
    const tag = entry.startsWith('tag:') ? entry.slice(4) : undefined;
    if (tag !== undefined && !tags.has(tag)) unknown('response.enforce_rules', 'rule has the tag', tag, tags);
    if (tag === undefined && !names.includes(entry)) unknown('response.enforce_rules', 'rule is called', entry, names);
  }
  for (const { rule } of silences) {
    if (!names.some(ruleMatcher(rule))) unknown('silences.rule', 'rule is called', rule, names);
  }
  const kinds = Object.keys(KINDS);
  for (const kind of output.events_kinds) {
    if (!kinds.includes(kind)) unknown('output.events_kinds', 'kind of event is called', kind, kinds);
  }
  return problems;
}

function textProblems(config: Config): Problem[] {
  return [
    ...attempt('silences', () => compileSilences(config.silences, silenceCondition)),
    ...attempt('redaction', () => redactorOf(config)),
    ...attempt('sinks', () => sinkConfigs(config)),
    ...config.sinks
      .filter(({ format }) => format === 'template')
      .flatMap((sink) => {
        const subject = `sinks.${sink.name}.template`;
        return attempt(subject, () => compileTemplate(textOf(sink, 'template'), subject));
      }),
  ];
}

/** Options of sinks that name a file which must be there. */
const READ_BY_SINKS = ['module', 'secret_file', 'bearer_token_file', 'ca_file', 'cert_file', 'key_file'] as const;

/** An option of a sink that only some types have. */
function textOf(sink: SinkConfig, key: string): string {
  const value = (sink as Readonly<Record<string, unknown>>)[key];
  return typeof value === 'string' ? value : '';
}

/** Files that are read must be there, directories of files that are written must be. */
function pathProblems(config: Config): Problem[] {
  const problems: Problem[] = [];
  const { output, response, spool, sinks, plugins } = config;
  const written: readonly (readonly [string, string])[] = [
    ['output.alerts_file', output.alerts_file],
    ['output.events_file', output.events_file],
    ['response.audit_file', response.audit_file],
    ...sinks.flatMap((sink) => sinkFiles(sink).map((file) => [`sinks.${sink.name}.path`, file] as const)),
  ];
  for (const [subject, file] of written) if (file !== '' && file !== '-') problems.push(...directoryOf(subject, file));
  const read: readonly (readonly [string, string])[] = [
    ...plugins.map(({ name, module }) => [`plugins.${name}.module`, module] as const),
    ...sinks.flatMap((sink) => READ_BY_SINKS.map((key) => [`sinks.${sink.name}.${key}`, textOf(sink, key)] as const)),
  ];
  for (const [subject, file] of read) {
    if (file !== '' && !existsSync(file)) problems.push({ subject, message: `${file} does not exist` });
  }
  // The spool's own directory is made; the one that it lies in must be there or can be made by root.
  const above = nearestDirectory(spool.directory);
  if (!statSync(above).isDirectory())
    problems.push({ subject: 'spool.directory', message: `${above} is no directory` });
  return problems;
}

function directoryOf(subject: string, file: string): Problem[] {
  const directory = dirname(resolve(file));
  if (!existsSync(directory))
    return [{ subject, message: `${directory} does not exist`, remedy: `mkdir -p ${directory}, or name another file` }];
  try {
    accessSync(existsSync(file) ? file : directory, constants.W_OK);
    return [];
  } catch {
    return process.geteuid?.() === 0 ? [{ subject, message: `${file} cannot be written` }] : [];
  }
}

function nearestDirectory(path: string): string {
  let current = resolve(path);
  while (!existsSync(current)) current = dirname(current);
  return current;
}
