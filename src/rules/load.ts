import type { Problem } from '../errors.ts';
import { nearest } from '../nearest.ts';
import { fieldId } from '../schema/fields.ts';
import type { OwnRules } from './compiled/encoding.ts';
import { type FalcoSet, isFalco, loadFalco } from './falco/load.ts';
import { type RuleDraft, readRuleBook, tagsOf } from './file/book.ts';
import { applyChanges } from './file/change.ts';
import { defineRule, isEnabled } from './file/define.ts';
import { type ReadFiles, type RuleFile, readRuleFiles } from './file/files.ts';
import { HEURISTICS } from './heuristics.ts';
import type { RuleDefinition } from './rule.ts';
import { RuleSet } from './ruleset.ts';
import { isSigma, loadSigma, type SigmaSet } from './sigma/load.ts';
import { RuleError } from './source.ts';
import { type Condition, walk } from './tree.ts';
import type { WindowStore } from './window-store.ts';

export interface RuleOptions {
  /** Rule files and directories, in the order in which they take effect. */
  readonly paths: readonly string[];
  /** Those of `paths` that are for the rules of a site, and may be empty. */
  readonly localPaths?: readonly string[];
  readonly sigmaPaths?: readonly string[];
  /** Falco files and directories: later ones add to earlier ones and override them. */
  readonly falcoPaths?: readonly string[];
  /** Read the examples that stand beside the rules. Default false. */
  readonly examples?: boolean;
  /** Add the built-in heuristics. Default false. */
  readonly heuristics?: boolean;
  /** Rules with one of these tags are switched on or off, after what files say; on wins. */
  readonly enableTags?: readonly string[];
  readonly disableTags?: readonly string[];
  /** Kinds of event that there are; a rule that asks for another one is a mistake. Default: not checked. */
  readonly kinds?: Iterable<string>;
  readonly windows?: WindowStore;
  readonly previous?: RuleSet;
  /** Refuse files that everybody may write. Default false. */
  readonly distrust?: boolean;
  /** What `paths` have, where it is read already. */
  readonly read?: ReadFiles;
}

export interface LoadedRules {
  /** The sound rules. */
  readonly ruleset: RuleSet;
  /** Everything that is wrong. A broken rule never stops the others; whether to go on is the caller's decision. */
  readonly problems: readonly Problem[];
  /** Those of `problems` that are about Sigma and Falco rules, wherever their files lie. */
  readonly refused: ReadonlySet<Problem>;
  /** What was ignored of rules that stand. */
  readonly warnings: readonly Problem[];
  /** The sound rules that are switched off. */
  readonly disabled: readonly RuleDefinition[];
  /** What there is to compile ahead: rules of files of this program's own, without a mistake and complete by themselves. */
  readonly own?: OwnRules;
}

/** The files of the paths. */
function readFiles(options: RuleOptions): ReadFiles {
  return readRuleFiles(options.paths, {
    examples: options.examples ?? false,
    distrusting: options.distrust ?? false,
    mayBeEmpty: options.localPaths ?? [],
  });
}

/** Reads, checks and compiles rules. Throws nothing for what the files contain. */
export function loadRules(options: RuleOptions): LoadedRules {
  const { files, problems } = options.read ?? readFiles(options);
  const own = files.filter((file) => !isSigma(file) && !isFalco(file));
  const sigmaFiles = files.filter(isSigma);
  const sigmaPaths = options.sigmaPaths ?? [];
  const sigma = sigmaPaths.length + sigmaFiles.length === 0 ? undefined : loadSigma(sigmaPaths, sigmaFiles);
  const falcoFiles = files.filter(isFalco);
  const falcoPaths = options.falcoPaths ?? [];
  const falco = falcoPaths.length + falcoFiles.length === 0 ? undefined : loadFalco(falcoPaths, falcoFiles);
  return loadRuleTexts(own, options, problems, sigma, falco);
}

/** The same for texts that are read already. */
export function loadRuleTexts(
  files: readonly RuleFile[],
  options: Omit<RuleOptions, 'paths' | 'sigmaPaths' | 'falcoPaths'> = {},
  before: readonly Problem[] = [],
  sigma?: SigmaSet,
  falco?: FalcoSet,
): LoadedRules {
  const book = readRuleBook(files);
  const refused = new Set([...(sigma?.problems ?? []), ...(falco?.problems ?? [])]);
  const problems: Problem[] = [...before, ...book.problems, ...refused];
  const definitions: RuleDefinition[] = [];
  const disabled: RuleDefinition[] = [];
  const kinds = options.kinds === undefined ? undefined : new Set(options.kinds);
  for (const draft of book.rules.values()) {
    try {
      const definition = defineRule(draft, book);
      if (kinds !== undefined) checkKinds(draft, definition.condition, kinds);
      if (switchedOn(draft, options)) definitions.push(definition);
      else disabled.push(definition);
    } catch (cause) {
      if (!(cause instanceof RuleError)) throw cause;
      problems.push({ subject: draft.name, ...cause.problem });
    }
  }
  const own: OwnRules = { definitions: [...definitions], disabled: [...disabled] };
  const names = new Set(definitions.map(({ info }) => info.name));
  const falcoRules = falcoDefinitions(falco, names, options);
  const others = [
    ...sigmaDefinitions(sigma, names),
    ...falcoRules.definitions,
    ...(options.heuristics === true ? HEURISTICS : []),
  ];
  const changed = applyChanges(book, others, sigma?.correlations ?? [], falcoRules.off);
  definitions.push(...changed.definitions);
  disabled.push(...changed.disabled);
  problems.push(...changed.problems);
  const ruleset = new RuleSet({
    definitions,
    correlations: changed.correlations,
    ...(options.windows === undefined ? {} : { windows: options.windows }),
    ...(options.previous === undefined ? {} : { previous: options.previous }),
  });
  const complete = problems.length === 0 && book.changes.length === 0 && sigma === undefined && falco === undefined;
  const warnings = falco?.warnings ?? [];
  return { ruleset, problems, refused, warnings, disabled, ...(complete ? { own } : {}) };
}

type TagOptions = Pick<RuleOptions, 'enableTags' | 'disableTags'>;

function switchedOn(draft: RuleDraft, options: TagOptions): boolean {
  return switchedByTags(tagsOf(draft), options) ?? isEnabled(draft);
}

/** What the tags say; undefined when they say nothing. */
function switchedByTags(tags: readonly string[], options: TagOptions): boolean | undefined {
  if (options.enableTags?.some((tag) => tags.includes(tag)) === true) return true;
  return options.disableTags?.some((tag) => tags.includes(tag)) === true ? false : undefined;
}

/** A name that a rule of another language has already says where it is from. `off`: ids of those switched off. */
function falcoDefinitions(falco: FalcoSet | undefined, names: Set<string>, options: TagOptions) {
  const definitions: RuleDefinition[] = [];
  const off = new Set<string>();
  const add = ({ info, condition }: RuleDefinition, enabled: boolean): void => {
    const name = names.has(info.name) ? `${info.name} (Falco)` : info.name;
    names.add(name);
    if (!(switchedByTags(info.tags, options) ?? enabled)) off.add(info.id);
    definitions.push({ info: { ...info, name }, condition });
  };
  for (const rule of falco?.rules ?? []) add(rule, true);
  for (const rule of falco?.disabled ?? []) add(rule, false);
  return { definitions, off };
}

/** A misspelt kind would make a rule that never matches. Throws RuleError. */
function checkKinds(draft: RuleDraft, condition: Condition, kinds: ReadonlySet<string>): void {
  const typeField = fieldId('event.type');
  walk(condition, (node) => {
    if (node.type !== 'leaf' || node.subject.from !== 'field' || node.subject.field !== typeField) return;
    if (node.test.op !== 'equal') return;
    for (const value of node.test.values) {
      if (typeof value !== 'string' || kinds.has(value)) continue;
      const placed = draft.values.get('condition')?.at(-1) ?? draft.values.get('conditions')?.at(-1) ?? draft;
      const near = nearest(value, kinds);
      throw placed.document.error(
        placed.node,
        `unknown event type "${value}"`,
        near === undefined ? undefined : `did you mean "${near}"?`,
      );
    }
  });
}

/** Sigma titles need not be unique; where one is taken the id tells them apart. */
function sigmaDefinitions(sigma: SigmaSet | undefined, names: Set<string>): RuleDefinition[] {
  return (sigma?.rules ?? []).map(({ info, condition, silent }) => {
    const name = names.has(info.name) ? `${info.name} (${info.id})` : info.name;
    names.add(name);
    return { info: { ...info, name }, condition, silent };
  });
}
