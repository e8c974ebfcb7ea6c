/**
 * What the typedefs of bpf/events.h mean. The decoder keys on them, so a new
 * member of a known type needs nothing here.
 */

/** How a member's bytes are read. `number` is unsigned; 64-bit values become a Number (kernel times and sizes stay far below 2^53). */
export type MemberMeaning = 'number' | 'signed' | 'address' | 'name' | 'text' | 'words' | 'bits';

export const VOCABULARY: ReadonlyMap<string, MemberMeaning> = new Map<string, MemberMeaning>([
  ['ktime_ns', 'number'],
  ['process_id', 'number'],
  ['thread_id', 'number'],
  ['user_id', 'number'],
  ['group_id', 'number'],
  ['capability_set', 'bits'],
  ['inode_number', 'number'],
  ['device_number', 'number'],
  ['file_mode', 'number'],
  ['open_flags', 'number'],
  ['ip_address', 'address'],
  ['port_number', 'number'],
  ['comm_name', 'name'],
  ['call_result', 'signed'],
]);
