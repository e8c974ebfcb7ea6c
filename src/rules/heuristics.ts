/** The two classic heuristics of `enable_heuristics`: they add to the score of an event that a rule matches. */
import type { RuleDefinition } from './rule.ts';
import { any, type Condition, field, leaf } from './tree.ts';
import { BUILT_IN } from './types.ts';

const SHELLS = ['sh', 'bash', 'dash', 'zsh', 'ksh', 'mksh', 'ash', 'fish', 'csh', 'tcsh', 'rbash'];

function heuristic(name: string, label: string, riskScore: number, condition: Condition): RuleDefinition {
  return {
    info: {
      name,
      id: name,
      source: BUILT_IN,
      language: 'cel',
      label,
      description: label,
      severity: 'info',
      riskScore,
      confidence: 1,
      action: 'log',
      recommendation: 'monitor_process',
      mode: 'enforce',
      heuristic: true,
      tags: ['heuristic'],
      mitre: [],
      throttleSeconds: undefined,
      runbook: undefined,
    },
    condition,
  };
}

export const HEURISTICS: readonly RuleDefinition[] = [
  heuristic(
    'heuristic_temporary_path',
    'A path below /tmp/',
    0.3,
    any([
      leaf(field('process.path'), { op: 'startsWith', values: ['/tmp/'] }),
      leaf(field('file.path'), { op: 'startsWith', values: ['/tmp/'] }),
    ]),
  ),
  heuristic(
    'heuristic_shell',
    'A shell',
    0.4,
    any([
      leaf(field('process.name'), { op: 'equal', values: SHELLS }),
      leaf(field('process.path'), { op: 'endsWith', values: SHELLS.map((shell) => `/${shell}`) }),
    ]),
  ),
];
