/**
 * One error table. Every failure that reaches a person has a code from here;
 * docs/errors.md is generated from it.
 *
 * `user` errors are mistakes that a person can correct (exit code 1), `system`
 * errors are the machine's (exit code 2).
 */
export const ERRORS = {
  CONFIG_INVALID: { fault: 'user', text: 'The configuration file has an error' },
  FLAG_INVALID: { fault: 'user', text: 'A command-line flag is wrong' },
  RULES_INVALID: { fault: 'user', text: 'A rule file has an error' },
  WEB_CONFIG_INVALID: { fault: 'user', text: 'The web configuration file has an error' },
  RECORDING_INVALID: { fault: 'user', text: 'A recording could not be read' },
  PLUGIN_INVALID: { fault: 'user', text: 'A plugin could not be loaded' },
  ADDRESS_IN_USE: { fault: 'user', text: 'Another process listens on the address' },
  NOT_ROOT: { fault: 'system', text: 'Loading BPF programs needs root, or CAP_BPF and CAP_PERFMON' },
  NO_BTF: { fault: 'system', text: 'The kernel has no BTF (/sys/kernel/btf/vmlinux)' },
  LOCKED_DOWN: { fault: 'system', text: 'The kernel is locked down: no BPF program may read its memory' },
  NOT_BUILT: { fault: 'system', text: 'The native addon or the BPF object is not built' },
  SENSOR_FAILED: { fault: 'system', text: 'A BPF operation failed' },
  SCHEMA_MISMATCH: { fault: 'system', text: 'The BPF object and the daemon disagree about the record layout' },
  SPOOL_FAILED: { fault: 'system', text: 'The alert spool on disk failed' },
  DAEMON_UNREACHABLE: { fault: 'system', text: 'The running daemon does not answer' },
  OUTPUT_FAILED: { fault: 'system', text: 'An output could not be opened or written' },
} as const satisfies Record<string, { fault: 'user' | 'system'; text: string }>;

type ErrorCode = keyof typeof ERRORS;

/** An error with a code, what happened, and optionally where and what to do about it. */
export class WardenError extends Error {
  override readonly name: string = 'WardenError';
  readonly code: ErrorCode;
  readonly problems: readonly Problem[];

  constructor(code: ErrorCode, message: string, options: { problems?: readonly Problem[]; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.problems = options.problems ?? [];
  }

  get exitCode(): 1 | 2 {
    return ERRORS[this.code].fault === 'user' ? 1 : 2;
  }
}

/** One thing wrong with something a person wrote: where it is, what is wrong, what to do. */
export interface Problem {
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  /** The rule, key or id the problem belongs to. */
  readonly subject?: string;
  readonly message: string;
  readonly remedy?: string;
}

/** `file:line:column: subject: message (remedy)` */
export function formatProblem(problem: Problem): string {
  const place = [problem.file, problem.line, problem.column].filter((part) => part !== undefined).join(':');
  const parts = [place, problem.subject, problem.message].filter((part) => part !== undefined && part !== '');
  return parts.join(': ') + (problem.remedy === undefined ? '' : ` (${problem.remedy})`);
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
