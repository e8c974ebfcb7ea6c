/**
 * The only file that knows the order of the stages:
 * sensor → enrich → candidates → decide → pipeline, and metrics and HTTP beside
 * them. Everything else receives its collaborators as arguments.
 */
import { readFileSync } from 'node:fs';
import { hostname, release } from 'node:os';
import type { Config } from './config/options.ts';
import { blockTableOf } from './daemon/block-table.ts';
import { Capabilities } from './daemon/capabilities.ts';
import { Detector } from './daemon/detector.ts';
import { EventsFile } from './daemon/events-file.ts';
import { configHash, fatalProblems, loadConfiguredRules, rulesHash, wantedEvents } from './daemon/rules.ts';
import { Enricher } from './enrich/enricher.ts';
import { Host } from './enrich/host.ts';
import { formatProblem, messageOf, type Problem, WardenError } from './errors.ts';
import { type RunningServer, startServer } from './http/server.ts';
import { BootClock } from './kernel/clock.ts';
import { checkRequirements } from './kernel/requirements.ts';
import { Sensor } from './kernel/sensor.ts';
import type { AttachReport } from './kernel/types.ts';
import type { Logger } from './log.ts';
import { createMetrics, type MetricsRegistry } from './metrics/registry.ts';
import { publishSensor } from './metrics/sensor.ts';
import { type AlertPipeline, createAlertPipeline } from './pipeline/alert-pipeline.ts';
import { pidfdSignaller } from './response/signaller.ts';
import { celCondition } from './rules/cel/condition.ts';
import { compilePredicate } from './rules/predicate/compile.ts';
import type { RuleSet } from './rules/ruleset.ts';
import { bareSource } from './rules/source.ts';
import { KINDS } from './schema/kinds.ts';
import { SYSCALLS } from './schema/names/syscalls.ts';

/** What waits when the daemon ends is flushed for at most this long. */
const FLUSH_MS = 5_000;
const TICK_MS = 1_000;

export interface DaemonOptions {
  readonly version: string;
  readonly objectPath: string;
  /** Configuration as file and flags say now; throws when it is wrong. Called at start and at each reload. */
  readonly configure: () => { readonly config: Config; readonly rulePaths: readonly string[] };
  readonly log: Logger;
}

export class Daemon {
  readonly #options: DaemonOptions;
  readonly #log: Logger;
  readonly #metrics: MetricsRegistry;
  readonly #clock = new BootClock();
  readonly #started = Date.now() / 1000;
  #config: Config;
  #ruleset: RuleSet;
  #problems: readonly Problem[];
  #server: RunningServer | undefined;
  #sensor: Sensor | undefined;
  #pipeline: AlertPipeline | undefined;
  #events: EventsFile | undefined;
  #loop: Detector | undefined;
  #capabilities: Capabilities | undefined;
  #reports: readonly AttachReport[] = [];
  #timer: NodeJS.Timeout | undefined;
  #reloading: Promise<void> = Promise.resolve();
  #ready = false;

  /** Reads configuration and rules. Throws CONFIG_INVALID. */
  constructor(options: DaemonOptions) {
    this.#options = options;
    this.#log = options.log;
    const { config, rulePaths } = options.configure();
    this.#config = config;
    const { ruleset, problems } = loadConfiguredRules(config, rulePaths, undefined);
    this.#ruleset = ruleset;
    this.#problems = problems;
    this.#metrics = createMetrics({
      version: options.version,
      kernel: release(),
      onError: (error) => this.#log.error({ reason: messageOf(error) }, 'a reading for the scrape failed'),
    });
  }

  /** Where it listens, once it runs. */
  get url(): string | undefined {
    return this.#server?.url;
  }

  /** Starts all stages. On an error what was started is ended again. */
  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      await this.stop(0);
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { objectPath, version } = this.#options;
    const [config, log] = [this.#config, this.#log];
    checkRequirements(objectPath);
    for (const problem of this.#problems) log.error({ problem: formatProblem(problem) }, 'a rule was refused');
    // Before anything is loaded: a second instance on the same port must find out without touching the kernel.
    this.#server = await startServer({
      config,
      version,
      metrics: this.#metrics,
      ready: () => this.#ready,
      reload: () => this.reload(),
      api: this.#api(),
      log,
    });

    const sensor = new Sensor({ objectPath, config, log });
    this.#sensor = sensor;
    const host = new Host({
      hostName: hostname(),
      bootId: bootId(),
      dnsEntries: config.enrich.dns_entries,
      toUnix: this.#clock.toUnix,
    });
    this.#pipeline = await createAlertPipeline({
      config,
      hostName: host.hostName,
      version,
      metrics: this.#metrics,
      log,
      compileCondition: (source) => compilePredicate(celCondition(bareSource(source))),
      declare: ({ sinks, plugins }) => {
        this.#metrics.declareSinks(sinks);
        this.#metrics.declarePlugins(plugins);
      },
      signaller: pidfdSignaller((pid, signal, ticks) => sensor.pidfdSignal(pid, signal, ticks)),
      blockTable: blockTableOf(sensor),
      bootTime: () => this.#clock.bootTime,
    });
    const pipeline = this.#pipeline;
    if (config.output.events_file !== '')
      this.#events = new EventsFile(config.output, log, (event) => pipeline.redactEvent(event));
    this.#declare(sensor);

    const enricher = new Enricher({
      config,
      host,
      layout: sensor.layout,
      onHashed: (event) => this.#loop?.again(event),
    });
    const loop = new Detector({
      enricher,
      pipeline: this.#pipeline,
      metrics: this.#metrics,
      clock: this.#clock,
      events: this.#events,
      log,
      kinds: sensor.layout.kinds,
    });
    this.#loop = loop;
    this.#useRules(config);
    this.#reports = sensor.attach();
    this.#metrics.declarePrograms(new Set([...sensor.programs, ...this.#reports.map(({ program }) => program)]));
    for (const { program, attached, reason } of this.#reports) {
      this.#metrics.gauge('program_attached').set(attached ? 1 : 0, { program });
      if (!attached) log.error({ program, reason }, 'a BPF program could not be attached: what it watches is not seen');
    }
    if (this.#reports.every(({ attached }) => !attached))
      throw new WardenError('SENSOR_FAILED', 'no BPF program could be attached');
    // After attaching, so that no process falls between the two; those seen twice are one entry.
    enricher.seed(sensor.seed(host) ?? []);
    sensor.start(host, (batch) => loop.batch(batch));
    this.#timer = setInterval(() => this.#tick(enricher), TICK_MS);
    // The last of the start: from here on maps are read and written, nothing is loaded or attached.
    this.#capabilities = new Capabilities((keep) => sensor.dropCapabilities(keep), log);
    this.#capabilities.drop(config);
    this.#ready = true;
    this.#reloaded();
    const attached = this.#reports.filter((report) => report.attached).length;
    log.info(`attached ${attached} of ${this.#reports.length} BPF programs; ${enricher.processes} processes known`);
    log.info(
      `${this.#ruleset.infos.length} rules loaded${this.#problems.length > 0 ? `, ${this.#problems.length} problems` : ''}`,
    );
    log.info(`metrics at ${this.#server.url}/metrics`);
  }

  #declare(sensor: Sensor): void {
    const names = SYSCALLS[process.arch === 'arm64' ? 'arm64' : 'x64'];
    this.#metrics.declareSyscalls([...names.filter((name) => name !== undefined), 'other']);
    publishSensor(this.#metrics, sensor);
    this.#metrics.onCollect(() => this.#loop?.publish(this.#metrics));
  }

  /** Puts the current rule set in force everywhere at once. */
  #useRules(config: Config): void {
    const { infos } = this.#ruleset;
    this.#metrics.declareRules(
      infos,
      Object.keys(KINDS).filter((kind) => kind !== 'net_dns'),
    );
    this.#metrics.gauge('rule_problems').set(this.#problems.length);
    this.#metrics.setInfo('config_hash_info', { sha256: configHash(config) });
    this.#metrics.setInfo('rules_hash_info', { sha256: rulesHash(this.#ruleset) });
    this.#loop?.use(this.#ruleset, config);
    this.#sensor?.setFilter(wantedEvents(this.#ruleset, config, this.#pipeline?.observes ?? []));
  }

  #reloaded(): void {
    this.#metrics.gauge('config_last_reload_successful').set(1);
    this.#metrics.gauge('config_last_reload_success_timestamp_seconds').set(Date.now() / 1000);
  }

  /**
   * Reads configuration and rules again, checks all of it, then swaps. When
   * something is wrong everything stays as it was, and the reason is logged
   * and thrown. Reloads run one after another.
   */
  reload(): Promise<void> {
    const next = this.#reloading.then(() => this.#reload());
    this.#reloading = next.catch(() => undefined);
    return next;
  }

  async #reload(): Promise<void> {
    try {
      const { config, rulePaths } = this.#options.configure();
      const { ruleset, problems } = loadConfiguredRules(config, rulePaths, this.#ruleset);
      const fatal = fatalProblems(problems, config);
      if (fatal.length > 0)
        throw new WardenError('RULES_INVALID', `${fatal.length} problem(s) in rules; the old ones stay in force`, {
          problems: fatal,
        });
      await this.#pipeline?.reload(config);
      this.#events?.reopen();
      [this.#config, this.#ruleset, this.#problems] = [config, ruleset, problems];
      this.#log.level = config.response.log_level;
      this.#useRules(config);
      this.#capabilities?.reloaded(config);
      this.#reloaded();
      for (const problem of problems) this.#log.error({ problem: formatProblem(problem) }, 'a rule was refused');
      this.#log.info(
        `reloaded: ${ruleset.infos.length} rules from ${[...rulePaths, ...config.rules.sigma_paths].join(', ')}`,
      );
    } catch (error) {
      this.#metrics.gauge('config_last_reload_successful').set(0);
      const problems = error instanceof WardenError ? error.problems.map(formatProblem) : [];
      this.#log.error(
        { reason: messageOf(error), problems },
        'the reload failed; the old configuration and rules stay in force',
      );
      throw error;
    }
  }

  #tick(enricher: Enricher): void {
    this.#clock.tick();
    // With a backlog in the ring, processes that ended are still needed for what they did before.
    const behind = (this.#sensor?.ringStats().bulkPending ?? 0) > 0;
    enricher.tick(behind ? 0 : this.#clock.now());
    this.#sensor?.sweepThrottles();
    const counts = this.#sensor?.counts();
    if (counts !== undefined) this.#loop?.noteLosses(counts);
  }

  #api() {
    return {
      alerts: (query: Parameters<AlertPipeline['queryAlerts']>[0]) => this.#pipeline?.queryAlerts(query) ?? [],
      alert: (id: string) => this.#pipeline?.alertById(id),
      events: (query: Parameters<AlertPipeline['queryEvents']>[0]) => this.#pipeline?.queryEvents(query) ?? [],
      incidents: (limit: number) => this.#pipeline?.incidents(limit) ?? [],
      incident: (id: string) => this.#pipeline?.incidentById(id),
      rules: () => this.#ruleset.infos,
      status: () => ({
        version: this.#options.version,
        started: this.#started,
        ready: this.#ready,
        rules: this.#ruleset.infos.length,
        problems: this.#problems.map(formatProblem),
        programs: this.#reports,
        ...(this.#capabilities === undefined ? {} : { capabilities: this.#capabilities.status() }),
        ...(this.#pipeline === undefined ? {} : this.#pipeline.stats()),
      }),
      subscribeAlerts: (...args: Parameters<AlertPipeline['subscribeAlerts']>) =>
        this.#pipeline?.subscribeAlerts(...args) ?? (() => undefined),
      subscribeEvents: (...args: Parameters<AlertPipeline['subscribeEvents']>) =>
        this.#pipeline?.subscribeEvents(...args) ?? (() => undefined),
    };
  }

  /** Detaches, hands over what is left, flushes what waits for at most `flushMs`, ends every stage in reverse order. */
  async stop(flushMs = FLUSH_MS): Promise<void> {
    this.#ready = false;
    clearInterval(this.#timer);
    await this.#reloading;
    this.#sensor?.finish();
    await this.#loop?.idle(flushMs);
    if (this.#pipeline !== undefined) {
      if (!(await this.#pipeline.flush(flushMs)))
        this.#log.warn('not everything was delivered; what is left stays in the spool');
      await this.#pipeline.close();
    }
    this.#events?.close();
    await this.#server?.close();
    this.#sensor?.close();
  }
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
}
