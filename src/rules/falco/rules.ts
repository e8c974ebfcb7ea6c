/** Collected items -> rule definitions. */
import type { Problem } from '../../errors.ts';
import { messageOf } from '../../errors.ts';
import { quoted } from '../../visible.ts';
import type { RuleDefinition } from '../rule.ts';
import type { RuleInfo } from '../types.ts';
import { type Collection, type FalcoRuleDraft, type MacroDraft, SYSCALL_SOURCE } from './document.ts';
import { withExceptions } from './exceptions.ts';
import { FalcoFault } from './fault.ts';
import { expandLists, type Lists, resolveLists } from './lists.ts';
import { readOutput } from './output.ts';
import { parseFalcoCondition } from './parse.ts';
import { PRIORITIES } from './priority.ts';
import type { Expr } from './syntax.ts';
import { translate } from './translate.ts';

export interface FalcoRule {
  readonly definition: RuleDefinition;
  readonly enabled: boolean;
}

/** How far a rule is trusted follows from the maturity that its tags name; a rule of one's own is trusted. */
const CONFIDENCE: Readonly<Record<string, number>> = {
  maturity_stable: 0.9,
  maturity_incubating: 0.8,
  maturity_sandbox: 0.7,
  maturity_deprecated: 0.6,
};
const DEFAULT_CONFIDENCE = 0.8;

interface Reports {
  readonly refused: (problem: Problem) => void;
  /** Of a rule with skip-if-unknown-filter, and of one that hardly says what is meant. */
  readonly warned: (problem: Problem) => void;
}

/** Translates every rule. What is wrong with one is reported, and the others stand. */
export function defineRules(collection: Collection, { refused, warned }: Reports): FalcoRule[] {
  const lists = resolveLists(collection.lists);
  const macros = new MacroTable(collection.macros, lists);
  const rules: FalcoRule[] = [];
  for (const draft of collection.rules.values()) {
    try {
      const { definition, doubts } = define(draft, lists, macros);
      rules.push({ definition, enabled: draft.enabled });
      for (const message of doubts) warned({ ...draft.place, subject: draft.name, message });
    } catch (fault) {
      const { file, line } = draft.place;
      if (draft.skipUnknown && fault instanceof FalcoFault && fault.unknown) {
        warned({ file, line, subject: draft.name, message: `left out, as it asks to be: ${fault.message}` });
        continue;
      }
      const remedy = fault instanceof FalcoFault ? fault.remedy : undefined;
      const message = fault instanceof FalcoFault ? fault.message : `cannot be evaluated: ${messageOf(fault)}`;
      refused({ file, line, subject: draft.name, message, ...(remedy === undefined ? {} : { remedy }) });
    }
  }
  return rules;
}

interface Defined {
  readonly definition: RuleDefinition;
  readonly doubts: readonly string[];
}

function define(draft: FalcoRuleDraft, lists: Lists, macros: MacroTable): Defined {
  if (draft.source !== SYSCALL_SOURCE) {
    throw new FalcoFault(`the source ${quoted(draft.source)} is that of a Falco plugin`, {
      remedy: 'rules of the source syscall load; keep Falco for the others',
    });
  }
  const output = readOutput(draft.output, draft.priority);
  const condition = parseFalcoCondition(expandLists(withExceptions(draft.condition, draft.exceptions), lists));
  const translated = translate(condition, macros.usedBy(condition));
  return { definition: { info: infoOf(draft, output), condition: translated.condition }, doubts: translated.doubts };
}

function infoOf(draft: FalcoRuleDraft, output: RuleInfo['output']): RuleInfo {
  const { severity, riskScore } = PRIORITIES[draft.priority];
  const maturity = draft.tags.find((tag) => Object.hasOwn(CONFIDENCE, tag));
  return {
    name: draft.name,
    id: draft.name,
    source: `${draft.place.file}:${draft.place.line}`,
    language: 'falco',
    label: draft.name,
    description: draft.description.trim(),
    severity,
    riskScore,
    confidence: (maturity === undefined ? undefined : CONFIDENCE[maturity]) ?? DEFAULT_CONFIDENCE,
    action: 'alert',
    recommendation: severity === 'critical' ? 'investigate_process' : 'monitor_process',
    mode: 'enforce',
    heuristic: false,
    tags: draft.tags,
    mitre: draft.tags.filter((tag) => /^T\d{4}(?:\.\d{3})?$/.test(tag)),
    throttleSeconds: undefined,
    runbook: undefined,
    output,
  };
}

/** Macros by name, parsed when a rule comes to them: a broken one costs the rules that use it. */
class MacroTable {
  readonly #drafts: ReadonlyMap<string, MacroDraft>;
  readonly #lists: Lists;
  readonly #parsed = new Map<string, Expr>();

  constructor(drafts: ReadonlyMap<string, MacroDraft>, lists: Lists) {
    this.#drafts = drafts;
    this.#lists = lists;
  }

  /** The macros that a condition comes to. Throws FalcoFault for one that is unknown, broken, or part of a loop. */
  usedBy(condition: Expr): ReadonlyMap<string, Expr> {
    const used = new Map<string, Expr>();
    const open = new Set<string>();
    const visit = (expr: Expr, within: MacroDraft | undefined): void => {
      if (expr.type === 'and' || expr.type === 'or') for (const child of expr.of) visit(child, within);
      else if (expr.type === 'not') visit(expr.of, within);
      else if (expr.type === 'macro') {
        const draft = this.#find(expr.name, within);
        if (open.has(draft.name)) throw new FalcoFault(`the macro ${quoted(draft.name)} contains itself`);
        if (used.has(draft.name)) return;
        open.add(draft.name);
        const inner = this.#parse(draft);
        visit(inner, draft);
        open.delete(draft.name);
        used.set(draft.name, inner);
      }
    };
    visit(condition, undefined);
    return used;
  }

  /** A macro sees those that stand before its last definition; a rule sees all. */
  #find(name: string, within: MacroDraft | undefined): MacroDraft {
    const draft = this.#drafts.get(name);
    if (draft === undefined) throw new FalcoFault(`the macro ${quoted(name)} is not defined`);
    if (within !== undefined && draft.index > within.visibility) {
      throw new FalcoFault(`the macro ${quoted(name)}, which ${quoted(within.name)} uses, is defined after it`);
    }
    return draft;
  }

  #parse(draft: MacroDraft): Expr {
    let expr = this.#parsed.get(draft.name);
    if (expr === undefined) {
      try {
        expr = parseFalcoCondition(expandLists(draft.condition, this.#lists));
      } catch (fault) {
        if (!(fault instanceof FalcoFault)) throw fault;
        const { file, line } = draft.place;
        throw new FalcoFault(`in the macro ${quoted(draft.name)} (${file}:${line}): ${fault.message}`);
      }
      this.#parsed.set(draft.name, expr);
    }
    return expr;
  }
}
