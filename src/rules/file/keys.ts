/**
 * Every key of a rule file once: what it holds, how it is checked and what it
 * means. The reader and rules/rule.schema.json follow from these tables.
 */
import { ACTIONS, SEVERITIES } from '../types.ts';

export type KeyType =
  | { readonly is: 'text'; readonly choices?: readonly string[]; readonly pattern?: string; readonly max?: number }
  | { readonly is: 'number'; readonly min: number; readonly max: number; readonly integer?: boolean }
  | { readonly is: 'bool' }
  | { readonly is: 'texts'; readonly pattern?: string }
  /** Checked where it is translated; `shape` is the JSON Schema that editors use. */
  | { readonly is: 'own'; readonly shape: object };

export interface Key {
  readonly type: KeyType;
  readonly doc: string;
}

const CONDITION = { anyOf: [{ type: 'string' }, { $ref: '#/$defs/tree' }] };
const EVENT = { $ref: '#/$defs/event' };
const EVENTS = { type: 'array', minItems: 1, items: EVENT };
const MERGE = ['append', 'override'] as const;

/** How bad, how sure, what to do: a line of a rule, or keys of the rule itself. */
export const RATING_KEYS = {
  severity: { type: { is: 'text', choices: SEVERITIES }, doc: 'Default warning' },
  risk_score: { type: { is: 'number', min: 0, max: 1 }, doc: "Added to the event's score; default 0.5" },
  confidence: { type: { is: 'number', min: 0, max: 1 }, doc: 'How sure a match is; default 0.8' },
  recommendation: { type: { is: 'text' }, doc: 'What to do; default monitor_process' },
} as const satisfies Record<string, Key>;

export const RULE_KEYS = {
  name: {
    type: { is: 'text', pattern: '^[^\\u0000-\\u001f]+$', max: 200 },
    doc: 'Unique name; the value of the label rule in metrics',
  },
  condition: { type: { is: 'text' }, doc: 'When the rule matches, in CEL' },
  conditions: { type: { is: 'own', shape: { $ref: '#/$defs/tree' } }, doc: 'The same as a json-rules-engine tree' },
  rating: {
    type: { is: 'own', shape: { $ref: '#/$defs/rating' } },
    doc: 'severity, risk_score, confidence and recommendation on one line',
  },
  ...RATING_KEYS,
  action: { type: { is: 'text', choices: ACTIONS }, doc: 'What follows a match; default alert' },
  label: { type: { is: 'text', max: 200 }, doc: 'Title of the alert; default made from the name' },
  description: { type: { is: 'text' }, doc: 'What the behaviour is and why it matters' },
  tags: { type: { is: 'texts' }, doc: 'Words that rule sets are switched on and off by' },
  mitre: { type: { is: 'texts', pattern: '^T\\d{4}(\\.\\d{3})?$' }, doc: 'ATT&CK technique ids' },
  enabled: { type: { is: 'bool' }, doc: 'Default true' },
  mode: { type: { is: 'text', choices: ['enforce', 'shadow'] }, doc: 'shadow: matches are counted and raise no alert' },
  heuristic: { type: { is: 'bool' }, doc: 'Adds to the score of an event that another rule matches, raises no alert' },
  exceptions: {
    type: {
      is: 'own',
      shape: { type: 'array', items: { anyOf: [{ type: 'string' }, { $ref: '#/$defs/exception' }] } },
    },
    doc: 'The rule does not match where one of them holds: CEL conditions, or fields with values',
  },
  by: {
    type: { is: 'texts' },
    doc: 'Fields whose values make two matches the same alert; default the key of the window, else who did it and where',
  },
  throttle: {
    type: { is: 'number', min: 0, max: 86400 * 30 },
    doc: 'Seconds within which one entity raises at most one alert',
  },
  window: {
    type: { is: 'own', shape: { $ref: '#/$defs/window' } },
    doc: 'How often, or in which order, within a time',
  },
  examples: {
    type: { is: 'own', shape: { type: 'array', items: { $ref: '#/$defs/example' } } },
    doc: 'Events with the result that the rule must have; run by `bpfwarden test`',
  },
  runbook: { type: { is: 'text' }, doc: 'What to look at first: a line of text or a URL' },
  merge: {
    type: { is: 'text', choices: MERGE },
    doc: 'Changes the rule of this name in an earlier file: override replaces the keys given, append adds to its tags, mitre, exceptions and examples',
  },
} as const satisfies Record<string, Key>;

export type RuleKey = keyof typeof RULE_KEYS;

export const FILE_KEYS = {
  rules: { type: { is: 'own', shape: { type: 'array', items: { $ref: '#/$defs/rule' } } }, doc: 'The rules' },
  lists: {
    type: { is: 'own', shape: { type: 'object', additionalProperties: { $ref: '#/$defs/list' } } },
    doc: 'Lists of literals, used in conditions by name; {"append": [...]} and {"override": [...]} change an earlier one',
  },
  macros: {
    type: { is: 'own', shape: { type: 'object', additionalProperties: { $ref: '#/$defs/macro' } } },
    doc: 'CEL expressions, used in conditions by name; {"override": "..."} changes an earlier one',
  },
  conditions: {
    type: { is: 'own', shape: { type: 'object', additionalProperties: { $ref: '#/$defs/tree' } } },
    doc: 'Named conditions for json-rules-engine trees',
  },
  actors: {
    type: { is: 'own', shape: { type: 'object', additionalProperties: EVENT } },
    doc: 'Fields that events of examples have in common, used by name: `actor: root_command`',
  },
  examples: {
    type: {
      is: 'own',
      shape: { type: 'object', additionalProperties: { type: 'array', items: { $ref: '#/$defs/example' } } },
    },
    doc: 'Examples by the name of the rule, for rules that stand elsewhere',
  },
  enable_tags: {
    type: { is: 'texts' },
    doc: 'Rules with one of these tags, of this and earlier files, are switched on',
  },
  disable_tags: {
    type: { is: 'texts' },
    doc: 'Rules with one of these tags, of this and earlier files, are switched off',
  },
  $schema: { type: { is: 'text' }, doc: 'For editors' },
  description: { type: { is: 'text' }, doc: 'For readers' },
} as const satisfies Record<string, Key>;

export const WINDOW_KEYS = {
  seconds: { type: { is: 'number', min: 0.001, max: 86400 * 7 }, doc: 'From the first event to the last' },
  by: { type: { is: 'texts' }, doc: 'Fields that events must have in common; default none' },
  count: {
    type: { is: 'number', min: 1, max: 10000, integer: true },
    doc: 'Number of events, or with distinct of values',
  },
  distinct: { type: { is: 'text' }, doc: 'Field whose different values are counted' },
  sequence: {
    type: { is: 'own', shape: { type: 'array', minItems: 2, maxItems: 16, items: CONDITION } },
    doc: 'Conditions that must hold one after the other',
  },
} as const satisfies Record<string, Key>;

export const EXAMPLE_KEYS = {
  name: { type: { is: 'text' }, doc: 'What the example shows' },
  match: {
    type: { is: 'own', shape: { anyOf: [{ type: 'boolean' }, EVENT, EVENTS] } },
    doc: 'What the rule matches: an event, or several in order for windows. With event or events: whether it matches',
  },
  no_match: {
    type: { is: 'own', shape: { anyOf: [EVENT, EVENTS] } },
    doc: 'What the rule does not match, although it is close',
  },
  times: {
    type: { is: 'number', min: 2, max: 1000, integer: true },
    doc: 'How often the events happen, one round after the other; {n} in a text is the number of the round, from 1',
  },
  event: { type: { is: 'own', shape: EVENT }, doc: 'An event, nested or simple; unknown keys are let pass' },
  events: { type: { is: 'own', shape: EVENTS }, doc: 'Several events in order, for windows' },
  each: {
    type: {
      is: 'own',
      shape: { type: 'object', additionalProperties: { type: 'array', minItems: 1 } },
    },
    doc: 'More examples with the same result: the event with each of these values in the place of its own',
  },
} as const satisfies Record<string, Key>;

export const EXCEPTION_KEYS = {
  name: { type: { is: 'text' }, doc: 'Why there is an exception' },
  condition: { type: { is: 'text' }, doc: 'CEL condition' },
  fields: {
    type: { is: 'own', shape: { type: 'object' } },
    doc: 'Field to value, list of values, or {"operator": value}: all of them must hold',
  },
} as const satisfies Record<string, Key>;
