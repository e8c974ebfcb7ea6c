import { WardenError } from '../errors.ts';
import { runSuite, suiteText } from '../rules/file/suite.ts';
import { loadRules } from '../rules/load.ts';
import { KINDS } from '../schema/kinds.ts';
import type { CommandLine } from './flags.ts';
import { lineWriter, printProblems } from './output.ts';

/** `test PATH…`: runs the examples in rule files. Exit code 1 when one fails or a file has a problem. */
export async function testRules({ flags, positionals }: CommandLine): Promise<number> {
  if (positionals.length === 0)
    throw new WardenError('FLAG_INVALID', 'test takes the rule files or directories to test');
  const { ruleset, disabled, problems } = loadRules({ paths: positionals, examples: true, kinds: Object.keys(KINDS) });
  printProblems(problems);
  const report = await runSuite([...ruleset.rules.map(({ definition }) => definition), ...disabled]);
  const out = lineWriter('-');
  out.write(flags.format === 'json' ? JSON.stringify(report) : suiteText(report));
  out.close();
  return problems.length === 0 && report.failures.length === 0 ? 0 : 1;
}
