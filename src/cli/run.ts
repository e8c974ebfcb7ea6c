import { setFlagsFromString } from 'node:v8';
import type { Announce } from '../alerts/announcer.ts';
import { shortAlertLine } from '../alerts/line.ts';
import { raisePriority } from '../daemon/priority.ts';
import { ServiceManager } from '../daemon/service-manager.ts';
import { startDaemon } from '../daemon/start.ts';
import { messageOf } from '../errors.ts';
import { sendNotification } from '../kernel/notify.ts';
import { createLogger } from '../log.ts';
import { keepCompiled } from './compile-cache.ts';
import type { CommandLine } from './flags.ts';
import { LATE_FLAGS } from './lean.ts';
import { BPF_OBJECT, RUNBOOKS, rulePathsOf, settingsOf, trust } from './settings.ts';
import { type Terminal, terminalOf } from './terminal.ts';
import { readVersion } from './version.ts';

/** Columns that the time and the severity take of a line of the log. */
const LOG_HEAD = 18;
/** In a flood the rest of a minute is one line: nobody reads more. */
const LINES_PER_MINUTE = 30;

const brief = ({ width }: Terminal): Announce => ({
  linesPerMinute: LINES_PER_MINUTE,
  line: (alert) => shortAlertLine(alert, Math.max(40, width - LOG_HEAD)),
});

/** `run`: watches this host until SIGTERM or SIGINT; SIGHUP reloads, SIGUSR1 reopens output files. Exit code 0 after an orderly end. */
export async function run({ flags }: CommandLine): Promise<number> {
  setFlagsFromString(LATE_FLAGS);
  const configure = () => {
    const config = settingsOf(flags);
    trust(flags, config);
    return {
      config,
      rulePaths: rulePathsOf(config),
      allowUnsafeFiles: flags['allow-unsafe-files'] === true,
      // systemd's, of CacheDirectory=; several are separated by colons.
      cacheDirectory: process.env.CACHE_DIRECTORY?.split(':')[0],
    };
  };
  const { version } = readVersion();
  const { log_level, log_format } = settingsOf(flags).response;
  const terminal = terminalOf(flags, process.stderr);
  const log = createLogger(log_level, log_format, { color: terminal.color, verbose: flags.verbose === true });
  raisePriority(log);
  const manager = new ServiceManager(process.env, sendNotification, log);
  const ended = new Promise<NodeJS.Signals>((resolve) => {
    let first = true;
    const end = (signal: NodeJS.Signals) => {
      // A second signal means now.
      if (!first) process.exit(130);
      first = false;
      resolve(signal);
    };
    process.on('SIGTERM', end);
    process.on('SIGINT', end);
  });
  manager.status('loading the BPF programs');
  const starting = startDaemon({
    version,
    objectPath: BPF_OBJECT,
    runbooks: RUNBOOKS,
    configure,
    log,
    announce: process.stderr.isTTY && flags.verbose !== true ? brief(terminal) : undefined,
  });
  const reload = async () => {
    const started = await starting;
    manager.reloading();
    try {
      await started.reload();
    } finally {
      manager.ready(started.summary());
    }
  };
  // A terminal that goes away sends it too; it must never end a daemon.
  process.on('SIGHUP', () => {
    reload().catch((error: unknown) => log.debug({ reason: messageOf(error) }, 'reload'));
  });
  // Also takes the place of Node's own handler, which would open a debugger to every local user.
  process.on('SIGUSR1', () => {
    starting
      .then((started) => started.reopen())
      .catch((error: unknown) => log.error({ reason: messageOf(error) }, 'output files could not be opened again'));
  });
  const daemon = await starting;
  manager.ready(daemon.summary());
  keepCompiled();
  const signal = await ended;
  manager.stopping();
  log.info(`${signal}: detaching and delivering what waits`);
  await daemon.stop();
  log.info('ended');
  return 0;
}
