/** Rule set -> what the kernel must let through. */
import type { FileClass, FilterToken, KernelFilter, KindFilter } from '../../kernel/types.ts';
import { fieldId } from '../../schema/fields.ts';
import { KINDS, kindSpec } from '../../schema/kinds.ts';
import { expandBehaviors } from '../behaviors.ts';
import type { CompiledRule } from '../rule.ts';
import { type Condition, type Subject, walk } from '../tree.ts';
import { tokensOf } from './kernel-tokens.ts';
import { openClasses } from './open-classes.ts';
import { knowsLiveKind, type Specialised, specialise } from './specialise.ts';

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
  const expanded = new Map<Condition, Condition>();
  const conditions = rules
    .filter(({ info }) => !info.heuristic)
    .map(({ info, condition }) => ({ info, condition: expandBehaviors(condition, expanded) }));
  for (const kind of kinds) filters.set(kind, kindFilter(conditions, kind, folds));
  return { kinds: filters };
}

/** The filter as this program's kernel side has it. */
export function liveFilter(rules: readonly CompiledRule[]): KernelFilter {
  return kernelFilter(rules, Object.keys(KINDS), { folds: true });
}

type Asking = Pick<CompiledRule, 'info' | 'condition'>;

function kindFilter(rules: readonly Asking[], kind: string, folds: boolean): KindFilter {
  const tokens = new Map<string, FilterToken>();
  const { filteredBy, opens } = kindSpec(kind) ?? {};
  const kept: { keepsPassed?: true } = opens === true && rules.some(asksForPassed) ? { keepsPassed: true } : {};
  const live = knowsLiveKind(kind);
  const before: Specialised = new Map();
  const kernel = { folds, network: filteredBy === 'address', known: new Map() };
  for (const rule of rules) {
    const condition = specialise(rule.condition, live, before);
    if (condition.type === 'const' && !condition.value) continue;
    const classes = opens === true ? openClasses(condition) : undefined;
    const found = filteredBy === undefined ? undefined : (tokensOf(condition, kernel) ?? opened(classes));
    if (found === undefined) return { pass: 'whole', because: rule.info.name, ...kept };
    const sensitive = rule.info.severity === 'critical' || rule.info.severity === 'warning';
    for (const token of found) add(tokens, token, classes, sensitive);
    if (tokens.size > MAX_TOKENS) return { pass: 'whole', because: `${rule.info.name} (too many literals)`, ...kept };
  }
  return tokens.size === 0 ? { pass: 'none' } : { pass: 'tokens', tokens: [...tokens.values()], ...kept };
}

const PASSED_PATH = fieldId('file.passed_path');

/** Whether the condition or the alert's text has the path as it was passed, which the kernel leaves out else. */
function asksForPassed({ info, condition }: Asking): boolean {
  if (PASSED_PATH === undefined) return false;
  if (info.output?.fields.has(PASSED_PATH) === true) return true;
  const has = (subject: Subject) =>
    subject.from === 'derived'
      ? subject.derived.fields.includes(PASSED_PATH)
      : subject.from === 'field' && subject.field === PASSED_PATH;
  let found = false;
  walk(condition, (node) => {
    found ||= has(node.type === 'leaf' ? node.subject : node.over);
    if (node.type === 'leaf' && node.test.op === 'compare') found ||= has(node.test.other);
  });
  return found;
}

/** Where no literal names the file: the ways of opening, where reading is none of them. */
function opened(classes: readonly FileClass[] | undefined): readonly FilterToken[] | undefined {
  return classes?.includes('open_read') === false ? classes.map((how) => ({ type: 'opened', how })) : undefined;
}

const isComponent = (token: FilterToken): token is Extract<FilterToken, { type: `component${string}` }> =>
  token.type.startsWith('component');

/** One token for several rules is for the classes of all of them. */
function add(
  tokens: Map<string, FilterToken>,
  token: FilterToken,
  classes: readonly FileClass[] | undefined,
  isSensitive: boolean,
): void {
  if (!isComponent(token)) {
    const key = JSON.stringify(token);
    // What is true of half of all events names nothing.
    const exact = token.type !== 'remote' && token.type !== 'error' && token.type !== 'uid' && token.type !== 'opened';
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
