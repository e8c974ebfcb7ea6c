import { type Logger, pino } from 'pino';
import pretty from 'pino-pretty';

export type { Logger } from 'pino';
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * The daemon's own log, on standard error: lines for a person on a terminal,
 * JSON otherwise. Events and alerts never go through it.
 */
export function createLogger(
  level: LogLevel,
  destination: NodeJS.WriteStream & { fd: number } = process.stderr,
): Logger {
  const options = { level, base: null };
  if (!destination.isTTY) return pino(options, pino.destination({ fd: destination.fd, sync: true }));
  return pino(
    options,
    pretty({ destination: destination.fd, colorize: true, translateTime: 'SYS:HH:MM:ss.l', sync: true }),
  );
}
