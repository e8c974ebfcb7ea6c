import { WardenError } from '../../errors.ts';
import { KINDS } from '../../schema/kinds.ts';
import { readRuleFiles } from '../file/files.ts';
import { loadRules } from '../load.ts';
import { compilationKey, SHIPPED, writeCompiled } from './store.ts';

/** Compiles the rules that are given away with the program; part of a build. Throws RULES_INVALID for rules with mistakes. */
export function compileShipped(directory: string): void {
  const read = readRuleFiles([directory]);
  const { own, problems } = loadRules({ paths: [directory], read, kinds: Object.keys(KINDS) });
  const key = compilationKey(read.files, [directory]);
  if (own === undefined || key === undefined || !writeCompiled(key, SHIPPED, own, read.files))
    throw new WardenError('RULES_INVALID', `the rules in ${directory} cannot be compiled`, { problems });
}
