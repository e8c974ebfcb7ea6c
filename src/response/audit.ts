import { RotatingFile } from '../alerts/sinks/rotating-file.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';

/** One line of the audit file. No arguments, no paths of files: what was done to whom, and why. */
export interface AuditRecord {
  /** RFC 3339. */
  readonly time: string;
  readonly action: string;
  readonly outcome: string;
  readonly detail?: string;
  readonly rule: string;
  readonly host: string;
  readonly event_id: string;
  readonly event_type: string;
  readonly process: { readonly pid?: number; readonly start_time?: number; readonly path?: string };
  readonly enforced: boolean;
}

export interface Audit {
  write(record: AuditRecord): void;
  reopen(): Promise<void>;
  /** Ends when what was written so far is in the file. */
  close(): Promise<void>;
  /** Records given up because the disk refused them or was too slow. */
  readonly lost: number;
}

const MAX_QUEUED = 10_000;
const ROTATE_BYTES = 104_857_600;
const KEEP = 5;

/** Every action and every simulated one, as NDJSON in a file of its own where one is configured. */
export function createAudit(path: string, log: Logger): Audit {
  const file =
    path === '' ? undefined : new RotatingFile(path, { rotateBytes: ROTATE_BYTES, rotateSeconds: 0, keep: KEEP });
  let queue: string[] = [];
  let writing: Promise<void> | undefined;
  let lost = 0;
  let failing = false;

  const drain = async (): Promise<void> => {
    while (queue.length > 0) {
      const lines = queue;
      queue = [];
      try {
        await file?.append(lines.join(''));
        failing = false;
      } catch (error) {
        lost += lines.length;
        if (!failing) log.error({ path, error: messageOf(error) }, 'the audit file cannot be written');
        failing = true;
      }
    }
  };

  return {
    write(record) {
      if (file === undefined) return;
      if (queue.length >= MAX_QUEUED) {
        lost += 1;
        return;
      }
      queue.push(`${JSON.stringify(record)}\n`);
      writing ??= drain().finally(() => {
        writing = undefined;
      });
    },
    async reopen() {
      await writing;
      await file?.reopen();
    },
    async close() {
      await writing;
      await file?.reopen();
    },
    get lost() {
      return lost;
    },
  };
}
