import type { Problem } from '../errors.ts';
import { nearest } from '../nearest.ts';
import { fieldId } from '../schema/fields.ts';
import { type RuleDraft, readRuleBook, tagsOf } from './file/book.ts';
import { applyChanges } from './file/change.ts';
import { defineRule, isEnabled } from './file/define.ts';
import { type RuleFile, readRuleFiles } from './file/files.ts';
import { HEURISTICS } from './heuristics.ts';
import type { RuleDefinition } from './rule.ts';
import { RuleSet } from './ruleset.ts';
import { isSigma, loadSigma, type SigmaSet } from './sigma/load.ts';
import { RuleError } from './source.ts';
import { type Condition, walk } from './tree.ts';
import type { WindowStore } from './window.ts';

export interface RuleOptions {
  /** Rule files and directories, in the order in which they take effect. */
  readonly paths: readonly string[];
  readonly sigmaPaths?: readonly string[];
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
}

export interface LoadedRules {
  /** The sound rules. */
  readonly ruleset: RuleSet;
  /** Everything that is wrong. A broken rule never stops the others; whether to go on is the caller's decision. */
  readonly problems: readonly Problem[];
  /** The sound rules that are switched off. */
  readonly disabled: readonly RuleDefinition[];
}

/** Reads, checks and compiles rules. Throws nothing for what the files contain. */
export function loadRules(options: RuleOptions): LoadedRules {
  const { files, problems } = readRuleFiles(options.paths, {
    examples: options.examples ?? false,
    distrusting: options.distrust ?? false,
  });
  const own = files.filter((file) => !isSigma(file));
  const sigmaFiles = files.filter(isSigma);
  const sigmaPaths = options.sigmaPaths ?? [];
  const sigma = sigmaPaths.length + sigmaFiles.length === 0 ? undefined : loadSigma(sigmaPaths, sigmaFiles);
  return loadRuleTexts(own, options, problems, sigma);
}

/** The same for texts that are read already. */
export function loadRuleTexts(
  files: readonly RuleFile[],
  options: Omit<RuleOptions, 'paths' | 'sigmaPaths'> = {},
  before: readonly Problem[] = [],
  sigma?: SigmaSet,
): LoadedRules {
  const book = readRuleBook(files);
  const problems: Problem[] = [...before, ...book.problems, ...(sigma?.problems ?? [])];
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
  const others = [
    ...sigmaDefinitions(sigma, new Set(definitions.map(({ info }) => info.name))),
    ...(options.heuristics === true ? HEURISTICS : []),
  ];
  const changed = applyChanges(book, others, sigma?.correlations ?? []);
  definitions.push(...changed.definitions);
  disabled.push(...changed.disabled);
  problems.push(...changed.problems);
  const ruleset = new RuleSet({
    definitions,
    correlations: changed.correlations,
    ...(options.windows === undefined ? {} : { windows: options.windows }),
    ...(options.previous === undefined ? {} : { previous: options.previous }),
  });
  return { ruleset, problems, disabled };
}

function switchedOn(draft: RuleDraft, options: Pick<RuleOptions, 'enableTags' | 'disableTags'>): boolean {
  const tags = tagsOf(draft);
  if (options.enableTags?.some((tag) => tags.includes(tag)) === true) return true;
  if (options.disableTags?.some((tag) => tags.includes(tag)) === true) return false;
  return isEnabled(draft);
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
