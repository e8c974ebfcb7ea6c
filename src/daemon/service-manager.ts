import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';

/** sd_notify(3): one datagram; 0 or -errno. */
type Notify = (socket: string, text: string) => number;

/**
 * Tells systemd (Type=notify) when the daemon is ready, reloads and ends, and
 * that it is alive. Without NOTIFY_SOCKET every call does nothing.
 */
export class ServiceManager {
  readonly #socket: string | undefined;
  readonly #watchdogMs: number | undefined;
  readonly #notify: Notify;
  readonly #log: Logger;
  #timer: NodeJS.Timeout | undefined;
  #failed = false;

  /** Takes its variables out of `environment`: what the daemon starts must not speak in its name. */
  constructor(environment: NodeJS.ProcessEnv, notify: Notify, log: Logger) {
    const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = environment;
    for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete environment[name];
    this.#socket = NOTIFY_SOCKET === '' ? undefined : NOTIFY_SOCKET;
    const meant = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.pid;
    const microseconds = Number(WATCHDOG_USEC);
    if (meant && microseconds > 0) this.#watchdogMs = microseconds / 1000;
    this.#notify = notify;
    this.#log = log;
  }

  status(text: string): void {
    this.#send(`STATUS=${oneLine(text)}`);
  }

  /** Ready; from now on it is also said that the daemon lives, twice within the time that systemd allows. */
  ready(status: string): void {
    this.#send(`READY=1\nSTATUS=${oneLine(status)}`);
    if (this.#watchdogMs === undefined || this.#timer !== undefined) return;
    // By the event loop itself: a daemon that hangs in one turn, or whose loop is full, falls silent.
    this.#timer = setInterval(() => this.#send('WATCHDOG=1'), this.#watchdogMs / 2);
    this.#timer.unref();
  }

  reloading(): void {
    const microseconds = process.hrtime.bigint() / 1000n;
    this.#send(`RELOADING=1\nMONOTONIC_USEC=${microseconds}\nSTATUS=reading configuration and rules again`);
  }

  stopping(): void {
    this.#send('STOPPING=1\nSTATUS=delivering what waits');
  }

  #send(text: string): void {
    if (this.#socket === undefined) return;
    let reason: string | undefined;
    try {
      const status = this.#notify(this.#socket, text);
      if (status !== 0) reason = `errno ${-status}`;
    } catch (error) {
      reason = messageOf(error);
    }
    if (reason !== undefined && !this.#failed)
      this.#log.error({ reason, socket: this.#socket }, 'systemd cannot be told the state of the service');
    this.#failed = reason !== undefined;
  }
}

const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ');
