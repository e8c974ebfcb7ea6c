import { WardenError } from '../../errors.ts';
import { KINDS } from '../../schema/kinds.ts';
import { readRuleFiles } from '../file/files.ts';
import { liveFilter } from '../literals/kernel-filter.ts';
import { loadRules } from '../load.ts';
import { compilationKey, SHIPPED, writeCompiled } from './store.ts';

/** Compiles the rules that are given away with the program; part of a build. Throws RULES_INVALID for rules with mistakes. */
export function compileShipped(directory: string): void {
  const read = readRuleFiles([directory]);
  const { own, problems, ruleset } = loadRules({ paths: [directory], read, kinds: Object.keys(KINDS) });
  const key = compilationKey(read.files, [directory]);
  const filter = liveFilter(ruleset.rules);
  if (
    own === undefined ||
    key === undefined ||
    !writeCompiled(key, SHIPPED, { ...own, filter, placements: ruleset.placements }, read.files)
  )
    throw new WardenError('RULES_INVALID', `the rules in ${directory} cannot be compiled`, { problems });
}
