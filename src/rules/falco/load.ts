/** Loads Falco rule files: in order, each seeing what was defined before it. */
import { messageOf, type Problem } from '../../errors.ts';
import { readYaml, type YamlDocument } from '../../yaml.ts';
import type { RuleDefinition } from '../rule.ts';
import { readYamlFiles, type SourceFile } from '../yaml-files.ts';
import { Collection, itemsOf } from './document.ts';
import { embeddedFiles } from './embedded.ts';
import { FalcoFault } from './fault.ts';
import { isUnknownItem, warningsOf } from './known-keys.ts';
import { checkRequirements } from './requirements.ts';
import { defineRules, type FalcoRule } from './rules.ts';

export interface FalcoSet {
  /** Those that are switched on, in the order of their first definition. */
  readonly rules: readonly RuleDefinition[];
  readonly disabled: readonly RuleDefinition[];
  /** What was refused, each with its file. The rest is sound. */
  readonly problems: readonly Problem[];
  /** What was ignored of items that stand, and rules that ask to be left out where a field is unknown. */
  readonly warnings: readonly Problem[];
}

/** Loads the files, and all .yml and .yaml files below the directories, in the order in which they are named; `files` are read already. */
export function loadFalco(paths: readonly string[], files: readonly SourceFile[] = []): FalcoSet {
  const read = readYamlFiles(paths);
  return loadFalcoTexts([...files, ...read.files], read.problems);
}

/** Whether a file among rule files is Falco's: a list whose items are rules, macros or lists. */
export function isFalco({ path, text }: SourceFile): boolean {
  return (
    /\.ya?ml$/.test(path) && /^- +(?:rule|macro|list|required_engine_version|required_plugin_versions):/m.test(text)
  );
}

/** The same for texts that are read already. */
export function loadFalcoTexts(files: readonly SourceFile[], before: readonly Problem[] = []): FalcoSet {
  const problems: Problem[] = [...before];
  const warnings: Problem[] = [];
  const collection = new Collection();
  for (const file of files) readFile(file, collection, problems, warnings);
  const rules: FalcoRule[] = defineRules(collection, {
    refused: (problem) => problems.push(problem),
    warned: (problem) => warnings.push(problem),
  });
  return {
    rules: rules.filter(({ enabled }) => enabled).map(({ definition }) => definition),
    disabled: rules.filter(({ enabled }) => !enabled).map(({ definition }) => definition),
    problems,
    warnings,
  };
}

function readFile(file: SourceFile, collection: Collection, problems: Problem[], warnings: Problem[]): void {
  let documents: YamlDocument[];
  try {
    documents = readYaml(file.text);
  } catch (fault) {
    problems.push(problemOf(file.path, asFault(fault)));
    return;
  }
  for (const document of documents) {
    try {
      if (document.fault !== undefined) throw document.fault;
      if (document.root === undefined) continue;
      const embedded = embeddedFiles(document.root, file.path);
      for (const inner of embedded) readFile(inner, collection, problems, warnings);
      if (embedded.length > 0) continue;
      readItems(document, file, collection, { problems, warnings });
    } catch (fault) {
      problems.push(problemOf(file.path, asFault(fault), document.line));
      if (fault instanceof FalcoFault && fault.wholeFile) return;
    }
  }
}

interface Findings {
  readonly problems: Problem[];
  readonly warnings: Problem[];
}

function readItems(
  document: YamlDocument,
  file: SourceFile,
  collection: Collection,
  { problems, warnings }: Findings,
): void {
  if (document.root === undefined) return;
  for (const item of itemsOf(document.root)) {
    let subject: string | undefined;
    if (item.kind === 'scalar' && item.value === null) continue;
    try {
      if (item.kind !== 'map') throw new FalcoFault('an item must be a map', item);
      const name = item.entries.get('rule') ?? item.entries.get('macro') ?? item.entries.get('list');
      subject = name?.kind === 'scalar' ? name.text : undefined;
      warnings.push(...warningsOf(item, file.path));
      if (!isUnknownItem(item) && !checkRequirements(item)) collection.add(item, file.path);
    } catch (fault) {
      if (fault instanceof FalcoFault && fault.wholeFile) throw fault;
      problems.push(problemOf(file.path, asFault(fault), item.line, subject));
    }
  }
}

/** Whatever goes wrong with one item, the others load. */
function asFault(fault: unknown): {
  readonly message: string;
  readonly line?: number | undefined;
  readonly remedy?: string | undefined;
} {
  return fault instanceof Error && 'line' in fault
    ? (fault as FalcoFault)
    : { message: `cannot be read: ${messageOf(fault)}` };
}

function problemOf(
  file: string,
  fault: { readonly message: string; readonly line?: number | undefined; readonly remedy?: string | undefined },
  line?: number,
  subject?: string,
): Problem {
  const at = fault.line ?? line;
  return {
    file,
    ...(at === undefined ? {} : { line: at }),
    ...(subject === undefined ? {} : { subject }),
    message: fault.message,
    ...(fault.remedy === undefined ? {} : { remedy: fault.remedy }),
  };
}
