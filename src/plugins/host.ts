import { mkdirSync } from 'node:fs';

import { Worker, type WorkerOptions } from 'node:worker_threads';
import { messageOf, WardenError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Counter } from '../metrics/types.ts';
import {
  type Call,
  type Message,
  PLUGIN_API_VERSION,
  PLUGIN_KINDS,
  type PluginContext,
  type PluginKind,
} from './types.ts';

/** Starts a thread with a module of this program; replaceable, because not every loader passes on to threads. */
export type StartWorker = (entry: URL, options: WorkerOptions) => Worker;

interface PluginOptions {
  readonly module: string;
  readonly expects: readonly PluginKind[];
  readonly timeoutMs: number;
  readonly context: PluginContext;
  readonly failures: Counter;
  readonly log: Logger;
  /** Sinks are never given up: their deliveries wait and are tried again. */
  readonly disableAfter?: number;
  readonly startWorker?: StartWorker;
}

const LOAD_MS = 10_000;
const CLOSE_MS = 1000;
const MEMORY_MB = 64;
/** Events on their way to the thread; more are left out and counted. */
const MAX_OBSERVED = 1024;
/** The worker's module stands beside this one, in source and in built form. */
const ENTRY = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

interface Pending {
  readonly worker: Worker;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * One plugin in its own thread. A call that takes too long ends the thread
 * (nothing else can stop a loop), the next call starts a new one; after several
 * failures in a row the plugin is switched off.
 */
export class PluginHost {
  readonly name: string;
  readonly #options: PluginOptions;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | undefined;
  #starting: Promise<void> | undefined;
  #kind: PluginKind = 'enricher';
  #observes: readonly string[] = [];
  #next = 1;
  #last: Promise<unknown> = Promise.resolve();
  #inARow = 0;
  #observing = 0;
  #closed = false;
  /** Events left out because the plugin did not keep up. */
  unobserved = 0;
  failures = 0;

  constructor(options: PluginOptions) {
    this.#options = options;
    this.name = options.context.name;
  }

  get kind(): PluginKind {
    return this.#kind;
  }
  get observes(): readonly string[] {
    return this.#observes;
  }
  get disabled(): boolean {
    return this.#inARow >= (this.#options.disableAfter ?? Number.POSITIVE_INFINITY);
  }

  /** Loads the module. Throws PLUGIN_INVALID when it is none, of another version or of another kind. */
  async start(): Promise<void> {
    try {
      await this.#started();
    } catch (error) {
      const { module } = this.#options;
      throw new WardenError('PLUGIN_INVALID', `plugin "${this.name}" (${module}): ${messageOf(error)}`, {
        problems: [{ file: module, subject: this.name, message: messageOf(error) }],
        cause: error,
      });
    }
  }

  /**
   * Calls a method; calls wait for each other, so that the time limit is of the
   * call alone. Rejects when it fails, takes too long or the plugin is off.
   */
  call(method: Call['method'], argument: unknown): Promise<unknown> {
    const result = this.#last.then(() => this.#call(method, argument));
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #call(method: Call['method'], argument: unknown): Promise<unknown> {
    if (this.disabled || this.#closed) throw new Error(`plugin ${this.name} is switched off`);
    try {
      await this.#started();
      const value = await this.#ask(method, argument);
      this.#inARow = 0;
      return value;
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  /** Passes an event on, if the plugin keeps up. */
  observe(event: unknown): void {
    if (this.disabled || this.#closed || this.#worker === undefined || this.#observing >= MAX_OBSERVED) {
      this.unobserved += 1;
      return;
    }
    this.#observing += 1;
    this.#worker.postMessage({ method: 'observe', argument: event } satisfies Call);
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    if (worker !== undefined) {
      try {
        await this.#ask('close', undefined, CLOSE_MS);
      } catch (error) {
        this.#options.log.warn({ plugin: this.name, error: messageOf(error) }, 'the plugin did not close in time');
      }
    }
    this.#closed = true;
    await this.#worker?.terminate();
  }

  #ask(method: Call['method'], argument: unknown, timeoutMs = this.#options.timeoutMs): Promise<unknown> {
    const worker = this.#worker;
    if (worker === undefined) return Promise.reject(new Error('its thread has ended'));
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new Error(`${method} took longer than ${timeoutMs} ms`));
        // At once, not when it has ended: the next call needs a thread that answers.
        if (this.#worker === worker) this.#worker = undefined;
        void worker.terminate();
      }, timeoutMs);
      this.#pending.set(id, { worker, resolve, reject, timer });
      worker.postMessage({ id, method, argument } satisfies Call);
    });
  }

  #failed(error: unknown): void {
    const { failures, log } = this.#options;
    this.failures += 1;
    this.#inARow += 1;
    failures.inc({ plugin: this.name });
    const facts = { plugin: this.name, error: messageOf(error), failures: this.failures };
    if (this.disabled) log.error(facts, 'the plugin failed too often and is switched off until the next reload');
    else if (this.#inARow === 1) log.warn(facts, 'a plugin failed');
  }

  #started(): Promise<void> {
    if (this.#worker !== undefined && this.#starting === undefined) return Promise.resolve();
    this.#starting ??= this.#startThread().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  #startThread(): Promise<void> {
    const { module, context, log } = this.#options;
    mkdirSync(context.directory, { recursive: true, mode: 0o700 });
    const start: StartWorker = this.#options.startWorker ?? ((entry, options) => new Worker(entry, options));
    const worker = start(ENTRY, {
      workerData: { module, context },
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
      // What a plugin prints must not get into the alerts on standard output.
      stdout: true,
      stderr: true,
    });
    worker.unref();
    const say = (chunk: Buffer) => log.info({ plugin: this.name }, chunk.toString('utf8').trimEnd().slice(0, 500));
    worker.stdout.on('data', say);
    worker.stderr.on('data', say);
    this.#observing = 0;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`it did not load within ${LOAD_MS} ms`));
        void worker.terminate();
      }, LOAD_MS);
      worker.on('message', (message: Message) => {
        if (message.type === 'ready' || message.type === 'refused') {
          clearTimeout(timer);
          const problem = this.#accept(message);
          if (problem === undefined) {
            this.#worker = worker;
            resolve();
          } else {
            reject(new Error(problem));
            void worker.terminate();
          }
        } else this.#receive(message);
      });
      let last: unknown;
      worker.on('error', (error) => {
        last = error;
      });
      worker.on('exit', () => {
        clearTimeout(timer);
        if (this.#worker === worker) this.#worker = undefined;
        const error = new Error(last === undefined ? 'its thread has ended' : messageOf(last));
        reject(error);
        for (const [id, pending] of this.#pending) {
          if (pending.worker !== worker) continue;
          this.#pending.delete(id);
          clearTimeout(pending.timer);
          pending.reject(error);
        }
      });
    });
  }

  #accept(message: Extract<Message, { type: 'ready' | 'refused' }>): string | undefined {
    if (message.type === 'refused') return message.message;
    if (message.apiVersion !== PLUGIN_API_VERSION)
      return `it is written for version ${String(message.apiVersion)} of the plugin interface, this is version ${PLUGIN_API_VERSION}`;
    const kind = PLUGIN_KINDS.find((entry) => entry === message.kind);
    if (kind === undefined || !this.#options.expects.includes(kind))
      return `expected a plugin of kind ${this.#options.expects.join(' or ')}, found "${String(message.kind)}"`;
    this.#kind = kind;
    this.#observes = message.observes;
    return undefined;
  }

  #receive(message: Exclude<Message, { type: 'ready' | 'refused' }>): void {
    if (message.type === 'observed') {
      this.#observing -= message.count;
      return;
    }
    const pending = message.id === undefined ? undefined : this.#pending.get(message.id);
    if (pending === undefined || message.id === undefined) {
      if (message.type === 'error') this.#failed(new Error(message.message));
      return;
    }
    this.#pending.delete(message.id);
    clearTimeout(pending.timer);
    if (message.type === 'result') pending.resolve(message.value);
    else pending.reject(new Error(message.message));
  }
}
