/**
 * Rule files -> drafts of rules, lists, macros and named conditions, with what
 * later files append and override. Files take effect in their order; a later
 * file may change what an earlier one defines only by saying so.
 */
import type { Problem } from '../../errors.ts';
import { nearest } from '../../nearest.ts';
import { isReservedName, literalType } from '../cel/scope.ts';
import { RuleError, type TextSource } from '../source.ts';
import type { Literal } from '../tree.ts';
import { RuleDocument } from './document.ts';
import { checkActor } from './examples.ts';
import type { RuleFile } from './files.ts';
import { FILE_KEYS, RATING_KEYS, RULE_KEYS, type RuleKey } from './keys.ts';
import type { FileNode, ObjectNode } from './node.ts';
import type { PlaceOf } from './tree-condition.ts';

/** A value with the file it is in. */
export interface Placed {
  readonly document: RuleDocument;
  readonly node: FileNode;
}

/** A rule as its files give it, not checked further than its keys. */
export interface RuleDraft {
  readonly name: string;
  readonly document: RuleDocument;
  readonly node: ObjectNode;
  /** Several values of one key come from files that append. */
  readonly values: Map<RuleKey, Placed[]>;
  /** What enable_tags and disable_tags made of it; undefined when no file did. */
  switched: boolean | undefined;
  /** Where later files changed it. */
  readonly changedBy: string[];
}

/** A change of a rule that is in no rule file: a Sigma rule or a built-in heuristic. */
export interface RuleChange extends Omit<RuleDraft, 'switched' | 'node'> {
  /** The name that it gives. */
  readonly node: FileNode;
  readonly append: boolean;
}

export interface RuleBook {
  readonly rules: ReadonlyMap<string, RuleDraft>;
  readonly lists: ReadonlyMap<string, readonly Literal[]>;
  readonly macros: ReadonlyMap<string, TextSource>;
  readonly conditions: ReadonlyMap<string, { readonly node: FileNode; readonly place: PlaceOf }>;
  /** What events of examples have in common. */
  readonly actors: ReadonlyMap<string, { readonly document: RuleDocument; readonly node: ObjectNode }>;
  /** In their order. */
  readonly changes: readonly RuleChange[];
  /** Examples that stand beside the rules, by the rule's name. */
  readonly examples: ReadonlyMap<string, readonly Placed[]>;
  readonly problems: readonly Problem[];
}

const APPENDABLE: readonly RuleKey[] = ['tags', 'mitre', 'exceptions', 'examples'];
const MAX_RULES = 20_000;
const MAX_PROBLEMS = 1000;
/** Control and format characters: they turn text around, or make two names look like one. */
const UNSEEN = /[\p{Cc}\p{Cf}]/u;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

export function readRuleBook(files: readonly RuleFile[]): RuleBook {
  const reader = new BookReader();
  for (const file of files) reader.read(file);
  reader.finish();
  return reader;
}

class BookReader implements RuleBook {
  readonly rules = new Map<string, RuleDraft>();
  readonly lists = new Map<string, readonly Literal[]>();
  readonly macros = new Map<string, TextSource>();
  readonly conditions = new Map<string, { node: FileNode; place: PlaceOf }>();
  readonly actors = new Map<string, { document: RuleDocument; node: ObjectNode }>();
  readonly changes: RuleChange[] = [];
  readonly examples = new Map<string, Placed[]>();
  readonly problems: Problem[] = [];

  read(file: RuleFile): void {
    this.#attempt(undefined, () => {
      const document = new RuleDocument(file.path, file.text);
      document.checkKeys(document.root, FILE_KEYS);
      const part = (key: string) => document.root.entries.get(key)?.node;
      this.#entries(document, part('lists'), '"lists"', (name, node) => this.#list(document, name, node));
      this.#entries(document, part('macros'), '"macros"', (name, node) => this.#macro(document, name, node));
      this.#entries(document, part('conditions'), '"conditions"', (name, node) => {
        if (this.conditions.has(name)) throw document.error(node, `condition "${name}" is already defined`);
        this.conditions.set(name, { node, place: document.place });
      });
      this.#entries(document, part('actors'), '"actors"', (name, node) => {
        if (this.actors.has(name)) throw document.error(node, `actor "${name}" is already defined`);
        this.actors.set(name, { document, node: checkActor(document, node) });
      });
      this.#examples(document, part('examples'));
      const rules = part('rules');
      for (const node of rules === undefined ? [] : document.array(rules, '"rules"')) {
        this.#attempt(nameOf(node), () => this.#rule(document, node));
      }
      this.#switch(document, part('disable_tags'), 'disable_tags', false);
      this.#switch(document, part('enable_tags'), 'enable_tags', true);
    });
  }

  /** What can only be told when all files are read. */
  finish(): void {
    for (const [name, [placed]] of this.examples) {
      if (placed === undefined || this.rules.has(name)) continue;
      const near = nearest(name, this.rules.keys());
      const remedy = near === undefined ? undefined : `did you mean "${near}"?`;
      this.#attempt(undefined, () => {
        throw placed.document.error(placed.node, `examples for "${name}", and there is no such rule`, remedy);
      });
    }
  }

  #examples(document: RuleDocument, node: FileNode | undefined): void {
    if (node === undefined) return;
    for (const [name, entry] of document.object(node, '"examples"').entries) {
      const placed = { document, node: entry.node };
      const before = this.examples.get(name);
      if (before === undefined) this.examples.set(name, [placed]);
      else before.push(placed);
    }
  }

  /** Runs one step; what is wrong with it is noted and does not stop the others. */
  #attempt(subject: string | undefined, step: () => void): void {
    try {
      step();
    } catch (cause) {
      if (!(cause instanceof RuleError)) throw cause;
      if (this.problems.length < MAX_PROBLEMS) {
        this.problems.push(subject === undefined ? cause.problem : { subject, ...cause.problem });
      }
    }
  }

  #entries(
    document: RuleDocument,
    node: FileNode | undefined,
    what: string,
    define: (name: string, node: FileNode) => void,
  ): void {
    if (node === undefined) return;
    for (const [name, entry] of document.object(node, what).entries) {
      this.#attempt(undefined, () => {
        if (!NAME.test(name)) throw document.error(entry, `"${name}" is not a name (letters, digits and _)`);
        if (isReservedName(name)) throw document.error(entry, `"${name}" is the name of a field or a word of CEL`);
        define(name, entry.node);
      });
    }
  }

  #list(document: RuleDocument, name: string, node: FileNode): void {
    if (this.macros.has(name)) throw document.error(node, `"${name}" is already a macro`);
    const before = this.lists.get(name);
    if (node.kind !== 'object') {
      if (before !== undefined) {
        throw document.error(
          node,
          `list "${name}" is already defined`,
          'change it with {"append": [...]} or {"override": [...]}',
        );
      }
      this.lists.set(name, literals(document, name, node, []));
      return;
    }
    const { how, value } = changeOf(document, node, ['append', 'override']);
    if (before === undefined) throw document.error(node, `no earlier list "${name}" to ${how}`);
    this.lists.set(name, literals(document, name, value, how === 'append' ? before : []));
  }

  #macro(document: RuleDocument, name: string, node: FileNode): void {
    if (this.lists.has(name)) throw document.error(node, `"${name}" is already a list`);
    let text = node;
    if (node.kind === 'object') {
      text = changeOf(document, node, ['override']).value;
      if (!this.macros.has(name)) throw document.error(node, `no earlier macro "${name}" to override`);
    } else if (this.macros.has(name)) {
      throw document.error(node, `macro "${name}" is already defined`, 'change it with {"override": "..."}');
    }
    if (text.kind !== 'string') throw document.error(text, `macro "${name}" must be text`);
    this.macros.set(name, document.source(text));
  }

  #rule(document: RuleDocument, node: FileNode): void {
    const rule = document.object(node, 'a rule');
    document.checkKeys(rule, RULE_KEYS);
    const nameNode = rule.entries.get('name')?.node;
    if (nameNode === undefined) throw document.error(rule, '"name" is missing');
    const name = String(document.value(nameNode, 'name', RULE_KEYS.name.type));
    if (UNSEEN.test(name)) throw document.error(nameNode, 'a name has no characters that nobody sees');
    const values = new Map<RuleKey, Placed[]>();
    for (const [key, { node: value }] of rated(document, rule)) values.set(key, [{ document, node: value }]);
    const mergeNode = rule.entries.get('merge')?.node;
    const before = this.rules.get(name);
    if (mergeNode === undefined) {
      if (before !== undefined) {
        const place = before.document.place(before.node);
        const remedy = 'give it another name, or change the earlier one with "merge"';
        throw document.error(nameNode, `rule "${name}" is already defined at ${place.file}:${place.line}`, remedy);
      }
      if (this.rules.size >= MAX_RULES) throw document.error(rule, `more than ${MAX_RULES} rules`);
      this.rules.set(name, { name, document, node: rule, values, switched: undefined, changedBy: [] });
      return;
    }
    const append = document.value(mergeNode, 'merge', RULE_KEYS.merge.type) === 'append';
    values.delete('name');
    values.delete('merge');
    for (const [key, [placed]] of values) {
      if (placed !== undefined && append && !APPENDABLE.includes(key)) {
        throw document.error(placed.node, `"${key}" cannot be appended to`, `only ${APPENDABLE.join(', ')} can`);
      }
    }
    const changedBy = placeText(document, nameNode);
    if (before !== undefined) this.#merge(before, values, append, changedBy);
    else this.changes.push({ name, document, node: nameNode, values, append, changedBy: [changedBy] });
  }

  #merge(before: RuleDraft, values: ReadonlyMap<RuleKey, Placed[]>, append: boolean, changedBy: string): void {
    before.changedBy.push(changedBy);
    for (const [key, placed] of values) {
      before.values.set(key, append ? [...(before.values.get(key) ?? []), ...placed] : placed);
      // A rule has one of the two.
      if (key === 'condition') before.values.delete('conditions');
      if (key === 'conditions') before.values.delete('condition');
      if (key === 'enabled') before.switched = undefined;
    }
  }

  #switch(document: RuleDocument, node: FileNode | undefined, key: 'enable_tags' | 'disable_tags', on: boolean): void {
    if (node === undefined) return;
    const wanted = new Set(document.value(node, key, FILE_KEYS[key].type) as readonly string[]);
    for (const rule of this.rules.values()) {
      if (!tagsOf(rule).some((tag) => wanted.has(tag))) continue;
      rule.switched = on;
      rule.changedBy.push(placeText(document, node));
    }
  }
}

function placeText(document: RuleDocument, node: FileNode): string {
  const { file, line } = document.place(node);
  return `${file}:${line}`;
}

/** Tags as far as they are texts; whether they are is checked with the rest of the rule. */
export function tagsOf(rule: RuleDraft): string[] {
  return (rule.values.get('tags') ?? []).flatMap(({ node }) =>
    node.kind === 'array' ? node.items.flatMap((item) => (item.kind === 'string' ? [item.value] : [])) : [],
  );
}

function nameOf(node: FileNode): string | undefined {
  const name = node.kind === 'object' ? node.entries.get('name')?.node : undefined;
  return name?.kind === 'string' ? name.value.slice(0, 200) : undefined;
}

function changeOf(
  document: RuleDocument,
  node: ObjectNode,
  known: readonly string[],
): { how: string; value: FileNode } {
  const [first, ...more] = node.entries;
  if (first === undefined || more.length > 0 || !known.includes(first[0])) {
    throw document.error(node, `expected an object with ${known.map((key) => `"${key}"`).join(' or ')}`);
  }
  return { how: first[0], value: first[1].node };
}

function literals(document: RuleDocument, name: string, node: FileNode, before: readonly Literal[]): Literal[] {
  const values = [...before];
  for (const item of document.array(node, `list "${name}"`)) {
    const value = item.kind === 'object' || item.kind === 'array' ? null : item.value;
    if (value === null) throw document.error(item, 'a list may contain only text, numbers and truth values');
    const [first] = values;
    const numeric = (literal: Literal) => typeof literal === 'number';
    if (first !== undefined && literalType(first) !== literalType(value) && !(numeric(first) && numeric(value))) {
      throw document.error(item, `list "${name}" mixes ${literalType(first)} and ${literalType(value)}`);
    }
    values.push(value);
  }
  return values;
}

/** The keys of a rule, those of its rating among them. */
function rated(
  document: RuleDocument,
  rule: ObjectNode,
): [RuleKey, { readonly at: number; readonly node: FileNode }][] {
  const entries = new Map(rule.entries);
  const rating = entries.get('rating')?.node;
  if (rating !== undefined) {
    const keys = document.object(rating, '"rating"');
    document.checkKeys(keys, RATING_KEYS);
    entries.delete('rating');
    for (const [key, entry] of keys.entries) {
      if (entries.has(key)) throw document.error(entry, `"${key}" stands in the rule and in its rating`);
      entries.set(key, entry);
    }
  }
  return [...entries] as [RuleKey, { readonly at: number; readonly node: FileNode }][];
}
