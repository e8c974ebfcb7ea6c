/** The keys that an item of a rule file may have: others are ignored, as in Falco, and a warning names them. */

import type { Problem } from '../../errors.ts';
import { quoted } from '../../visible.ts';
import type { YamlMap } from '../../yaml.ts';

const KEYS: Readonly<Record<string, readonly string[]>> = {
  rule: [
    ...['rule', 'desc', 'condition', 'output', 'priority', 'tags', 'source', 'enabled', 'exceptions', 'append'],
    ...['override', 'warn_evttypes', 'skip-if-unknown-filter', 'capture', 'capture_duration'],
  ],
  macro: ['macro', 'condition', 'append', 'override'],
  list: ['list', 'items', 'append', 'override'],
  required_engine_version: ['required_engine_version'],
  required_plugin_versions: ['required_plugin_versions'],
};
const OF_EXCEPTION = ['name', 'fields', 'comps', 'values'];

/** What Falco takes notice of and we do not do. */
const CAPTURES = new Set(['capture', 'capture_duration']);

/** What of an item is ignored. */
export function ignoredKeys(item: YamlMap, file: string): Problem[] {
  const sort = Object.keys(KEYS).find((key) => item.entries.has(key));
  if (sort === undefined) {
    const [first = ''] = item.entries.keys();
    return [{ file, line: item.line, message: `the unknown item ${quoted(first)} is ignored` }];
  }
  const name = item.entries.get(sort);
  const subject = name?.kind === 'scalar' && !sort.startsWith('required_') ? { subject: name.text } : {};
  const unknown = (of: YamlMap, known: readonly string[], what: string): Problem[] =>
    [...of.entries]
      .filter(([key]) => !known.includes(key))
      .map(([key, { line }]) => ({
        file,
        line,
        ...subject,
        message: `the unknown key ${quoted(key)} of ${what} is ignored`,
      }));
  const problems = unknown(item, KEYS[sort] ?? [], `a ${sort}`);
  for (const [key, { line }] of item.entries) {
    if (sort === 'rule' && CAPTURES.has(key))
      problems.push({
        file,
        line,
        ...subject,
        message: `${quoted(key)} is ignored: events are recorded by "bpfwarden record"`,
      });
  }
  const exceptions = sort === 'rule' ? item.entries.get('exceptions') : undefined;
  if (exceptions?.kind === 'list') {
    for (const exception of exceptions.items)
      if (exception.kind === 'map') problems.push(...unknown(exception, OF_EXCEPTION, 'an exception'));
  }
  return problems;
}

/** Whether Falco passes over the item as a whole. */
export function isUnknownItem(item: YamlMap): boolean {
  return !Object.keys(KEYS).some((key) => item.entries.has(key));
}
