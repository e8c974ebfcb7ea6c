/**
 * Checked rules as text and back: what reading YAML, parsing CEL and checking
 * names and types came to, so that a start need not do it again. Conditions are
 * a table of nodes, each of which names its parts by their place; a part that
 * several rules share is there once, and is one object after reading.
 */
import type { KernelFilter, KindFilter } from '../../kernel/types.ts';
import { Interning, isWritable } from '../interning.ts';
import type { Placement } from '../literals/placements.ts';
import type { RuleDefinition, WindowSpec } from '../rule.ts';
import type { Condition, Subject, Test } from '../tree.ts';
import type { RuleInfo } from '../types.ts';
import { decodePlacements, type EncodedPlacements, encodePlacements } from './placements.ts';

/** A condition with the places of its parts. */
type Node =
  | readonly ['const', boolean]
  | readonly ['all' | 'any', readonly number[]]
  | readonly ['not', number]
  | readonly ['quantifier', 'any' | 'every', Subject, number]
  | readonly ['leaf', Subject, Test];

/** `file:line` as the number of the file and the line: where the files lie is known only when they are read. */
type Source = readonly [number, string];

type EncodedWindow = Omit<WindowSpec, 'steps'> & { readonly steps: readonly number[] };

interface EncodedRule {
  readonly info: Omit<RuleInfo, 'source' | 'changedBy'>;
  readonly source: Source;
  readonly changedBy?: readonly Source[];
  readonly condition: number;
  readonly window?: EncodedWindow;
}

interface Encoded {
  readonly nodes: readonly Node[];
  readonly rules: readonly EncodedRule[];
  readonly disabled: readonly EncodedRule[];
  readonly filter: readonly (readonly [string, KindFilter])[];
  readonly placements: EncodedPlacements;
}

export interface OwnRules {
  readonly definitions: readonly RuleDefinition[];
  /** The sound rules that are switched off. */
  readonly disabled: readonly RuleDefinition[];
}

export interface Compiled extends OwnRules {
  /** What the kernel must let through for them. */
  readonly filter: KernelFilter;
  /** By what those of `definitions` are found. */
  readonly placements: readonly Placement[];
}

/** As JSON in ASCII. undefined for rules that only their files can say: with functions in them, or numbers that JSON has not. */
export function encodeRules(
  { definitions, disabled, filter, placements }: Compiled,
  files: readonly string[],
): string | undefined {
  const encoder = new Encoder(files);
  try {
    const rules = definitions.map((definition) => encoder.rule(definition));
    const encoded: Encoded = {
      rules,
      disabled: disabled.map((definition) => encoder.rule(definition)),
      nodes: encoder.nodes,
      filter: [...filter.kinds],
      placements: encodePlacements(placements),
    };
    // ASCII alone: a character that is not would have V8 keep all of the text in two bytes a character.
    return JSON.stringify(encoded).replaceAll(/[\x80-\uffff]/g, escaped);
  } catch (error) {
    if (error instanceof NotWritable) return undefined;
    throw error;
  }
}

class NotWritable extends Error {}

const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;

class Encoder {
  readonly nodes: Node[] = [];
  readonly #files: ReadonlyMap<string, number>;
  readonly #interning = new Interning();
  readonly #places = new Map<Condition, number>();

  constructor(files: readonly string[]) {
    this.#files = new Map(files.map((file, at) => [file, at]));
  }

  /** Without the examples: who asks for those reads the files. */
  rule({ info: { source, changedBy, ...info }, condition, window, silent }: RuleDefinition): EncodedRule {
    if (info.output !== undefined || silent === true) throw new NotWritable();
    return {
      info,
      source: this.#source(source),
      ...(changedBy === undefined ? {} : { changedBy: changedBy.map((place) => this.#source(place)) }),
      condition: this.#place(condition),
      ...(window === undefined ? {} : { window: this.#window(window) }),
    };
  }

  #window(window: WindowSpec): EncodedWindow {
    for (const { subject } of window.by) this.#subject(subject);
    if (window.distinct !== undefined) this.#subject(window.distinct);
    return { ...window, steps: window.steps.map((step) => this.#place(step)) };
  }

  #source(text: string): Source {
    const colon = text.lastIndexOf(':');
    const file = this.#files.get(text.slice(0, colon));
    if (file === undefined) throw new NotWritable();
    return [file, text.slice(colon)];
  }

  #place(condition: Condition): number {
    const own = this.#interning.of(condition);
    const known = this.#places.get(own);
    if (known !== undefined) return known;
    const node = this.#node(own);
    const place = this.nodes.push(node) - 1;
    this.#places.set(own, place);
    return place;
  }

  #node(condition: Condition): Node {
    switch (condition.type) {
      case 'const':
        return ['const', condition.value];
      case 'all':
      case 'any':
        return [condition.type, condition.of.map((child) => this.#place(child))];
      case 'not':
        return ['not', this.#place(condition.of)];
      case 'quantifier':
        return ['quantifier', condition.how, this.#subject(condition.over), this.#place(condition.where)];
      case 'leaf': {
        const { subject, test } = condition;
        if (!isWritable(test)) throw new NotWritable();
        if (test.op === 'compare') this.#subject(test.other);
        return ['leaf', this.#subject(subject), test];
      }
    }
  }

  #subject(subject: Subject): Subject {
    if (subject.from === 'derived') throw new NotWritable();
    return subject;
  }
}

/** The rules of a text that `encodeRules` made, from the same files where they lie now. */
export function decodeRules(text: string, files: readonly string[]): Compiled {
  const { nodes, rules, disabled, filter, placements } = JSON.parse(text) as Encoded;
  const conditions: Condition[] = [];
  const at = (place: number): Condition => {
    const condition = conditions[place];
    if (condition === undefined) throw new Error(`a part of a condition that is not there: ${place}`);
    return condition;
  };
  for (const node of nodes) conditions.push(conditionOf(node, at));
  const sourceOf = ([file, line]: Source): string => {
    const path = files[file];
    if (path === undefined) throw new Error(`a rule of a file that is not there: ${file}`);
    return `${path}${line}`;
  };
  const rule = ({ info, source, changedBy, condition, window }: EncodedRule): RuleDefinition => ({
    info: {
      ...info,
      source: sourceOf(source),
      // JSON leaves out what is undefined.
      throttleSeconds: info.throttleSeconds,
      runbook: info.runbook,
      ...(changedBy === undefined ? {} : { changedBy: changedBy.map(sourceOf) }),
    },
    condition: at(condition),
    ...(window === undefined ? {} : { window: { ...window, steps: window.steps.map(at) } }),
    examples: [],
  });
  return {
    definitions: rules.map(rule),
    disabled: disabled.map(rule),
    filter: { kinds: new Map(filter) },
    placements: decodePlacements(placements),
  };
}

function conditionOf(node: Node, at: (place: number) => Condition): Condition {
  switch (node[0]) {
    case 'const':
      return { type: 'const', value: node[1] };
    case 'all':
    case 'any':
      return { type: node[0], of: node[1].map(at) };
    case 'not':
      return { type: 'not', of: at(node[1]) };
    case 'quantifier':
      return { type: 'quantifier', how: node[1], over: node[2], where: at(node[3]) };
    case 'leaf':
      return { type: 'leaf', subject: node[1], test: node[2] };
  }
}
