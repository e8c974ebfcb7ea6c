/**
 * The items of Falco rule files, collected in order: lists, macros and rules,
 * with `append`, `override` and redefinition as Falco's loader has them. A
 * mistake costs its item, not the file.
 */

import { quoted } from '../../visible.ts';
import type { YamlMap, YamlNode } from '../../yaml.ts';
import { appendExceptions, type Exception, readExceptions, validateException } from './exceptions.ts';
import { FalcoFault } from './fault.ts';
import { flagOf, optionalText, textOf, textsOf } from './node.ts';
import { type Priority, readPriority } from './priority.ts';

/** Where an item stands. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

export interface MacroDraft {
  readonly name: string;
  condition: string;
  place: Place;
  /** Position of its first definition: what stands before can be used. */
  readonly index: number;
  /** Position of its last definition or addition: it sees macros before this. */
  visibility: number;
}

export interface FalcoRuleDraft {
  readonly name: string;
  readonly source: string;
  place: Place;
  condition: string;
  output: string;
  description: string;
  priority: Priority;
  tags: readonly string[];
  exceptions: Exception[];
  enabled: boolean;
  skipUnknown: boolean;
}

/** The event source whose events are here; others come from plugins of Falco. */
export const SYSCALL_SOURCE = 'syscall';

export class Collection {
  readonly lists = new Map<string, string[]>();
  readonly macros = new Map<string, MacroDraft>();
  readonly rules = new Map<string, FalcoRuleDraft>();
  #index = 0;

  /** Takes an item. Throws FalcoFault for one that is wrong; what was collected before stays. */
  add(item: YamlMap, file: string): void {
    const place = { file, line: item.line };
    const { entries } = item;
    if (entries.has('list')) this.#list(item);
    else if (entries.has('macro')) this.#macro(item, place);
    else this.#rule(item, place);
  }

  #list(item: YamlMap): void {
    const name = textOf(item, 'list');
    const items = textsOf(item, 'items');
    if (items === undefined) throw new FalcoFault(`the list ${quoted(name)} has no items`, item);
    const { append, replace } = readOverride(item, ['items'], ['items']);
    checkNotBoth(item, append, replace);
    const before = this.lists.get(name);
    if (flagOf(item, 'append') === true || append.has('items')) {
      if (before === undefined) throw noSuch('list', name, item);
      before.push(...items);
    } else {
      this.lists.set(name, [...items]);
    }
    this.#index++;
  }

  #macro(item: YamlMap, place: Place): void {
    const name = textOf(item, 'macro');
    const condition = textOf(item, 'condition');
    const { append, replace } = readOverride(item, ['condition'], ['condition']);
    checkNotBoth(item, append, replace);
    const before = this.macros.get(name);
    const visibility = this.#index++;
    if (flagOf(item, 'append') === true || append.has('condition')) {
      if (before === undefined) throw noSuch('macro', name, item);
      before.condition += ` ${condition}`;
      before.visibility = visibility;
    } else if (before === undefined) {
      this.macros.set(name, { name, condition, place, index: visibility, visibility });
    } else {
      before.condition = condition;
      before.place = place;
      before.visibility = visibility;
    }
  }

  #rule(item: YamlMap, place: Place): void {
    const name = textOf(item, 'rule');
    const { append, replace } = readOverride(item, APPENDABLE, REPLACEABLE);
    checkNotBoth(item, append, replace);
    const before = this.rules.get(name);
    if (append.size > 0 || replace.size > 0) {
      if (before === undefined) throw noSuch('rule', name, item);
      checkUnused(item, append, replace);
      // Both or neither: a fault in one key must not leave half of an item behind.
      const changed = { ...before, exceptions: [...before.exceptions] };
      if (append.size > 0) appendTo(changed, item, append);
      if (replace.size > 0) replaceIn(changed, item, replace);
      Object.assign(before, changed);
    } else if (flagOf(item, 'append') === true) {
      if (before === undefined) throw noSuch('rule', name, item);
      const keys = new Set(['condition', 'exceptions'].filter((key) => item.entries.has(key)));
      if (keys.size === 0) {
        throw new FalcoFault('an appended rule needs a condition or exceptions', {
          line: item.line,
          remedy: 'use "override" for other keys',
        });
      }
      const changed = { ...before, exceptions: [...before.exceptions] };
      appendTo(changed, item, keys);
      Object.assign(before, changed);
    } else if (!['condition', 'output', 'desc', 'priority'].some((key) => item.entries.has(key))) {
      const enabled = flagOf(item, 'enabled');
      if (enabled === undefined) throw new FalcoFault(`the rule ${quoted(name)} has no condition`, item);
      if (before === undefined) throw noSuch('rule', name, item);
      before.enabled = enabled;
    } else {
      this.#define(name, item, place, before);
    }
    this.#index++;
  }

  #define(name: string, item: YamlMap, place: Place, before: FalcoRuleDraft | undefined): void {
    const source = optionalText(item, 'source') ?? SYSCALL_SOURCE;
    if (before !== undefined && before.source !== source) {
      throw new FalcoFault(`the rule ${quoted(name)} is defined anew with another source`, item);
    }
    const exceptions = readExceptions(item, false);
    for (const exception of exceptions) validateException(exception);
    const draft: FalcoRuleDraft = {
      name,
      source,
      place,
      condition: textOf(item, 'condition'),
      output: textOf(item, 'output').trim(),
      description: textOf(item, 'desc'),
      priority: readPriority(item),
      tags: textsOf(item, 'tags') ?? [],
      exceptions,
      enabled: flagOf(item, 'enabled') ?? true,
      skipUnknown: flagOf(item, 'skip-if-unknown-filter') ?? false,
    };
    // The place in the order is that of the first definition.
    this.rules.set(name, draft);
  }
}

const APPENDABLE = ['condition', 'output', 'desc', 'tags', 'exceptions'];
const REPLACEABLE = [
  ...APPENDABLE,
  ...['priority', 'enabled', 'warn_evttypes', 'skip-if-unknown-filter', 'capture', 'capture_duration'],
];

interface Override {
  readonly append: ReadonlySet<string>;
  readonly replace: ReadonlySet<string>;
}

function readOverride(item: YamlMap, appendable: readonly string[], replaceable: readonly string[]): Override {
  const append = new Set<string>();
  const replace = new Set<string>();
  const node = item.entries.get('override');
  if (node === undefined) return { append, replace };
  if (node.kind !== 'map') throw new FalcoFault('"override" must be a map of keys', node);
  for (const [key, value] of node.entries) {
    const operation = value.kind === 'scalar' ? value.text : '';
    const allowed = [
      ...(appendable.includes(key) ? ['append'] : []),
      ...(replaceable.includes(key) ? ['replace'] : []),
    ];
    if (allowed.length === 0) throw new FalcoFault(`the key ${quoted(key)} cannot be overridden`, value);
    if (!allowed.includes(operation)) {
      throw new FalcoFault(`the override ${quoted(operation)} of ${quoted(key)} is not ${allowed.join(' or ')}`, value);
    }
    if (!item.entries.has(key)) {
      throw new FalcoFault(`"override" names ${quoted(key)}, which the item does not have`, value);
    }
    (operation === 'append' ? append : replace).add(key);
  }
  return { append, replace };
}

function checkNotBoth(item: YamlMap, append: ReadonlySet<string>, replace: ReadonlySet<string>): void {
  if (flagOf(item, 'append') === true && append.size + replace.size > 0)
    throw new FalcoFault('"append" and "override" exclude each other', item);
}

/** A key that no entry of `override` speaks of would be left out in silence. */
function checkUnused(item: YamlMap, append: ReadonlySet<string>, replace: ReadonlySet<string>): void {
  for (const [key, value] of item.entries) {
    if (REPLACEABLE.includes(key) && !append.has(key) && !replace.has(key))
      throw new FalcoFault(`${quoted(key)} has no entry under "override"`, value);
  }
}

function noSuch(what: string, name: string, item: YamlMap): FalcoFault {
  return new FalcoFault(`no ${what} ${quoted(name)} before this one`, {
    line: item.line,
    remedy: 'it must be defined earlier, in this file or in one that is loaded before',
  });
}

function appendTo(draft: FalcoRuleDraft, item: YamlMap, keys: ReadonlySet<string>): void {
  if (keys.has('condition')) draft.condition += ` ${textOf(item, 'condition')}`;
  if (keys.has('output')) draft.output += ` ${textOf(item, 'output')}`;
  if (keys.has('desc')) draft.description += ` ${textOf(item, 'desc')}`;
  if (keys.has('tags')) draft.tags = [...new Set([...draft.tags, ...(textsOf(item, 'tags') ?? [])])];
  if (keys.has('exceptions')) draft.exceptions = appendExceptions(draft.exceptions, readExceptions(item, true));
}

function replaceIn(draft: FalcoRuleDraft, item: YamlMap, keys: ReadonlySet<string>): void {
  if (keys.has('condition')) draft.condition = textOf(item, 'condition');
  if (keys.has('output')) draft.output = textOf(item, 'output').trim();
  if (keys.has('desc')) draft.description = textOf(item, 'desc');
  if (keys.has('tags')) draft.tags = textsOf(item, 'tags') ?? [];
  if (keys.has('priority')) draft.priority = readPriority(item);
  if (keys.has('enabled')) draft.enabled = flagOf(item, 'enabled') ?? draft.enabled;
  if (keys.has('skip-if-unknown-filter')) draft.skipUnknown = flagOf(item, 'skip-if-unknown-filter') ?? false;
  if (keys.has('exceptions')) {
    draft.exceptions = readExceptions(item, false);
    for (const exception of draft.exceptions) validateException(exception);
  }
}

/** The items of a document: a list of maps. Throws FalcoFault when it is something else. */
export function itemsOf(root: YamlNode): readonly YamlNode[] {
  if (root.kind !== 'list') {
    throw new FalcoFault('a Falco rule file is a list of items', {
      line: root.line,
      remedy: 'each begins with "- rule:", "- macro:" or "- list:"; a values file has them under customRules',
    });
  }
  return root.items.filter((item) => item.kind !== 'scalar' || item.value !== null);
}
