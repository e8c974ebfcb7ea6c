import type { Alert, ResponseReport } from '../alerts/types.ts';
import type { Config } from '../config/options.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Counter, Metrics } from '../metrics/types.ts';
import type { RuleAction, RuleInfo } from '../rules/types.ts';
import type { EventRecord } from '../schema/event.ts';
import { fieldId } from '../schema/fields.ts';
import { type Audit, createAudit } from './audit.ts';
import { type Blocker, createBlocker } from './block.ts';
import { type KillOptions, killProcess } from './kill.ts';
import { createProtection } from './protected.ts';
import type { BlockTable, ResponseOutcome, ResponseRequest, ResponseResult, Signaller } from './types.ts';

interface Means {
  readonly kill: KillOptions;
  readonly blocker: Blocker;
}

/** What each action of a rule does. An alert is raised in any case; these come on top. */
const RESPONSES: Readonly<Record<RuleAction, (request: ResponseRequest, means: Means) => ResponseResult>> = {
  alert: () => ({ outcome: 'none' }),
  log: () => ({ outcome: 'none' }),
  kill: (request, { kill }) => killProcess(request, kill),
  block: (request, { blocker }) => blocker.block(request),
};

export interface ResponderOptions {
  readonly config: Config['response'];
  readonly hostName: string;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** For "kill". */
  readonly signaller: Signaller;
  /** Undefined where the kernel side cannot refuse connections. */
  readonly blockTable?: BlockTable | undefined;
  /** Unix seconds of the boot, by the clock of event times. */
  readonly bootTime: () => number;
  readonly procfs?: string | undefined;
  readonly monotonic?: (() => number) | undefined;
}

const PID = fieldId('process.pid') ?? -1;
const START = fieldId('process.start_time') ?? -1;
const PATH = fieldId('process.path') ?? -1;
const EXPIRE_MS = 1000;

export class Responder {
  readonly #options: ResponderOptions;
  readonly #actions: Counter;
  readonly #timer: NodeJS.Timeout;
  #config: Config['response'];
  #audit: Audit;
  #means: Means;
  /** Of audit files before the present one. */
  #lostBefore = 0;

  constructor(options: ResponderOptions) {
    this.#options = options;
    this.#actions = options.metrics.counter('response_actions_total');
    this.#config = options.config;
    this.#audit = createAudit(options.config.audit_file, options.log);
    this.#means = { kill: this.#killOptions(options.config), blocker: this.#blocker(options.config) };
    this.#timer = setInterval(() => this.#means.blocker.expire(), EXPIRE_MS);
    this.#timer.unref();
  }

  /** Does, or only simulates, what the rule asks for. Never throws. */
  respond(rule: RuleInfo, event: EventRecord): ResponseReport {
    const enforce = isEnforced(rule, this.#config);
    let result: ResponseResult;
    try {
      result = RESPONSES[rule.action]({ rule, event, enforce }, this.#means);
    } catch (error) {
      result = { outcome: 'failed', detail: messageOf(error) };
    }
    this.#actions.inc({ action: rule.action, outcome: result.outcome });
    if (result.outcome !== 'none') {
      const { log, hostName } = this.#options;
      const record = auditRecord(rule, event, result, enforce, hostName);
      this.#audit.write(record);
      if (enforce) log.warn({ response: record }, `response ${rule.action}: ${result.outcome}`);
      else log.debug({ response: record }, `response ${rule.action}: ${result.outcome}`);
    }
    return { action: rule.action, ...result };
  }

  /**
   * The same for a response that a plugin brings: `act` is called only when the
   * rule is enforced; either way there is an audit record. Gives the outcome.
   */
  async byPlugin(
    name: string,
    rule: Pick<RuleInfo, 'name' | 'tags'>,
    alert: Alert,
    act: () => Promise<ResponseResult>,
  ): Promise<ResponseOutcome> {
    const enforced = isEnforced(rule, this.#config);
    const result: ResponseResult = enforced ? await act() : { outcome: 'simulated' };
    this.#audit.write({
      time: new Date().toISOString(),
      action: `plugin ${name}`,
      outcome: result.outcome,
      ...(result.detail === undefined ? {} : { detail: result.detail }),
      rule: rule.name,
      host: this.#options.hostName,
      event_id: String(alert.event.id),
      event_type: String(alert.event.type),
      process: {},
      enforced,
    });
    this.#actions.inc({ action: 'plugin', outcome: result.outcome });
    return result.outcome;
  }

  /** Records that could not be written to the audit file. */
  get auditLost(): number {
    return this.#lostBefore + this.#audit.lost;
  }

  configure(config: Config['response']): void {
    let { blocker } = this.#means;
    if (config.block_seconds !== this.#config.block_seconds) {
      blocker.close();
      blocker = this.#blocker(config);
    }
    if (config.audit_file !== this.#config.audit_file) {
      const old = this.#audit;
      this.#audit = createAudit(config.audit_file, this.#options.log);
      void old.close().finally(() => {
        this.#lostBefore += old.lost;
      });
    }
    this.#config = config;
    this.#means = { kill: this.#killOptions(config), blocker };
  }

  reopen(): Promise<void> {
    return this.#audit.reopen();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#means.blocker.close();
    await this.#audit.close();
  }

  #killOptions(config: Config['response']): KillOptions {
    const { signaller, bootTime, procfs } = this.#options;
    return {
      signaller,
      protection: createProtection(config.protected_processes, process.pid, procfs),
      bootTime,
      ...(procfs === undefined ? {} : { procfs }),
    };
  }

  #blocker(config: Config['response']): Blocker {
    return createBlocker({
      table: this.#options.blockTable,
      seconds: config.block_seconds,
      now: this.#options.monotonic ?? (() => performance.now()),
      onError: (error) => this.#options.log.error({ error: messageOf(error) }, 'a block could not be lifted'),
    });
  }
}

/** Only what the operator named is enforced: a rule by its name, or all rules of a tag as `tag:NAME`. */
export function isEnforced(
  rule: Pick<RuleInfo, 'name' | 'tags'>,
  config: Pick<Config['response'], 'enforce' | 'enforce_rules'>,
): boolean {
  if (!config.enforce) return false;
  return config.enforce_rules.some((entry) =>
    entry.startsWith('tag:') ? rule.tags.includes(entry.slice(4)) : entry === rule.name,
  );
}

function auditRecord(rule: RuleInfo, event: EventRecord, result: ResponseResult, enforced: boolean, host: string) {
  const [pid, start, path] = [event.value(PID), event.value(START), event.value(PATH)];
  return {
    time: new Date().toISOString(),
    action: rule.action,
    outcome: result.outcome,
    ...(result.detail === undefined ? {} : { detail: result.detail }),
    rule: rule.name,
    host,
    event_id: event.id,
    event_type: event.kind,
    process: {
      ...(typeof pid === 'number' ? { pid } : {}),
      ...(typeof start === 'number' ? { start_time: start } : {}),
      ...(typeof path === 'string' ? { path } : {}),
    },
    enforced,
  };
}
