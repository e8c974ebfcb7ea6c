/** Rows of the metric catalog: what the kernel side counts. */
import { closed, declared } from '../labels.ts';
import { DECODE_ERRORS, ERRNO_CLASSES, KERNEL_FAILURES, LOSS_REASONS, RINGS, SELF_CHECKS } from '../vocabulary.ts';
import { event, KIND_COUNT, type MetricSpec, NONE } from './spec.ts';

/** What the kernel side counts. */
export const KERNEL_METRICS = {
  events_total: {
    type: 'counter',
    help: 'Events seen by the kernel side, exact also under overload; equals filtered + throttled + lost + submitted.',
    labels: event,
    cap: KIND_COUNT + 1,
    zero: 'all',
  },
  events_filtered_total: {
    type: 'counter',
    help: 'Events dropped in the kernel because no loaded rule can match them.',
    labels: event,
    cap: KIND_COUNT + 1,
    zero: 'all',
  },
  events_throttled_total: {
    type: 'counter',
    help: 'Events dropped in the kernel because one process caused more than its rate limit.',
    labels: event,
    cap: KIND_COUNT + 1,
    zero: 'all',
  },
  events_lost_total: {
    type: 'counter',
    help: 'Events lost between kernel and daemon: no room in the ring buffer, or no scratch buffer.',
    labels: { ...event, reason: closed(...LOSS_REASONS) },
    cap: KIND_COUNT * LOSS_REASONS.length + 1,
    zero: 'all',
  },
  events_processed_total: {
    type: 'counter',
    help: 'Events that the daemon took from the ring buffer and ran through the rules.',
    labels: event,
    cap: KIND_COUNT + 1,
    zero: 'all',
  },
  events_decode_errors_total: {
    type: 'counter',
    help: 'Records from the kernel that could not be decoded.',
    labels: { reason: closed(...DECODE_ERRORS) },
    cap: DECODE_ERRORS.length + 1,
    zero: 'all',
  },
  events_unaccounted: {
    type: 'gauge',
    help: 'Events seen by the kernel that no counter explains, records on their way excluded; anything but 0 is a defect.',
    labels: NONE,
    cap: 1,
  },
  file_bytes_total: {
    type: 'counter',
    help: 'Bytes that processes read from and wrote to files, counted in the kernel.',
    unit: 'bytes',
    labels: { direction: closed('read', 'write') },
    cap: 2 + 1,
    zero: 'all',
  },
  file_calls_total: {
    type: 'counter',
    help: 'Read and write calls on files, counted in the kernel.',
    labels: { direction: closed('read', 'write') },
    cap: 2 + 1,
    zero: 'all',
  },
  network_bytes_total: {
    type: 'counter',
    help: 'Bytes that processes sent and received over TCP and UDP, counted in the kernel.',
    unit: 'bytes',
    labels: { direction: closed('sent', 'received') },
    cap: 2 + 1,
    zero: 'all',
  },
  syscalls_total: {
    type: 'counter',
    help: 'System calls by name, counted in the kernel; calls beyond the cap are in __other__.',
    labels: { syscall: declared('syscalls', 'name of a system call that occurred') },
    cap: 38,
  },
  syscall_errors_total: {
    type: 'counter',
    help: 'Failed system calls by class of errno: denied (EPERM, EACCES), missing (ENOENT and the like), again (to be repeated), failed (all others).',
    labels: { errno_class: closed(...ERRNO_CLASSES) },
    cap: ERRNO_CLASSES.length + 1,
    zero: 'all',
  },

  kernel_failures_total: {
    type: 'counter',
    help: 'What something bounded in the kernel programs could not hold or read; events are marked, not lost.',
    labels: { reason: closed(...KERNEL_FAILURES) },
    cap: KERNEL_FAILURES.length + 1,
    zero: 'all',
  },
  self_check: {
    type: 'gauge',
    help: 'Whether the last check of the sensor by itself found everything as it should be: 1, or 0.',
    labels: { check: closed(...SELF_CHECKS) },
    cap: SELF_CHECKS.length + 1,
  },
  self_check_failures_total: {
    type: 'counter',
    help: 'Checks of the sensor by itself that found a hook blind or something changed from outside.',
    labels: { check: closed(...SELF_CHECKS) },
    cap: SELF_CHECKS.length + 1,
    zero: 'all',
  },
  self_repairs_total: {
    type: 'counter',
    help: 'What was changed from outside and could be put back.',
    labels: { check: closed(...SELF_CHECKS) },
    cap: SELF_CHECKS.length + 1,
    zero: 'all',
  },
  canary_seconds: {
    type: 'gauge',
    help: 'Time from the kernel to the detector of the slowest of the daemon’s own marked operations, at the last check.',
    unit: 'seconds',
    labels: NONE,
    cap: 1,
  },
  ring_used_bytes: {
    type: 'gauge',
    help: 'Bytes in the ring buffer that the daemon has not taken yet.',
    unit: 'bytes',
    labels: { ring: closed(...RINGS) },
    cap: RINGS.length + 1,
    zero: 'all',
  },
  ring_size_bytes: {
    type: 'gauge',
    help: 'Size of the ring buffer.',
    unit: 'bytes',
    labels: { ring: closed(...RINGS) },
    cap: RINGS.length + 1,
    zero: 'all',
  },
} as const satisfies Record<string, MetricSpec>;
