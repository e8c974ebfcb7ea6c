import { compilePredicate } from '../../../src/rules/predicate/compile.ts';
import type { CompiledRule, RuleDefinition } from '../../../src/rules/rule.ts';
import type { Condition } from '../../../src/rules/tree.ts';
import type { RuleInfo } from '../../../src/rules/types.ts';

export function infoOf(name: string): RuleInfo {
  return {
    name,
    id: name,
    source: 'test.json:1',
    language: 'cel',
    label: name,
    description: '',
    severity: 'warning',
    riskScore: 0.5,
    confidence: 0.8,
    action: 'alert',
    recommendation: 'monitor_process',
    mode: 'enforce',
    heuristic: false,
    tags: [],
    mitre: [],
    throttleSeconds: undefined,
    runbook: undefined,
  };
}

export function compiled(definition: RuleDefinition, index = 0): CompiledRule {
  return {
    info: definition.info,
    definition,
    condition: definition.condition,
    matches: compilePredicate(definition.condition),
    index,
    counts: { evaluations: 0, matches: 0 },
  };
}

export function ruleOf(condition: Condition, index: number): CompiledRule {
  return compiled({ info: infoOf(`rule ${index}`), condition }, index);
}
