import type { RuleMode } from '../rules/types.ts';

/** The values of closed labels that no other layer has a list of. */
export const MODES = ['enforce', 'shadow'] as const satisfies readonly RuleMode[];
export const LOSS_REASONS = ['ring_full', 'scratch'] as const;
export const DECODE_ERRORS = ['truncated', 'corrupt', 'unknown_kind', 'malformed'] as const;
/** By struct syscall_counts in bpf/maps.bpf.h. */
export const ERRNO_CLASSES = ['denied', 'missing', 'again', 'failed'] as const;
/** By enum failure in bpf/maps.bpf.h. */
export const KERNEL_FAILURES = [
  'rate_map_full',
  'string_unreadable',
  'path_truncated',
  'tail_call',
  'wakeup',
  'socket_map_full',
  'call_map_full',
  'identity',
  'uring_map_full',
  'uring_no_result',
] as const;
/** Why json-rules-engine did not decide on an event. */
export const ENGINE_FALLBACKS = ['queue_full', 'failed'] as const;
export const HASH_OUTCOMES = ['computed', 'too_large', 'failed', 'refused'] as const;
export const RINGS = ['bulk', 'priority'] as const;
/** In the order in which series are made for them while there is room. */
export const SUPPRESSION_REASONS = [
  'shadow',
  'duplicate',
  'throttled',
  'silenced',
  'low_confidence',
  'rate_limited',
  'disabled',
] as const;
export const DELIVERY_OUTCOMES = ['delivered', 'retried', 'rejected', 'dead_letter', 'dropped'] as const;
export const RESPONSE_OUTCOMES = ['none', 'simulated', 'done', 'failed', 'protected'] as const;
