/** Draft -> definition: all keys of one rule checked and translated. */
import { fieldId } from '../../schema/fields.ts';
import { celCondition } from '../cel/condition.ts';
import { resolveName } from '../cel/scope.ts';
import { compilePredicate } from '../predicate/compile.ts';
import type { RuleDefinition, WindowSpec } from '../rule.ts';
import { all, any, type Condition, not, type Subject } from '../tree.ts';
import type { RuleAction, RuleInfo, RuleMode, Severity } from '../types.ts';
import type { Placed, RuleBook, RuleDraft } from './book.ts';
import { readExamples } from './examples.ts';
import { exceptionCondition } from './exceptions.ts';
import { RULE_KEYS, type RuleKey, WINDOW_KEYS } from './keys.ts';
import type { FileNode } from './node.ts';
import { type JsonScope, jsonCondition } from './tree-condition.ts';

/** Whether a draft is switched on: what tags made of it, else its own `enabled`. */
export function isEnabled(draft: RuleDraft): boolean {
  if (draft.switched !== undefined) return draft.switched;
  const enabled = draft.values.get('enabled')?.at(-1);
  return enabled === undefined || enabled.document.value(enabled.node, 'enabled', RULE_KEYS.enabled.type) === true;
}

/** Throws RuleError with the place of the first mistake. */
export function defineRule(draft: RuleDraft, book: RuleBook): RuleDefinition {
  return new Definition(draft, book).define();
}

class Definition {
  readonly #draft: RuleDraft;
  readonly #book: RuleBook;

  constructor(draft: RuleDraft, book: RuleBook) {
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
      info: this.#info(conditions !== undefined),
      condition: whole,
      ...(window === undefined ? {} : { window }),
      examples: [...this.#all('examples'), ...(this.#book.examples.get(this.#draft.name) ?? [])].flatMap((placed) =>
        readExamples(placed, this.#book),
      ),
    };
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

  #info(isTree: boolean): RuleInfo {
    const { name, document, node } = this.#draft;
    const place = document.place(node);
    const label = name.replace(/[_-]+/g, ' ').replace(/(^| )\p{Ll}/gu, (letter) => letter.toUpperCase());
    return {
      name,
      id: name,
      source: `${place.file}:${place.line}`,
      language: isTree ? 'json' : 'cel',
      label: this.#value('label', label),
      description: this.#value('description', ''),
      severity: this.#value<Severity>('severity', 'warning'),
      riskScore: this.#value('risk_score', 0.5),
      confidence: this.#value('confidence', 0.8),
      action: this.#value<RuleAction>('action', 'alert'),
      recommendation: this.#value('recommendation', 'monitor_process'),
      mode: this.#value<RuleMode>('mode', 'enforce'),
      heuristic: this.#value('heuristic', false),
      tags: this.#texts('tags'),
      mitre: this.#texts('mitre'),
      ...this.#identity(),
      throttleSeconds: this.#value<number | undefined>('throttle', undefined),
      runbook: this.#value<string | undefined>('runbook', undefined),
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
