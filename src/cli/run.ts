import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Daemon } from '../daemon.ts';
import { messageOf } from '../errors.ts';
import { createLogger } from '../log.ts';
import type { CommandLine } from './flags.ts';
import { BPF_OBJECT, PACKAGE_DIRECTORY, rulePathsOf, settingsOf } from './settings.ts';

/** `run`: watches this host until SIGTERM or SIGINT; SIGHUP reloads. Exit code 0 after an orderly end. */
export async function run({ flags }: CommandLine): Promise<number> {
  const configure = () => {
    const config = settingsOf(flags);
    return { config, rulePaths: rulePathsOf(config) };
  };
  const { version } = JSON.parse(readFileSync(join(PACKAGE_DIRECTORY, 'package.json'), 'utf8')) as { version: string };
  const log = createLogger(settingsOf(flags).response.log_level);
  const daemon = new Daemon({ version, objectPath: BPF_OBJECT, configure, log });

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
  // A terminal that goes away sends it too; it must never end a daemon.
  process.on('SIGHUP', () => {
    daemon.reload().catch((error: unknown) => log.debug({ reason: messageOf(error) }, 'reload'));
  });
  const stopped = Promise.race([ended, daemon.start().then(() => ended)]);
  const signal = await stopped;
  log.info(`${signal}: detaching and delivering what waits`);
  await daemon.stop();
  log.info('ended');
  return 0;
}
