import { type Stats, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { sinkConfigs, sinkFiles } from '../alerts/sinks/registry.ts';
import type { Config } from '../config/options.ts';
import {
  type CapabilityMask,
  capabilityList,
  capabilityMask,
  effectiveCapabilities,
  threadCapabilities,
  threadsBeyond,
} from '../kernel/capabilities.ts';
import type { Logger } from '../log.ts';
import { errnoName } from '../schema/names/errno.ts';

interface CapabilityStatus {
  /** False: [kernel] drop_capabilities is off, or it could not be done. */
  readonly dropped: boolean;
  /** What the daemon has now. */
  readonly held: readonly string[];
  /** Threads that have more than that, 0 where all is well. */
  readonly threads_with_more: number;
}

/**
 * Gives up what the daemon does not need once its programs are attached, and
 * says what it could not give up. For good: what a reload asks for beyond that
 * needs a restart, and the log says so.
 */
export class Capabilities {
  readonly #drop: (keep: CapabilityMask) => number;
  readonly #log: Logger;
  #kept: CapabilityMask | undefined;

  /** `drop` does it for all threads: how many did not follow, or -errno. */
  constructor(drop: (keep: CapabilityMask) => number, log: Logger) {
    this.#drop = drop;
    this.#log = log;
  }

  /** At the end of the start. */
  drop(config: Config): void {
    const held = effectiveCapabilities();
    const { names, foreign } = capabilitiesNeeded(config, held);
    const needed = capabilityMask(names);
    if ((needed & ~held) !== 0n)
      this.#log.warn(
        { missing: capabilityList(needed & ~held), ...(foreign.length === 0 ? {} : { paths: foreign }) },
        'the daemon lacks capabilities that it needs: what takes them will fail; give them to it, as the systemd unit in packaging/ does',
      );
    if (!config.kernel.drop_capabilities) {
      this.#log.info('capabilities are kept: kernel.drop_capabilities is off');
      return;
    }
    const keep = needed & held;
    if (foreign.length > 0 && (keep & capabilityMask(['CAP_DAC_OVERRIDE'])) !== 0n)
      this.#log.warn(
        { paths: foreign },
        'CAP_DAC_OVERRIDE is kept, because these files or directories belong to another user; give them to the daemon’s user to have it dropped',
      );
    const status = this.#drop(keep);
    if (status < 0) {
      this.#log.warn(
        { reason: errnoName(status), held: capabilityList(held) },
        'capabilities could not be dropped and are kept; bound them from outside, as CapabilityBoundingSet= of the systemd unit does',
      );
      return;
    }
    this.#kept = keep;
    const beyond = threadsBeyond(keep, threadCapabilities());
    if (beyond.length > 0)
      this.#log.warn(
        {
          threads: beyond.map(({ tid, name, held: more }) => ({
            tid,
            name,
            more: capabilityList(more & ~keep),
          })),
        },
        'some threads keep more capabilities than they need; restart the daemon (without UV_USE_IO_URING), and bound it from outside, as CapabilityBoundingSet= of the systemd unit does',
      );
    this.#log.info(`capabilities kept: ${capabilityList(keep).join(' ') || 'none'}`);
  }

  /** After a reload: what it asks for and is gone. */
  reloaded(config: Config): void {
    const kept = this.#kept;
    if (kept === undefined || !config.kernel.drop_capabilities) return;
    const { names, foreign } = capabilitiesNeeded(config, kept);
    const missing = capabilityList(capabilityMask(names) & ~kept);
    if (missing.length === 0) return;
    this.#log.warn(
      { missing, ...(foreign.length === 0 ? {} : { paths: foreign }) },
      'the new configuration needs capabilities that were dropped at the start: restart the daemon',
    );
  }

  status(): CapabilityStatus {
    const kept = this.#kept;
    return {
      dropped: kept !== undefined,
      held: capabilityList(effectiveCapabilities()),
      threads_with_more: kept === undefined ? 0 : threadsBeyond(kept, threadCapabilities()).length,
    };
  }
}

/**
 * What the running daemon needs. Attaching needs more (CAP_PERFMON, for cgroup
 * programs CAP_NET_ADMIN, for statistics CAP_SYS_ADMIN); a reload attaches
 * nothing, and detaching is closing descriptors.
 */
function capabilitiesNeeded(
  config: Config,
  held: CapabilityMask,
): { readonly names: readonly string[]; readonly foreign: readonly string[] } {
  const { kernel, response } = config;
  const names = new Set([
    // Reading and writing maps: Linux 5.15 asks for it at each call, 6.18 (measured) no longer does for an open
    // descriptor. Where the runtime does not know CAP_BPF, CAP_SYS_ADMIN stands for it.
    (held & capabilityMask(['CAP_BPF'])) !== 0n ? 'CAP_BPF' : 'CAP_SYS_ADMIN',
    // /proc/PID/{exe,cwd,environ,ns} of other users' processes.
    'CAP_SYS_PTRACE',
    // Hashing their executables, reading rules, keys and certificates.
    'CAP_DAC_READ_SEARCH',
    ...kernel.keep_capabilities,
  ]);
  if (response.enforce && response.enforce_rules.length > 0) names.add('CAP_KILL');
  // An alert that is not written would be worse than a capability more.
  const foreign = writtenPaths(config).filter(needsOverride);
  if (foreign.length > 0) names.add('CAP_DAC_OVERRIDE');
  return { names: [...names], foreign };
}

function writtenPaths(config: Config): string[] {
  return [
    config.output.events_file,
    config.response.audit_file,
    config.spool.directory,
    ...sinkConfigs(config).flatMap(sinkFiles),
  ].filter((path) => path !== '' && path !== '-');
}

const WRITE = 2;
const WRITE_AND_SEARCH = 3;

/** Whether this user may not create, write or rotate the file (or use the directory) by its mode alone. */
function needsOverride(path: string): boolean {
  const found = look(path);
  if (found?.isDirectory() === true) return !allows(found, WRITE_AND_SEARCH);
  if (found !== undefined && !allows(found, WRITE)) return true;
  // A terminal or pipe is not rotated.
  if (found?.isFile() === false) return false;
  let directory = dirname(resolve(path));
  let parent = look(directory);
  while (parent === undefined && directory !== dirname(directory)) {
    directory = dirname(directory);
    parent = look(directory);
  }
  return parent !== undefined && !allows(parent, WRITE_AND_SEARCH);
}

function look(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined; // It may not even be looked at: opening it says so.
  }
}

function allows(
  { uid, gid, mode }: { readonly uid: number; readonly gid: number; readonly mode: number },
  wanted: number,
): boolean {
  const groups = [process.getegid?.(), ...(process.getgroups?.() ?? [])];
  const shift = uid === process.geteuid?.() ? 6 : groups.includes(gid) ? 3 : 0;
  return ((mode >> shift) & wanted) === wanted;
}
