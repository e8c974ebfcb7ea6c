/**
 * The names in a PromQL expression. Whether an expression is valid is promtool's
 * business; this only reads which series and labels a valid one mentions.
 */
export interface Names {
  /** Each selector: metric name and the labels of its matchers. */
  readonly selectors: readonly { readonly metric: string; readonly labels: readonly string[] }[];
  /** Labels in by, without, on, ignoring, group_left, group_right, and in label_replace and label_join. */
  readonly grouping: readonly string[];
}

type Token = { readonly kind: 'name' | 'text' | 'other'; readonly value: string };

const TOKEN =
  /\s+|#[^\n]*|(?<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)|(?<number>\d[\w.]*)|(?<name>[a-zA-Z_:][\w:]*)|(?<other>=~|!~|!=|==|>=|<=|[\s\S])/g;
const LABEL_LISTS = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right']);
const WORDS = new Set(['and', 'or', 'unless', 'offset', 'bool', 'atan2', 'inf', 'nan']);

function tokens(expression: string): Token[] {
  const found: Token[] = [];
  for (const { groups } of expression.matchAll(TOKEN)) {
    if (groups?.text !== undefined) found.push({ kind: 'text', value: groups.text.slice(1, -1) });
    else if (groups?.name !== undefined) found.push({ kind: 'name', value: groups.name });
    else if (groups?.number !== undefined) found.push({ kind: 'other', value: groups.number });
    else if (groups?.other !== undefined) found.push({ kind: 'other', value: groups.other });
  }
  return found;
}

/** Reads what stands between an opening bracket at `start` and its closing one; gives the place after it. */
function inBrackets(list: readonly Token[], start: number, close: string): { inside: Token[]; end: number } {
  const inside: Token[] = [];
  let at = start + 1;
  while (at < list.length && !(list[at]?.kind === 'other' && list[at]?.value === close)) {
    const token = list[at];
    if (token !== undefined) inside.push(token);
    at += 1;
  }
  return { inside, end: at + 1 };
}

/** In `{a="x", b=~"y"}` the labels are the names before an operator. */
const matcherLabels = (inside: readonly Token[]): string[] =>
  inside.filter((token) => token.kind === 'name').map((token) => token.value);

/** Throws if a selector has no metric name, which nothing here should write. */
export function namesIn(expression: string): Names {
  const list = tokens(expression);
  const selectors: { metric: string; labels: string[] }[] = [];
  const grouping: string[] = [];
  let at = 0;
  while (at < list.length) {
    const token = list[at];
    const next = list[at + 1];
    if (token?.kind === 'other' && token.value === '{') throw new Error(`a selector without a name in: ${expression}`);
    if (token?.kind === 'other' && token.value === '[') {
      at = inBrackets(list, at, ']').end;
      continue;
    }
    if (token?.kind !== 'name' || WORDS.has(token.value.toLowerCase())) {
      at += 1;
      continue;
    }
    if (LABEL_LISTS.has(token.value) && next?.value === '(') {
      const { inside, end } = inBrackets(list, at + 1, ')');
      grouping.push(...inside.filter((entry) => entry.kind === 'name').map((entry) => entry.value));
      at = end;
    } else if (next?.kind === 'other' && next.value === '{') {
      const { inside, end } = inBrackets(list, at + 1, '}');
      selectors.push({ metric: token.value, labels: matcherLabels(inside) });
      at = end;
    } else {
      // A name before a bracket, or before by/without and a bracket, is a function or an aggregation.
      const called = next?.value === '(' || (next?.kind === 'name' && LABEL_LISTS.has(next.value));
      const vector = called && list[at + 1]?.kind === 'name' && !isAggregation(token.value);
      if (!called || vector) selectors.push({ metric: token.value, labels: [] });
      at += 1;
    }
  }
  return { selectors, grouping };
}

/** `a on (x) b` has a metric before a label list; `sum by (x)` an aggregation. */
function isAggregation(name: string): boolean {
  return /^(?:sum|min|max|avg|group|stddev|stdvar|count|count_values|bottomk|topk|quantile)$/.test(name);
}
