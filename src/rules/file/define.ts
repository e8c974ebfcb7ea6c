/** Draft -> definition: all keys of one rule checked and translated. */
import { fieldId } from '../../schema/fields.ts';
import { celCondition } from '../cel/condition.ts';
import { resolveName } from '../cel/scope.ts';
import { compilePredicate } from '../predicate/compile.ts';
import type { RuleDefinition, WindowSpec } from '../rule.ts';
import { all, any, type Condition, not, type Subject } from '../tree.ts';
import type { RuleAction, RuleInfo, RuleMode, Severity } from '../types.ts';
import type { Placed, RuleBook, RuleChange, RuleDraft } from './book.ts';
import { readExamples } from './examples.ts';
import { exceptionCondition } from './exceptions.ts';
import { RULE_KEYS, type RuleKey, WINDOW_KEYS } from './keys.ts';
import type { FileNode } from './node.ts';
import { type JsonScope, jsonCondition } from './tree-condition.ts';

/** Whether a draft is switched on: what tags made of it, else its own `enabled`. */
export function isEnabled(draft: RuleDraft | RuleChange): boolean {
  if ('switched' in draft && draft.switched !== undefined) return draft.switched;
  const enabled = draft.values.get('enabled')?.at(-1);
  return enabled === undefined || enabled.document.value(enabled.node, 'enabled', RULE_KEYS.enabled.type) === true;
}

/** Throws RuleError with the place of the first mistake. */
export function defineRule(draft: RuleDraft, book: RuleBook): RuleDefinition {
  return new Definition(draft, book).define();
}

/** A rule of another language with what a rule file changes of it. Throws RuleError. */
export function changeRule(base: RuleDefinition, change: RuleChange, book: RuleBook): RuleDefinition {
  return new Definition(change, book).change(base, change.append);
}

/** What makes a rule match belongs to the language that it is written in. */
const FIXED: readonly RuleKey[] = ['condition', 'conditions', 'window', 'heuristic', 'examples'];

class Definition {
  readonly #draft: Pick<RuleDraft, 'name' | 'document' | 'values' | 'changedBy'> & { readonly node: FileNode };
  readonly #book: RuleBook;

  constructor(draft: RuleDraft | RuleChange, book: RuleBook) {
    this.#draft = draft;
    this.#book = book;
  }

  define(): RuleDefinition {
    const { document, node } = this.#draft;
    const condition = this.#one('condition');
    const conditions = this.#one('conditions');
    if (condition !== undefined && conditions !== undefined) {
      throw conditions.document.error(conditions.node, 'has both "condition" and "conditions"');
    }
    const window = this.#window();
    const base = condition ?? conditions;
    if (base === undefined && window?.type !== 'sequence') {
      throw document.error(node, '"condition" is missing', 'give "condition" (CEL) or "conditions" (a tree)');
    }
    const exceptions = this.#all('exceptions').flatMap((placed) => this.#exceptions(placed));
    const own = base === undefined ? undefined : this.#condition(base);
    const common = [...(own === undefined ? [] : [own]), ...(exceptions.length === 0 ? [] : [not(any(exceptions))])];
    const steps = window?.steps ?? [];
    const whole = all([...common, ...(steps.length === 0 ? [] : [any(steps)])]);
    const place = (base ?? { document, node }).document;
    if (whole.type === 'const') {
      throw place.error(base?.node ?? node, `the condition is always ${whole.value}`);
    }
    compilePredicate(whole);
    return {
      info: this.#info(this.#defaults(conditions !== undefined), false),
      condition: whole,
      ...(window === undefined ? {} : { window }),
      examples: [...this.#all('examples'), ...(this.#book.examples.get(this.#draft.name) ?? [])].flatMap((placed) =>
        readExamples(placed, this.#book),
      ),
    };
  }

  /** `base`, a rule of another language, as a file changes it. */
  change(base: RuleDefinition, append: boolean): RuleDefinition {
    for (const key of FIXED) {
      const placed = this.#one(key);
      if (placed === undefined) continue;
      const remedy = 'add exceptions, or disable it and write a rule of your own';
      throw placed.document.error(
        placed.node,
        `"${key}" of a ${base.info.language} rule cannot be changed here`,
        remedy,
      );
    }
    const exceptions = this.#all('exceptions').flatMap((placed) => this.#exceptions(placed));
    const condition = exceptions.length === 0 ? base.condition : all([base.condition, not(any(exceptions))]);
    compilePredicate(condition);
    return { ...base, info: this.#info(base.info, append), condition };
  }

  #all(key: RuleKey): readonly Placed[] {
    return this.#draft.values.get(key) ?? [];
  }

  #one(key: RuleKey): Placed | undefined {
    return this.#all(key).at(-1);
  }

  #value<T>(key: RuleKey, otherwise: T): T {
    const placed = this.#one(key);
    return placed === undefined ? otherwise : (placed.document.value(placed.node, key, RULE_KEYS[key].type) as T);
  }

  #texts(key: 'tags' | 'mitre'): string[] {
    const values = this.#all(key).flatMap(
      ({ document, node }) => document.value(node, key, RULE_KEYS[key].type) as readonly string[],
    );
    return [...new Set(values)];
  }

  /** What the file says, else what `base` says. */
  #info(base: RuleInfo, append: boolean): RuleInfo {
    const { changedBy } = this.#draft;
    const texts = (key: 'tags' | 'mitre') =>
      append || !this.#draft.values.has(key) ? [...new Set([...base[key], ...this.#texts(key)])] : this.#texts(key);
    return {
      ...base,
      label: this.#value('label', base.label),
      description: this.#value('description', base.description),
      severity: this.#value<Severity>('severity', base.severity),
      riskScore: this.#value('risk_score', base.riskScore),
      confidence: this.#value('confidence', base.confidence),
      action: this.#value<RuleAction>('action', base.action),
      recommendation: this.#value('recommendation', base.recommendation),
      mode: this.#value<RuleMode>('mode', base.mode),
      heuristic: this.#value('heuristic', base.heuristic),
      tags: texts('tags'),
      mitre: texts('mitre'),
      ...this.#identity(),
      throttleSeconds: this.#value('throttle', base.throttleSeconds),
      runbook: this.#value('runbook', base.runbook),
      ...(changedBy.length === 0 ? {} : { changedBy: [...(base.changedBy ?? []), ...changedBy] }),
    };
  }

  /** What a rule is that says nothing but its name. */
  #defaults(isTree: boolean): RuleInfo {
    const { name, document, node } = this.#draft;
    const place = document.place(node);
    return {
      name,
      id: name,
      source: `${place.file}:${place.line}`,
      language: isTree ? 'json' : 'cel',
      label: name.replace(/[_-]+/g, ' ').replace(/(^| )\p{Ll}/gu, (letter) => letter.toUpperCase()),
      description: '',
      severity: 'warning',
      riskScore: 0.5,
      confidence: 0.8,
      action: 'alert',
      recommendation: 'monitor_process',
      mode: 'enforce',
      heuristic: false,
      tags: [],
      mitre: [],
      throttleSeconds: undefined,
      runbook: undefined,
    };
  }

  #scope(placed: Placed): JsonScope {
    return { conditions: this.#book.conditions, place: placed.document.place };
  }

  /** CEL where the node is text, else a tree. */
  #condition(placed: Placed): Condition {
    const { document, node } = placed;
    return node.kind === 'string'
      ? celCondition(document.source(node), this.#book)
      : jsonCondition(node, this.#scope(placed));
  }

  #exceptions(placed: Placed): Condition[] {
    return placed.document
      .array(placed.node, '"exceptions"')
      .map((node) => exceptionCondition({ ...placed, node }, this.#book, this.#scope(placed)));
  }

  #window(): WindowSpec | undefined {
    const placed = this.#one('window');
    if (placed === undefined) return undefined;
    const { document } = placed;
    const object = document.object(placed.node, '"window"');
    document.checkKeys(object, WINDOW_KEYS);
    const get = (key: keyof typeof WINDOW_KEYS) => object.entries.get(key)?.node;
    const value = <T>(key: keyof typeof WINDOW_KEYS): T | undefined => {
      const node = get(key);
      return node === undefined ? undefined : (document.value(node, key, WINDOW_KEYS[key].type) as T);
    };
    const seconds = value<number>('seconds');
    if (seconds === undefined) throw document.error(object, '"window" needs "seconds"');
    const count = value<number>('count');
    const distinctNode = get('distinct');
    const sequenceNode = get('sequence');
    if (sequenceNode !== undefined && (count !== undefined || distinctNode !== undefined)) {
      throw document.error(object, '"sequence" does not go with "count" or "distinct"');
    }
    if (sequenceNode === undefined && count === undefined) {
      throw document.error(object, '"window" needs "count" or "sequence"');
    }
    const by = (value<readonly string[]>('by') ?? []).map((name) => ({
      name,
      subject: this.#subject(placed, get('by') ?? object, name),
    }));
    const steps = sequenceNode === undefined ? [] : document.array(sequenceNode, '"sequence"');
    if (sequenceNode !== undefined && (steps.length < 2 || steps.length > 16)) {
      throw document.error(sequenceNode, '"sequence" has 2 to 16 conditions');
    }
    return {
      type: sequenceNode !== undefined ? 'sequence' : distinctNode !== undefined ? 'distinct' : 'count',
      seconds,
      by,
      count: count ?? steps.length,
      ...(distinctNode === undefined
        ? {}
        : { distinct: this.#subject(placed, distinctNode, document.string(distinctNode, '"distinct"')) }),
      steps: steps.map((node) => this.#condition({ document, node })),
    };
  }

  /** `by`: names of scalar fields, since what makes an alert the same must be readable in one glance. */
  #identity(): { by?: readonly string[] } {
    const placed = this.#one('by');
    if (placed === undefined) return {};
    const { document, node } = placed;
    const by = document.value(node, 'by', RULE_KEYS.by.type) as readonly string[];
    for (const name of by) {
      if (fieldId(name) === undefined) throw document.error(node, `unknown field "${name}" in "by"`);
    }
    return { by };
  }

  #subject({ document }: Placed, node: FileNode, name: string): Subject {
    const found = resolveName(name);
    if (found?.kind !== 'subject') throw document.error(node, `unknown field "${name}"`);
    return found.subject;
  }
}
