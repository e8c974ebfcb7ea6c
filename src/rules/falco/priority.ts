/** Falco's priorities and what they are here. */

import { quoted } from '../../visible.ts';
import type { YamlMap } from '../../yaml.ts';
import type { Severity } from '../types.ts';
import { FalcoFault } from './fault.ts';
import { textOf } from './node.ts';

interface Level {
  readonly severity: Severity;
  readonly riskScore: number;
}

/** In Falco's order and spelling. Error is a warning here: critical is for what somebody is woken for. */
export const PRIORITIES = {
  Emergency: { severity: 'critical', riskScore: 0.95 },
  Alert: { severity: 'critical', riskScore: 0.95 },
  Critical: { severity: 'critical', riskScore: 0.9 },
  Error: { severity: 'warning', riskScore: 0.7 },
  Warning: { severity: 'warning', riskScore: 0.5 },
  Notice: { severity: 'info', riskScore: 0.3 },
  Informational: { severity: 'info', riskScore: 0.2 },
  Debug: { severity: 'info', riskScore: 0.1 },
} as const satisfies Record<string, Level>;

export type Priority = keyof typeof PRIORITIES;
const NAMES = Object.keys(PRIORITIES) as Priority[];

export function readPriority(item: YamlMap): Priority {
  const text = textOf(item, 'priority').trim();
  const wanted = text.toLowerCase() === 'info' ? 'informational' : text.toLowerCase();
  const found = NAMES.find((name) => name.toLowerCase() === wanted);
  if (found === undefined) {
    throw new FalcoFault(`the priority ${quoted(text)} is unknown`, {
      line: item.entries.get('priority')?.line ?? item.line,
      remedy: `known are ${NAMES.join(', ')}`,
    });
  }
  return found;
}
