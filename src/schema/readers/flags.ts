/** enum record_flags of bpf/events.h; a test compares them with the object. */
export const RECORD_FLAGS = {
  UNVERIFIED: 1 << 0,
  TRUNCATED: 1 << 1,
  UNREADABLE: 1 << 2,
  COMPAT32: 1 << 3,
  IO_URING: 1 << 4,
  KERNEL_THREAD: 1 << 5,
  PATH_DELETED: 1 << 6,
  ENV_TRUNCATED: 1 << 7,
  EXE_MEMFD: 1 << 8,
  EXE_WRITABLE: 1 << 9,
  EXE_UPPER: 1 << 10,
  EXE_SETUID: 1 << 11,
  EXE_SETGID: 1 << 12,
  CREATED: 1 << 13,
  CONNECTED: 1 << 14,
  SEEDED: 1 << 15,
} as const;
