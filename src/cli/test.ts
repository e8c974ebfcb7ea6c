import { WardenError } from '../errors.ts';
import { runSuite, suiteText } from '../rules/file/suite.ts';
import type { CommandLine } from './flags.ts';
import { loadNamedRules } from './named-rules.ts';
import { lineWriter, printProblems, wantsJson } from './output.ts';

/** `test PATH…`: runs the examples in rule files. Exit code 1 when one fails or a file has a problem. */
export async function testRules({ flags, positionals }: CommandLine): Promise<number> {
  if (positionals.length === 0)
    throw new WardenError('FLAG_INVALID', 'test takes the rule files or directories to test');
  const json = wantsJson(flags);
  const { ruleset, disabled, problems } = loadNamedRules(positionals, flags);
  printProblems(problems);
  const report = await runSuite([...ruleset.rules.map(({ definition }) => definition), ...disabled]);
  const out = lineWriter('-');
  if (json) out.json(report);
  else out.text(suiteText(report, flags.verbose));
  out.close();
  return problems.length === 0 && report.failures.length === 0 ? 0 : 1;
}
