import type { RuleMode } from '../rules/types.ts';
import { ENUMS, STRUCTS } from '../schema/schema.gen.ts';

/** The values of closed labels that no other layer has a list of. */
export const MODES = ['enforce', 'shadow'] as const satisfies readonly RuleMode[];
/** By enum event_outcome: OUTCOME_LOST_*. */
export const LOSS_REASONS = Object.keys(ENUMS.event_outcome)
  .filter((name) => name.startsWith('OUTCOME_LOST_'))
  .map((name) => name.replace('OUTCOME_LOST_', '').toLowerCase());
export const DECODE_ERRORS = ['truncated', 'corrupt', 'unknown_kind', 'malformed'] as const;
/** How system calls fail, by struct syscall_counts: every member but the calls. */
export const ERRNO_CLASSES = (Object.keys(STRUCTS.syscall_counts) as (keyof typeof STRUCTS.syscall_counts)[]).filter(
  (name) => name !== '' && name !== 'calls',
);
/** By enum failure, without its first and last. */
export const KERNEL_FAILURES = Object.keys(ENUMS.failure)
  .map((name) => name.replace('FAILURE_', '').toLowerCase())
  .filter((name) => name !== 'none' && name !== 'max');
/** Why json-rules-engine did not decide on an event. */
export const ENGINE_FALLBACKS = ['queue_full', 'failed'] as const;
export const HASH_OUTCOMES = ['computed', 'too_large', 'failed', 'refused'] as const;
/** Why the HTTP server ended a connection before its client did. */
export const CUTS = ['too_many', 'pipelined', 'unread'] as const;
/** What the sensor checks of itself. */
export const SELF_CHECKS = ['canary', 'filter', 'handlers', 'links'] as const;
export const RINGS = ['bulk', 'priority'] as const;
/** Why a match raised no alert. */
export const SUPPRESSION_REASONS = [
  'shadow',
  'duplicate',
  'throttled',
  'silenced',
  'low_confidence',
  'rate_limited',
  'disabled',
] as const;
/** What enforced rules said of the match that a shadow rule would have raised an alert for. */
export const SHADOW_COMPANY = ['same_event', 'incident', 'none'] as const;
export const DELIVERY_OUTCOMES = ['delivered', 'retried', 'rejected', 'dead_letter', 'dropped'] as const;
export const RESPONSE_OUTCOMES = ['none', 'simulated', 'done', 'failed', 'protected'] as const;
