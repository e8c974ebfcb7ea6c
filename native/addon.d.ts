/**
 * What build/Release/bpfwarden.node exports. One BPF object per JavaScript
 * environment (main thread or worker): `open` ... `close`, then `open` again.
 *
 * Calls never throw. A status is 0 (or a count) on success and -errno on
 * failure; `takeLog` then has libbpf's text, verifier output included.
 *
 *   -EBADF   nothing is open           -EBUSY   too late: the object is loaded
 *   -EAGAIN  not loaded yet            -EALREADY  already open, loaded or started
 *   -ENOENT  no such program, map, variable or key
 *   -EINVAL  an argument has the wrong type or size
 *
 * Usage: const native = createRequire(import.meta.url)('../../build/Release/bpfwarden.node') as Native
 */

/** 0 or a count on success, -errno on failure. */
export type Status = number;

export interface MapInfo {
  /** enum bpf_map_type */
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** Values per key: possible CPUs for a per-CPU map, else 1. */
  readonly copies: number;
}

export interface ProgramInfo {
  readonly name: string;
  readonly section: string;
  readonly autoload: boolean;
  /** False: this kernel has no such tracepoint or iterator, and `load` fails unless autoload is off. */
  readonly available: boolean;
  /** -1 before load, or when it was not loaded. */
  readonly fd: number;
}

export interface Refusal {
  readonly program: string;
  /** -errno */
  readonly error: number;
  /** The end of the verifier's log. */
  readonly log: string;
}

export interface RingStats {
  readonly drains: number;
  /** Drains that the kernel's wake-up (not the timer) began. */
  readonly wakeups: number;
  readonly records: number;
  readonly bytes: number;
  /** Records over 65,520 bytes or shorter than 8: dropped and counted here. */
  readonly malformed: number;
  /** Bytes in the rings that are not yet copied, and the rings' sizes. */
  readonly bulkPending: number;
  readonly bulkSize: number;
  readonly priorityPending: number;
  readonly prioritySize: number;
}

/**
 * One call per drain. The buffer given to `start` holds bulk records in
 * [0, bulkBytes) and priority records in [bulkBytes, bulkBytes + priorityBytes).
 * Record: u32 length, u32 zero, `length` bytes, padding to 8 bytes.
 * Priority is drained after bulk and to its end: no priority record older than
 * a bulk record of this call comes in a later call. Who answers true has not
 * taken all of it: the buffer stays as it is, and in the next turn of the event
 * loop comes a call with (0, 0). An exception goes to 'uncaughtException'.
 */
export type DrainCallback = (bulkBytes: number, priorityBytes: number) => unknown;

export interface Native {
  /** Opens and parses the object file. */
  open(path: string): Status;
  /** Programs of the open object in file order. */
  programs(): readonly ProgramInfo[] | Status;
  /** Before load: the bytes of a `const volatile` variable; the length must be the variable's. */
  setKnob(name: string, value: Uint8Array): Status;
  /** Before load: max_entries of a map (bytes for a ring: a power of two and a multiple of the page size). */
  setMapEntries(map: string, entries: number): Status;
  /** Before load. */
  setAutoload(program: string, on: boolean): Status;
  /** Begins to load on a thread of its own: any other call waits until it is done, and `load` tells how it went. */
  beginLoad(): Status;
  load(): Status;
  /** Whether the kernel lets the function of an fentry or fmod_ret program be hooked: a program that does nothing is attached there for a moment. */
  tryHook(program: string): Status;
  /** Instead of `open`: for `trial` only. Knobs, sizes and autoload are set as usual. */
  openTrial(path: string): Status;
  /**
   * Gives each program that is switched on to the kernel's verifier alone and
   * closes the object: those that are refused. Programs with another target than a
   * tracepoint, an iterator, a function or an LSM hook are not tried.
   */
  trial(): readonly Refusal[] | Status;
  /** Attaches one program; with `cgroup` (a directory) as a cgroup program. -ENOENT when it was not loaded. */
  attach(program: string, cgroup?: string): Status;
  /** Detaches one program; 0 also when it was not attached. */
  detach(program: string): Status;
  mapInfo(map: string): MapInfo | Status;
  /**
   * With a key: its value; a per-CPU map gives all copies one after the other,
   * each rounded up to 8 bytes. Without: every entry as key bytes followed by
   * value bytes (copies likewise), entry after entry.
   */
  readMap(map: string, key?: Uint8Array | null): Uint8Array | Status;
  /**
   * Writes one or many entries: `keys` and `values` are whole multiples of the
   * key and value size. `values` null deletes the keys (an absent one is no
   * error). A per-CPU map takes either one value per key, which goes to every
   * CPU, or all copies. Returns the number of keys done. `keys` null and
   * `values` null empties the map.
   */
  writeMap(map: string, keys: Uint8Array | null, values: Uint8Array | null): Status;
  /** The memory of a BPF_F_MMAPABLE array, shared with the kernel; detached by `close`. */
  mapMemory(map: string): ArrayBuffer | Status;
  /** Runs an iterator program (iter/task, ...) to its end and returns what it wrote. */
  readIterator(program: string): Uint8Array | Status;
  /**
   * Begins draining the maps bulk_ring and priority_ring, at most `bulkBytes`
   * (default 1 MiB) of bulk records in one drain. The first u32 of the map
   * reader_state is 1 while the reader sleeps: only then a producer has to wake
   * it. Without that map the rings are looked at by a timer. `buffer` must have at least bulkBytes + the priority
   * ring's size + 131072 bytes (-EINVAL otherwise), and is kept until close.
   */
  start(callback: DrainCallback, buffer: ArrayBuffer, bulkBytes?: number): Status;
  /** Drains now, with one callback if there is something; 1 when there is more. For an orderly stop; not from inside the callback. */
  drain(): Status;
  /** Also wakes a reader up that sleeps while something is in the rings. */
  ringStats(): RingStats | Status;
  /**
   * Sends a signal to exactly the process that started at `startTicks`
   * (field 22 of /proc/PID/stat), through a pidfd. -ESRCH: it is another one, or gone.
   */
  pidfdSignal(pid: number, signal: number, startTicks: number): Status;
  /** Sends `text` as one datagram to a Unix socket; "@" begins an abstract name. Never blocks. */
  notify(socket: string, text: string): Status;
  /**
   * Does one harmless thing that the hook for the kind must see, such as a connect
   * to `path`, which names nothing. The process id of the child that it took, else
   * 0. -EINVAL: there is none for the kind.
   */
  canary(kind: string, path: string): Status;
  /** This process's id in the initial pid namespace, by which events name it. */
  ownPid(): Status;
  /**
   * Switches the kernel's run-time statistics of BPF programs on, until close
   * or the end of the process, also by a signal; the sysctl
   * kernel.bpf_stats_enabled stays as it is. -EPERM without CAP_SYS_ADMIN.
   */
  enableStatistics(): Status;
  /**
   * Takes from every thread of this process each capability that is not in
   * `keep` (bit n is capability n), for good: from the effective, permitted
   * and inheritable set, from the bounding set where CAP_SETPCAP is held, and
   * sets no_new_privs. Later threads and started programs get no more.
   * Returns how many threads have not answered within two seconds.
   */
  dropCapabilities(keep: bigint): Status;
  /** Gives memory back that loading took and that nothing uses: libbpf's of the kernel's types, what malloc holds free, and pages of the program's file. */
  trimMemory(): Status;
  /** libbpf's text since the last call (the last 1 MiB of it). */
  takeLog(): string;
  /** Stops, detaches, frees. Any number of times, also inside the callback. */
  close(): Status;
}
