/** Loads Sigma rules, correlations and filters. */
import { messageOf, type Problem } from '../../errors.ts';
import { quoted } from '../../visible.ts';
import { readYaml, type YamlDocument, YamlFault, type YamlMap } from '../../yaml.ts';
import { readYamlFiles, type SourceFile } from '../yaml-files.ts';
import { type CorrelationDraft, readCorrelation } from './correlation/correlation.ts';
import type { SigmaCorrelation } from './correlation/correlator.ts';
import { resolveCorrelations } from './correlation/resolve.ts';
import { type FilterDraft, filterRules, readFilter } from './filter.ts';
import { SigmaFault } from './problem.ts';
import { type Metadata, readMetadata, readRule, type SigmaDraft, type SigmaRule } from './rule.ts';

export type { SigmaCorrelation } from './correlation/correlator.ts';
export { SigmaCorrelator } from './correlation/correlator.ts';
export type { SigmaRule } from './rule.ts';

export interface SigmaSet {
  readonly rules: readonly SigmaRule[];
  /** For a SigmaCorrelator; in the order in which it needs them. */
  readonly correlations: readonly SigmaCorrelation[];
  /** What was refused, each with its file. The rest is sound. */
  readonly problems: readonly Problem[];
}

interface Drafts {
  readonly rules: SigmaDraft[];
  readonly correlations: CorrelationDraft[];
  readonly filters: FilterDraft[];
  readonly problems: Problem[];
  /** Ids in use, with their file. */
  readonly ids: Map<string, string>;
}

/**
 * Loads the files, and all .yml and .yaml files below the directories, that
 * are named, and those that are read already. Nothing is thrown for what they contain: a document that cannot
 * be evaluated is a problem, and the others load.
 */
export function loadSigma(paths: readonly string[], read: readonly SourceFile[] = []): SigmaSet {
  const { files, problems } = readYamlFiles(paths);
  return loadSigmaTexts([...read, ...files], problems);
}

/** Whether a file among rule files is Sigma: by the keys that only Sigma has at the top. */
export function isSigma({ path, text }: SourceFile): boolean {
  return /\.ya?ml$/.test(path) && /^(?:detection|correlation|logsource):/m.test(text) && !/^rules:/m.test(text);
}

/** The same for texts that are read already. */
export function loadSigmaTexts(files: readonly SourceFile[], before: readonly Problem[] = []): SigmaSet {
  const drafts: Drafts = { rules: [], correlations: [], filters: [], problems: [...before], ids: new Map() };
  for (const file of files) readFile(file, drafts);
  const { problems } = drafts;

  const rules = filterRules(drafts.rules, drafts.filters, (draft, fault) =>
    problems.push(problemOf(draft.info.source, draft.metadata, fault)),
  );
  const { correlations, silent, faults } = resolveCorrelations(rules, drafts.correlations);
  for (const { draft, fault } of faults) problems.push(problemOf(draft.info.source, draft.metadata, fault));
  return {
    rules: rules.map(({ info, kinds, condition }) => ({ info, kinds, condition, silent: silent.has(info.id) })),
    correlations,
    problems,
  };
}

function readFile(file: SourceFile, drafts: Drafts): void {
  let documents: YamlDocument[];
  try {
    documents = readYaml(file.text);
  } catch (fault) {
    drafts.problems.push(problemOf(file.path, undefined, asFault(fault)));
    return;
  }
  if (documents.every((document) => document.root === undefined && document.fault === undefined)) {
    drafts.problems.push({ file: file.path, message: 'the file holds no rule' });
  }
  for (const document of documents) {
    const { root } = document;
    let metadata: Metadata | undefined;
    try {
      if (document.fault !== undefined) throw document.fault;
      if (root === undefined) continue;
      if (root.kind !== 'map') throw new SigmaFault('a rule must be a map', root.line);
      metadata = readMetadata(root);
      readDocument(root, metadata, file.path, drafts);
    } catch (fault) {
      const placed = asFault(fault);
      const line = placed.line ?? document.line;
      drafts.problems.push(problemOf(file.path, metadata, new SigmaFault(placed.message, line, placed.remedy)));
    }
  }
}

/** Whatever goes wrong with one document, the daemon and the other rules go on. */
function asFault(fault: unknown): SigmaFault {
  if (fault instanceof SigmaFault) return fault;
  if (fault instanceof YamlFault) return new SigmaFault(fault.message, fault.line);
  return new SigmaFault(`cannot be evaluated: ${messageOf(fault)}`);
}

const LEGACY_ACTIONS = new Set(['global', 'reset', 'repeat']);

function readDocument(document: YamlMap, metadata: Metadata, file: string, drafts: Drafts): void {
  const action = document.entries.get('action');
  if (action?.kind === 'scalar' && LEGACY_ACTIONS.has(action.text)) {
    throw new SigmaFault(
      `"action: ${action.text}" belongs to Sigma 1`,
      action.line,
      'repeat the common part in each rule',
    );
  }
  const id = metadata.id ?? metadata.title;
  const former = drafts.ids.get(id);
  if (former !== undefined) throw new SigmaFault(`the id ${quoted(id)} is already that of ${former}`, document.line);
  if (document.entries.has('correlation')) drafts.correlations.push(readCorrelation(document, metadata, file));
  else if (document.entries.has('filter')) drafts.filters.push(readFilter(document, metadata, file));
  else drafts.rules.push(readRule(document, metadata, file));
  drafts.ids.set(id, `${file}:${document.line}`);
}

function problemOf(source: string, metadata: Metadata | undefined, fault: SigmaFault): Problem {
  const line = fault.line ?? Number(/:(\d+)$/.exec(source)?.[1] ?? Number.NaN);
  const subject = metadata?.id ?? metadata?.title;
  return {
    file: source.replace(/:\d+$/, ''),
    ...(Number.isNaN(line) ? {} : { line }),
    ...(subject === undefined ? {} : { subject }),
    message: fault.message,
    ...(fault.remedy === undefined ? {} : { remedy: fault.remedy }),
  };
}
