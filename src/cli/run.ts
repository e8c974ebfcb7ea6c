import { startDaemon } from '../daemon/start.ts';
import { messageOf } from '../errors.ts';
import { createLogger } from '../log.ts';
import type { CommandLine } from './flags.ts';
import { BPF_OBJECT, rulePathsOf, settingsOf, trust } from './settings.ts';
import { readVersion } from './version.ts';

/** `run`: watches this host until SIGTERM or SIGINT; SIGHUP reloads, SIGUSR1 reopens output files. Exit code 0 after an orderly end. */
export async function run({ flags }: CommandLine): Promise<number> {
  const configure = () => {
    const config = settingsOf(flags);
    trust(flags, config);
    return { config, rulePaths: rulePathsOf(config), allowUnsafeFiles: flags['allow-unsafe-files'] === true };
  };
  const { version } = readVersion();
  const log = createLogger(settingsOf(flags).response.log_level);
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
  const starting = startDaemon({ version, objectPath: BPF_OBJECT, configure, log });
  // A terminal that goes away sends it too; it must never end a daemon.
  process.on('SIGHUP', () => {
    starting
      .then((started) => started.reload())
      .catch((error: unknown) => log.debug({ reason: messageOf(error) }, 'reload'));
  });
  // Also takes the place of Node's own handler, which would open a debugger to every local user.
  process.on('SIGUSR1', () => {
    starting
      .then((started) => started.reopen())
      .catch((error: unknown) => log.error({ reason: messageOf(error) }, 'output files could not be opened again'));
  });
  const daemon = await starting;
  const signal = await ended;
  log.info(`${signal}: detaching and delivering what waits`);
  await daemon.stop();
  log.info('ended');
  return 0;
}
