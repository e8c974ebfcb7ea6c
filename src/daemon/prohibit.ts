import type { Config } from '../config/options.ts';
import { messageOf } from '../errors.ts';
import type { Prohibitions } from '../kernel/prohibitions.ts';
import type { ProhibitingRule } from '../kernel/types.ts';
import type { Logger } from '../log.ts';
import { ancestorsOf } from '../response/protected.ts';
import { isEnforced } from '../response/responder.ts';
import type { Prevention } from '../response/types.ts';
import { prohibitionsOf } from '../rules/literals/prohibitions.ts';
import type { RuleSet } from '../rules/ruleset.ts';

/** Tells the kernel what the rules that block, and are enforced, refuse; says of each other one why it acts only afterwards. */
export function prohibit(
  prohibitions: Prohibitions | undefined,
  ruleset: RuleSet,
  { response }: Pick<Config, 'response'>,
  log: Logger,
): void {
  const blocking = ruleset.rules.filter(
    ({ info, definition }) =>
      info.action === 'block' && info.mode === 'enforce' && isEnforced(info, response) && definition.silent !== true,
  );
  const rules: ProhibitingRule[] = [];
  for (const { info, condition, definition } of blocking) {
    const decision =
      definition.window !== undefined
        ? { because: 'it counts events' }
        : prohibitions === undefined
          ? { because: 'functions of this kernel cannot be hooked, or enforcement was off at the start' }
          : prohibitionsOf(condition, prohibitions.kinds);
    if ('because' in decision)
      log.warn({ rule: info.name, reason: decision.because }, 'a rule that blocks acts after the fact');
    else {
      rules.push({ rule: info.name, prohibitions: decision.prohibitions });
      log.info({ rule: info.name, things: decision.prohibitions.length }, 'the kernel refuses what a rule blocks');
    }
  }
  try {
    prohibitions?.use(rules, [...response.protected_processes, ...ancestorsOf(process.pid)]);
  } catch (error) {
    log.error({ reason: messageOf(error) }, 'what rules block is not refused in the kernel');
  }
}

/** What the kernel has refused, with the time of day. */
export function preventionOf(
  prohibitions: Prohibitions | undefined,
  bootTime: () => number,
): Prevention | undefined {
  if (prohibitions === undefined) return undefined;
  return {
    prevents: (rule) => prohibitions.prevents(rule),
    refusals() {
      const { refused, lost } = prohibitions.refusals();
      return {
        lost,
        refused: refused.map(({ rule, kind, pid, startTime }) => ({
          rule,
          kind,
          pid,
          startTime: bootTime() + Number(startTime) / 1e9,
        })),
      };
    },
  };
}
