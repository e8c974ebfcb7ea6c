import type { Config } from '../config/options.ts';
import { messageOf } from '../errors.ts';
import { PREVENTABLE } from '../kernel/programs.ts';
import type { Prohibitions } from '../kernel/prohibitions.ts';
import type { ProhibitingRule } from '../kernel/types.ts';
import type { Logger } from '../log.ts';
import { ownPid } from '../own-pid.ts';
import { ancestorPids } from '../response/protected.ts';
import { isEnforced } from '../response/responder.ts';
import type { Prevention } from '../response/types.ts';
import { type Decision, prohibitionsOf } from '../rules/literals/prohibitions.ts';
import type { CompiledRule } from '../rules/rule.ts';
import type { RuleSet } from '../rules/ruleset.ts';

function blockingRules(ruleset: RuleSet, response: Config['response']): readonly CompiledRule[] {
  return ruleset.rules.filter(
    ({ info, definition }) =>
      info.action === 'block' && info.mode === 'enforce' && isEnforced(info, response) && definition.silent !== true,
  );
}

function decided({ condition, definition }: CompiledRule, kinds: ReadonlySet<string>): Decision {
  return definition.window === undefined ? prohibitionsOf(condition, kinds) : { because: 'it counts events' };
}

/** Kinds of events whose calls the rules have refused: for these, programs are loaded at the start. */
export function preventedKinds(ruleset: RuleSet, { response }: Pick<Config, 'response'>): ReadonlySet<string> {
  const decisions = blockingRules(ruleset, response).map((rule) => decided(rule, PREVENTABLE));
  return new Set(
    decisions.flatMap((decision) => ('because' in decision ? [] : decision.prohibitions.map(({ kind }) => kind))),
  );
}

/** Without programs that could refuse anything. */
const NOTHING =
  'functions of this kernel cannot be hooked, or no rule that the kernel decides was enforced at the start';

/** Tells the kernel what the rules that block, and are enforced, refuse; says of each other one why it acts only afterwards. */
export function prohibit(
  prohibitions: Prohibitions | undefined,
  ruleset: RuleSet,
  { response }: Pick<Config, 'response'>,
  log: Logger,
): void {
  const rules: ProhibitingRule[] = [];
  for (const rule of blockingRules(ruleset, response)) {
    const { info } = rule;
    const decision = prohibitions === undefined ? { because: NOTHING } : decided(rule, prohibitions.kinds);
    if ('because' in decision)
      log.warn({ rule: info.name, reason: decision.because }, 'a rule that blocks acts after the fact');
    else {
      rules.push({ rule: info.name, prohibitions: decision.prohibitions });
      log.info({ rule: info.name, things: decision.prohibitions.length }, 'the kernel refuses what a rule blocks');
    }
  }
  try {
    prohibitions?.use(rules, [...response.protected_processes, ...ancestorPids(ownPid())]);
  } catch (error) {
    log.error({ reason: messageOf(error) }, 'what rules block is not refused in the kernel');
  }
}

/** What the kernel has refused, with the time of day. */
export function preventionOf(prohibitions: Prohibitions | undefined, bootTime: () => number): Prevention | undefined {
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
