/** Rule set -> what the kernel must let through. */
import type { FileClass, FilterToken, KernelFilter, KindFilter } from '../../kernel/types.ts';
import { kindSpec } from '../../schema/kinds.ts';
import { expandBehaviors } from '../behaviors.ts';
import type { CompiledRule } from '../rule.ts';
import { tokensOf } from './kernel-tokens.ts';
import { openClasses } from './open-classes.ts';
import { knowsLiveKind, specialise } from './specialise.ts';

/** Tokens of one kind; the kernel's table holds 262,144 for all. */
const MAX_TOKENS = 65_536;

/**
 * The filter for a rule set. It is sound for live events: an event that a rule
 * could match passes. Heuristics need no events of their own, because they
 * only add to what another rule finds.
 *
 * @param kinds All kinds of event that the kernel can send.
 * @param folds The kernel compares path components without regard to the case of ASCII letters; all texts of
 *   component tokens are then lower case. Without it, conditions that ignore case switch the filter off.
 */
export function kernelFilter(
  rules: readonly CompiledRule[],
  kinds: Iterable<string>,
  { folds = false }: { readonly folds?: boolean } = {},
): KernelFilter {
  const filters = new Map<string, KindFilter>();
  for (const kind of kinds) filters.set(kind, kindFilter(rules, kind, folds));
  return { kinds: filters };
}

function kindFilter(rules: readonly CompiledRule[], kind: string, folds: boolean): KindFilter {
  const tokens = new Map<string, FilterToken>();
  const { filteredBy, opens } = kindSpec(kind) ?? {};
  for (const rule of rules) {
    if (rule.info.heuristic) continue;
    const condition = specialise(expandBehaviors(rule.condition), knowsLiveKind(kind));
    if (condition.type === 'const' && !condition.value) continue;
    const found =
      filteredBy === undefined ? undefined : tokensOf(condition, { folds, network: filteredBy === 'address' });
    if (found === undefined) return { pass: 'whole', because: rule.info.name };
    const classes = opens === true ? openClasses(condition) : undefined;
    const sensitive = rule.info.severity === 'critical' || rule.info.severity === 'warning';
    for (const token of found) add(tokens, token, classes, sensitive);
    if (tokens.size > MAX_TOKENS) return { pass: 'whole', because: `${rule.info.name} (too many literals)` };
  }
  return tokens.size === 0 ? { pass: 'none' } : { pass: 'tokens', tokens: [...tokens.values()] };
}

/** One token for several rules is for the classes of all of them. */
function add(
  tokens: Map<string, FilterToken>,
  token: FilterToken,
  classes: readonly FileClass[] | undefined,
  isSensitive: boolean,
): void {
  if (token.type !== 'component' && token.type !== 'component_prefix' && token.type !== 'component_suffix') {
    const key = JSON.stringify(token);
    // What is true of half of all events names nothing.
    const exact = token.type !== 'remote' && token.type !== 'error' && token.type !== 'uid';
    tokens.set(
      key,
      (isSensitive && exact) || tokens.get(key)?.sensitive === true ? { ...token, sensitive: true } : token,
    );
    return;
  }
  const { type, text } = token;
  const key = `${type} ${text}`;
  const before = tokens.get(key);
  const sensitive = isSensitive || before?.sensitive === true ? ({ sensitive: true } as const) : {};
  const known = before !== undefined && 'classes' in before ? before.classes : undefined;
  const every = classes === undefined || (before !== undefined && known === undefined);
  tokens.set(
    key,
    every
      ? { type, text, ...sensitive }
      : { type, text, ...sensitive, classes: [...new Set([...(known ?? []), ...classes])] },
  );
}
