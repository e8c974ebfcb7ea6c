import { ruleMatcher, type Silence } from '../alerts/ledger.ts';
import type { SilenceConfig } from '../config/options.ts';
import { messageOf, type Problem, WardenError } from '../errors.ts';
import type { FieldSource } from '../schema/event.ts';

/** Silences ready to be asked. Throws CONFIG_INVALID with each condition that is wrong. */
export function compileSilences(
  silences: readonly SilenceConfig[],
  compile: (source: string) => (event: FieldSource) => boolean,
): Silence[] {
  const problems: Problem[] = [];
  const result = silences.map((entry): Silence => {
    let condition: Silence['condition'];
    try {
      condition = entry.condition === '' ? undefined : compile(entry.condition);
    } catch (error) {
      problems.push({ subject: `silences (${entry.why})`, message: messageOf(error) });
    }
    return {
      matchesRule: ruleMatcher(entry.rule),
      condition,
      until: entry.until === '' ? Number.POSITIVE_INFINITY : Date.parse(entry.until),
      why: entry.why,
    };
  });
  if (problems.length > 0) throw new WardenError('CONFIG_INVALID', 'a silence has a wrong condition', { problems });
  return result;
}
