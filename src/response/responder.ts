import type { Alert, ResponseReport } from '../alerts/types.ts';
import type { Config } from '../config/options.ts';
import { messageOf } from '../errors.ts';
import { everySecond } from '../every-second.ts';
import type { Logger } from '../log.ts';
import type { Counter, Metrics } from '../metrics/types.ts';
import { ownPid } from '../own-pid.ts';
import type { RuleAction, RuleInfo } from '../rules/types.ts';
import type { EventRecord } from '../schema/event.ts';
import { fieldId } from '../schema/fields.ts';
import { type Audit, type AuditRecord, createAudit } from './audit.ts';
import { type Blocker, createBlocker } from './block.ts';
import { type KillOptions, killProcess } from './kill.ts';
import { createProtection } from './protected.ts';
import type { BlockTable, Prevention, ResponseOutcome, ResponseRequest, ResponseResult, Signaller } from './types.ts';

interface Means {
  readonly kill: KillOptions;
  readonly blocker: Blocker;
  readonly prevention: Prevention | undefined;
}

/** What each action of a rule does. An alert is raised in any case; these come on top. */
const RESPONSES: Readonly<Record<RuleAction, (request: ResponseRequest, means: Means) => ResponseResult>> = {
  alert: () => ({ outcome: 'none' }),
  log: () => ({ outcome: 'none' }),
  kill: (request, { kill }) => killProcess(request, kill),
  block: (request, { blocker, prevention }) => blockOf(request, blocker, prevention),
};

const ERROR = fieldId('event.error') ?? -1;
const ADDRESS = fieldId('network.destination.ip') ?? -1;
const DONE_BY_KERNEL: ResponseResult = { outcome: 'done', detail: 'the kernel refused it' };

/** Where the kernel refuses what the rule names, it has done so by now and is asked for it elsewhere; connections can be refused from now on. */
function blockOf(request: ResponseRequest, blocker: Blocker, prevention: Prevention | undefined): ResponseResult {
  const { rule, event, enforce } = request;
  const prevented = enforce && prevention?.prevents(rule.name) === true;
  if (prevented && event.value(ERROR) === 'EPERM') return DONE_BY_KERNEL;
  if (event.value(ADDRESS) !== undefined) return blocker.block(request);
  if (!enforce)
    return { outcome: 'simulated', detail: `would refuse ${event.kind} where the kernel can decide the rule` };
  return {
    outcome: 'failed',
    detail: prevented
      ? `${event.kind} was not refused: it began before the rule was in force, or came another way`
      : `${event.kind} has happened: the kernel does not decide this rule`,
  };
}

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
  /** Undefined where functions of the kernel cannot be hooked, or nothing is enforced. */
  readonly prevention?: Prevention | undefined;
  readonly procfs?: string | undefined;
  readonly monotonic?: (() => number) | undefined;
}

const PID = fieldId('process.pid') ?? -1;
const START = fieldId('process.start_time') ?? -1;
const PATH = fieldId('process.path') ?? -1;

export class Responder {
  readonly #options: ResponderOptions;
  readonly #actions: Counter;
  readonly #endTicks: () => void;
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
    this.#means = this.#meansOf(options.config, this.#blocker(options.config));
    this.#endTicks = everySecond(() => {
      this.#means.blocker.expire();
      this.#reportRefusals();
    });
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
    // The refusal itself is what counts: reportRefusals.
    if (result !== DONE_BY_KERNEL) this.#actions.inc({ action: rule.action, outcome: result.outcome });
    if (result.outcome !== 'none' && result !== DONE_BY_KERNEL) {
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
    this.#means = this.#meansOf(config, blocker);
  }

  reopen(): Promise<void> {
    return this.#audit.reopen();
  }

  async close(): Promise<void> {
    this.#endTicks();
    this.#reportRefusals();
    this.#means.blocker.close();
    await this.#audit.close();
  }

  #meansOf(config: Config['response'], blocker: Blocker): Means {
    return { kill: this.#killOptions(config), blocker, prevention: this.#options.prevention };
  }

  /** What the kernel has refused by itself, whether an event of it came or not. */
  #reportRefusals(): void {
    const { prevention, log, hostName } = this.#options;
    if (prevention === undefined) return;
    try {
      const { refused, lost } = prevention.refusals();
      for (const { rule, kind, pid, startTime } of refused) {
        const record: AuditRecord = {
          time: new Date().toISOString(),
          action: 'block',
          outcome: 'done',
          detail: 'the kernel refused it',
          rule,
          host: hostName,
          event_id: '',
          event_type: kind,
          process: { pid, start_time: startTime },
          enforced: true,
        };
        this.#audit.write(record);
        log.warn({ response: record }, 'response block: done');
      }
      const count = refused.length + lost;
      if (count > 0) this.#actions.inc({ action: 'block', outcome: 'done' }, count);
      if (lost > 0) log.error({ lost }, 'the kernel refused more calls than the audit file could be told of');
    } catch (error) {
      log.error({ error: messageOf(error) }, 'what the kernel refused cannot be read');
    }
  }

  #killOptions(config: Config['response']): KillOptions {
    const { signaller, bootTime, procfs } = this.#options;
    return {
      signaller,
      protection: createProtection(config.protected_processes, ownPid(), procfs),
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
