/** Lists of a rule file, put in the place of their names. */

import { quoted } from '../../visible.ts';
import { FalcoFault } from './fault.ts';

export type Lists = ReadonlyMap<string, readonly string[]>;

const MAX_ITEMS = 100_000;
const MAX_LENGTH = 4 << 20;

/** Lists with the items of the lists that they name in their places. */
export function resolveLists(lists: Lists): Lists {
  const resolved = new Map<string, readonly string[]>();
  const open = new Set<string>();
  const resolve = (name: string, items: readonly string[]): readonly string[] => {
    const known = resolved.get(name);
    if (known !== undefined) return known;
    open.add(name);
    const all: string[] = [];
    for (const item of items) {
      const inner = open.has(item) ? undefined : lists.get(item);
      if (inner === undefined) all.push(item);
      else for (const one of resolve(item, inner)) all.push(one);
      if (all.length > MAX_ITEMS) throw new FalcoFault(`the list ${quoted(name)} has more than ${MAX_ITEMS} items`);
    }
    open.delete(name);
    resolved.set(name, all);
    return all;
  };
  for (const [name, items] of lists) resolve(name, items);
  return resolved;
}

/** An item as it stands in a condition: quoted where it has a blank and brings no quotes of its own. */
export function itemText(item: string): string {
  return item.includes(' ') && !/^["']/.test(item) ? `"${item}"` : item;
}

/** Quoted texts are passed over; a word ends at a blank, a bracket, a comma or an equals sign. */
const TOKEN = /"(?:\\[\s\S]|[^"\\])*"|'(?:\\[\s\S]|[^'\\])*'|[^\s(),="']+/g;
const BLANK = /\s/;

/**
 * Puts the items of lists in the place of their names, as text, which is how
 * Falco does it: a name counts wherever a word could stand. Of an empty list a
 * comma beside it goes too.
 */
export function expandLists(text: string, lists: Lists): string {
  const condition = withOddNames(text, lists);
  let result = '';
  let from = 0;
  for (const { 0: token, index } of condition.matchAll(TOKEN)) {
    const items = token.startsWith('"') || token.startsWith("'") ? undefined : lists.get(token);
    if (items === undefined || index < from || glued(condition, index, token.length)) continue;
    result += condition.slice(from, index);
    from = index + token.length;
    if (items.length > 0) {
      result += items.map(itemText).join(', ');
    } else {
      const before = result.trimEnd();
      if (before.endsWith(',')) result = before.slice(0, -1);
      else {
        let next = from;
        while (next < condition.length && BLANK.test(condition.charAt(next))) next++;
        if (condition.charAt(next) === ',') from = next + 1;
      }
    }
    if (result.length > MAX_LENGTH) throw new FalcoFault('the condition is too long with its lists in place');
  }
  return result + condition.slice(from);
}

const ODD = /[\s()="',]/;

/** A name that is no word, such as `test list`, is looked for as it stands, as Falco does it. */
function withOddNames(condition: string, lists: Lists): string {
  let result = condition;
  for (const [name, items] of lists) {
    if (!ODD.test(name)) continue;
    const parts = result.split(
      new RegExp(`(?<=^|[\\s(),=])${name.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')}(?=$|[\\s(),=])`),
    );
    if (parts.length > 1) result = parts.join(items.map(itemText).join(', '));
    if (result.length > MAX_LENGTH) throw new FalcoFault('the condition is too long with its lists in place');
  }
  return result;
}

/** A quote beside a word makes it part of something else. */
function glued(text: string, at: number, length: number): boolean {
  return /["']/.test(text.charAt(at - 1)) || /["']/.test(text.charAt(at + length));
}
