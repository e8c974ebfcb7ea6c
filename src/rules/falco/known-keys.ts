/** What an item of a rule file may be called and have: for the rest there is a warning, as in Falco. */

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

/** By what a condition names a list and a macro. Another name of a list is found as it stands; another one of a macro is none. */
const NAMES: Readonly<Record<string, RegExp>> = {
  list: /^[^()"'\s=,]+$/,
  macro: /^[a-zA-Z]+[a-zA-Z0-9_]*$/,
};

/** What of an item is ignored or cannot be used. */
export function warningsOf(item: YamlMap, file: string): Problem[] {
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
  if (name?.kind === 'scalar' && NAMES[sort]?.test(name.text) === false)
    problems.push({
      file,
      line: item.line,
      message:
        sort === 'list'
          ? `the name of the list ${quoted(name.text)} is not one word`
          : `no condition can name a macro ${quoted(name.text)}`,
    });
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
    const names = new Set<string>();
    for (const exception of exceptions.items) {
      if (exception.kind !== 'map') continue;
      problems.push(...unknown(exception, OF_EXCEPTION, 'an exception'));
      const own = exception.entries.get('name');
      if (own?.kind !== 'scalar') continue;
      if (names.has(own.text))
        problems.push({ file, line: own.line, ...subject, message: `the exception ${quoted(own.text)} stands twice` });
      names.add(own.text);
    }
  }
  return problems;
}

/** Whether Falco passes over the item as a whole. */
export function isUnknownItem(item: YamlMap): boolean {
  return !Object.keys(KEYS).some((key) => item.entries.has(key));
}
