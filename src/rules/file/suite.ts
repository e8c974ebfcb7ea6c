/** Runs the examples of rules, and tells which conditions they leave untried. */
import { messageOf } from '../../errors.ts';
import type { EventRecord } from '../../schema/event.ts';
import { recordFromJson } from '../../schema/record.ts';
import { conditionText, explainCondition, explanationText, holds, reasonOf } from '../predicate/explain.ts';
import type { RuleDefinition, RuleExample } from '../rule.ts';
import { RuleSet } from '../ruleset.ts';
import { type Condition, type Leaf, type Quantifier, walk } from '../tree.ts';

interface ExampleResult {
  readonly rule: string;
  /** Of the example: file and line. */
  readonly source: string;
  readonly name: string | undefined;
  readonly expected: boolean;
  readonly actual: boolean;
  /** Why the result is what it is; only where it is not the expected one. */
  readonly explanation: string | undefined;
}

interface LeafCoverage {
  readonly rule: string;
  readonly condition: string;
  readonly seenTrue: boolean;
  readonly seenFalse: boolean;
}

interface SuiteReport {
  readonly rules: number;
  readonly examples: readonly ExampleResult[];
  readonly failures: readonly ExampleResult[];
  /** Rules without any example. */
  readonly untested: readonly string[];
  /** Every leaf of the rules that have examples. */
  readonly leaves: readonly LeafCoverage[];
}

/**
 * Runs every example. For a rule with a window, `events` run through an empty
 * window and match when one of them completes it; a single `event` cannot,
 * and tests the rule's condition.
 */
export async function runSuite(definitions: readonly RuleDefinition[]): Promise<SuiteReport> {
  const examples: ExampleResult[] = [];
  const leaves: LeafCoverage[] = [];
  const untested: string[] = [];
  for (const definition of definitions) {
    const own = definition.examples ?? [];
    if (own.length === 0) untested.push(definition.info.name);
    const events: EventRecord[] = [];
    const single = ruleSetOf(definition, false);
    for (const example of own) {
      const ruleset =
        example.events.length > 1 && definition.window !== undefined ? ruleSetOf(definition, true) : single;
      examples.push(await runExample(definition, example, ruleset, events));
    }
    if (own.length > 0) leaves.push(...coverage(definition, events));
  }
  const failures = examples.filter(({ expected, actual }) => expected !== actual);
  return { rules: definitions.length, examples, failures, untested, leaves };
}

/** A rule set of one rule. A heuristic by itself gives no finding, so it is made an ordinary rule. */
function ruleSetOf(definition: RuleDefinition, withWindow: boolean): RuleSet {
  const { window, ...rest } = definition;
  const info = { ...definition.info, heuristic: false };
  return new RuleSet({ definitions: [{ ...rest, info, ...(withWindow && window !== undefined ? { window } : {}) }] });
}

async function runExample(
  definition: RuleDefinition,
  example: RuleExample,
  ruleset: RuleSet,
  seen: EventRecord[],
): Promise<ExampleResult> {
  const { info } = definition;
  const problems: string[] = [];
  let actual = false;
  try {
    for (const [at, json] of example.events.entries()) {
      const event = recordFromJson(json, String(at + 1), problems);
      seen.push(event);
      if ((await ruleset.evaluate(event)) !== undefined) actual = true;
    }
  } catch (cause) {
    problems.push(messageOf(cause));
  }
  const last = seen.at(-1);
  const why =
    actual === example.match || last === undefined
      ? problems
      : [...problems, explanationText(reasonOf(explainCondition(definition.condition, last)))];
  return {
    rule: info.name,
    source: example.source,
    name: example.name,
    expected: example.match,
    // An event that cannot be read as its author wrote it tests nothing.
    actual: problems.length > 0 ? !example.match : actual,
    explanation: why.length === 0 ? undefined : why.join('\n'),
  };
}

/** Leaves outside quantifiers, and quantifiers as a whole. */
function leavesOf(condition: Condition): (Leaf | Quantifier)[] {
  const leaves: (Leaf | Quantifier)[] = [];
  walk(condition, (node) => {
    const inside = node.type === 'leaf' ? node.subject.from === 'element' : node.over.from === 'element';
    if (!inside) leaves.push(node);
  });
  return leaves;
}

function coverage({ info, condition }: RuleDefinition, events: readonly EventRecord[]): LeafCoverage[] {
  return leavesOf(condition).map((leaf) => {
    const results = events.map((event) => holds(leaf, event));
    return {
      rule: info.name,
      condition: conditionText(leaf),
      seenTrue: results.includes(true),
      seenFalse: results.includes(false),
    };
  });
}

/** The report for a terminal. `verbose` lists leaves that no example has both true and false. */
export function suiteText(report: SuiteReport, verbose = false): string {
  const lines: string[] = [];
  for (const { rule, source, name, expected, actual, explanation } of report.failures) {
    const what = `${rule}${name === undefined ? '' : ` (${name})`}`;
    lines.push(`FAILED ${source}: ${what}: ${verdict(actual)}, expected ${verdict(expected)}`);
    if (explanation !== undefined) lines.push(...explanation.split('\n').map((part) => `    ${part}`));
  }
  const covered = report.leaves.filter(({ seenTrue, seenFalse }) => seenTrue && seenFalse).length;
  if (verbose) {
    for (const { rule, condition, seenTrue, seenFalse } of report.leaves) {
      if (!seenTrue || !seenFalse) lines.push(`never ${seenTrue ? 'false' : 'true'}: ${rule}: ${condition}`);
    }
  }
  for (const rule of report.untested) lines.push(`no examples: ${rule}`);
  const share = report.leaves.length === 0 ? 100 : Math.round((100 * covered) / report.leaves.length);
  const many = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`;
  lines.push(
    `${many(report.rules, 'rule')}, ${many(report.examples.length, 'example')}, ${report.failures.length} failed; ` +
      `${covered} of ${report.leaves.length} conditions (${share} %) seen both true and false`,
  );
  return lines.join('\n');
}

function verdict(match: boolean): string {
  return match ? 'match' : 'no match';
}
