/**
 * The start of the daemon, from top to bottom. Every stage receives what it
 * works with as an argument; in which order an event passes them is
 * pipeline/stages.ts's to know.
 */
import { hostname, release } from 'node:os';
import type { Announce } from '../alerts/announcer.ts';
import { sinkConfigs } from '../alerts/sinks/registry.ts';
import type { Config } from '../config/options.ts';
import { Enricher } from '../enrich/enricher.ts';
import { bootId, Host } from '../enrich/host.ts';
import { Pods } from '../enrich/pods/pods.ts';
import { formatProblem, messageOf } from '../errors.ts';
import { startServer } from '../http/server.ts';
import { dropCapabilities } from '../kernel/capabilities.ts';
import { BootClock } from '../kernel/clock.ts';
import { beginLoading, type Loading } from '../kernel/load.ts';
import { trimMemory } from '../kernel/memory.ts';
import { pidfdSignal } from '../kernel/pidfd.ts';
import { checkPrivileges } from '../kernel/requirements.ts';
import { Sensor } from '../kernel/sensor.ts';
import type { Logger } from '../log.ts';
import { MetricsRegistry } from '../metrics/registry.ts';
import { ownPid } from '../own-pid.ts';
import { AlertPipeline } from '../pipeline/alert-pipeline.ts';
import { Detector } from '../pipeline/stages.ts';
import { pidfdSignaller } from '../response/signaller.ts';
import { attachAll } from './attach.ts';
import { Capabilities } from './capabilities.ts';
import { EventsFile } from './events-file.ts';
import { giveBack } from './give-back.ts';
import { InForce, type Settings } from './in-force.ts';
import { ownEvents } from './own-events.ts';
import { silenceCondition } from './preflight.ts';
import { RunFile } from './previous-run.ts';
import { preventedKinds, preventionOf } from './prohibit.ts';
import { publishDaemon } from './publish.ts';
import { type Loaded, loadConfiguredRules } from './rules.ts';
import { SelfCheck } from './self-check.ts';
import { statusOf } from './status.ts';
import { Upkeep } from './upkeep.ts';

/** What waits when the daemon ends is flushed for at most this long. */
const FLUSH_MS = 5_000;

interface DaemonOptions {
  readonly version: string;
  readonly objectPath: string;
  /** Directory of the runbooks that are served. */
  readonly runbooks: string;
  /** Configuration as file and flags say now; throws when it is wrong. Called at start and at each reload. */
  readonly configure: () => Settings;
  readonly log: Logger;
  /** How alerts are told in the log. */
  readonly announce?: Announce | undefined;
}

interface RunningDaemon {
  /** Where it listens. */
  readonly url: string;
  /** In one line, what it does now. */
  summary(): string;
  /**
   * Reads configuration and rules again, checks all of it, then swaps. When
   * something is wrong everything stays as it was, and the reason is logged
   * and thrown. Reloads run one after another.
   */
  reload(): Promise<void>;
  /** Opens output files by their names again: something else has rotated them. */
  reopen(): Promise<void>;
  /** Detaches, hands over what is left, flushes what waits for at most `flushMs`, ends every stage in reverse order. */
  stop(flushMs?: number): Promise<void>;
}

/** What was started, to be ended in reverse order. */
type Ends = (() => unknown)[];

/** Starts all stages. Throws CONFIG_INVALID and whatever a stage cannot start with; what was started is ended again. */
export async function startDaemon(options: DaemonOptions): Promise<RunningDaemon> {
  const ends: Ends = [];
  try {
    return await start(options, ends);
  } catch (error) {
    for (const end of ends.reverse()) await end();
    throw error;
  }
}

async function start(options: DaemonOptions, ends: Ends): Promise<RunningDaemon> {
  const { objectPath, version, log } = options;
  const settings = options.configure();
  const { config } = settings;
  const metrics = new MetricsRegistry({
    version,
    kernel: release(),
    onError: (error) => log.error({ reason: messageOf(error) }, 'a reading for the scrape failed'),
  });
  // Before anything is loaded: a second instance on the same port must find out without touching the kernel.
  const server = await startServer({ config, version, runbooks: options.runbooks, metrics, log });
  ends.push(() => server.close());
  // The kernel reads the programs while the rules are read here. What rules have refused decides about some of them.
  const loading = config.response.enforce ? undefined : beginLoading(objectPath, config, new Set());
  ends.push(() => loading?.abandon());
  const loaded = await loadConfiguredRules(settings, undefined);
  checkPrivileges(objectPath);
  for (const problem of loaded.problems) log.error({ problem: formatProblem(problem) }, 'a rule was refused');
  for (const warning of loaded.warnings) log.warn({ problem: formatProblem(warning) }, 'a part of a rule was ignored');
  for (const problem of loaded.notCompiled)
    log.warn({ problem: formatProblem(problem) }, 'the rule files are read anew');
  for (const problem of loaded.ineffective) log.error({ problem: formatProblem(problem) }, 'an option has no effect');

  const stages = await openStages(options, { config, loaded, loading, metrics }, ends);
  const { clock, sensor, selfCheck, pipeline, events, enricher, detector, capabilities, inForce, run, tell } = stages;
  const reports = attachAll(sensor, metrics, log);
  // After attaching, so that no process falls between the two; those seen twice are one entry.
  enricher.seed(sensor.seed());
  void enricher.files.refresh().then(() => giveBack(trimMemory));
  sensor.drain.start((batch) => detector.batch(batch), server.isAwaited);
  const gap = run.begin();
  metrics.gauge('blind_seconds').set(Number(gap?.blind_seconds ?? 0));
  if (gap !== undefined) tell(gap);
  const upkeep = new Upkeep({ clock, enricher, sensor, run, log });
  ends.push(() => upkeep.stop());
  // The last of the start: from here on maps are read and written, nothing is loaded or attached.
  capabilities.drop(config);
  const reload = () => inForce.reload(options.configure);
  const status = statusOf({ version, reports, ...stages });
  server.open({ views: pipeline, rules: () => inForce.rules(), status, reload });
  const sinks = sinkConfigs(config).map(({ name }) => name);
  announce(log, loaded, { url: server.url, sinks }, { attached: reports, processes: enricher.processes });

  return {
    url: server.url,
    summary: () =>
      `${reports.filter(({ attached }) => attached).length} of ${reports.length} BPF programs, ${inForce.rules().length} rules, metrics at ${server.url}/metrics`,
    reload,
    async reopen() {
      events.reopen();
      await pipeline.reopen();
    },
    async stop(flushMs = FLUSH_MS) {
      server.shut();
      upkeep.stop();
      // Before anything is detached: it would be taken for somebody else's doing.
      selfCheck.stop();
      await inForce.settled();
      sensor.finish();
      await detector.idle(flushMs);
      if (!(await pipeline.flush(flushMs))) log.warn('not everything was delivered; what is left stays in the spool');
      run.end();
      for (const end of ends.reverse()) await end();
    },
  };
}

/** Makes every stage, from the sensor to the sinks, with the first rules in force; nothing is attached yet. */
async function openStages(
  options: DaemonOptions,
  {
    config,
    loaded,
    loading,
    metrics,
  }: {
    readonly config: Config;
    readonly loaded: Loaded;
    readonly loading: Loading | undefined;
    readonly metrics: MetricsRegistry;
  },
  ends: Ends,
) {
  const { objectPath, log } = options;
  const clock = new BootClock();
  const host = new Host({
    hostName: hostname(),
    bootId: bootId(),
    dnsEntries: config.enrich.dns_entries,
    toUnix: clock.toUnix,
  });
  metrics.setInfo('host_info', { hostname: host.hostName });
  const sensor = new Sensor({
    objectPath,
    config,
    log,
    host,
    prevented: preventedKinds(loaded.ruleset, config),
    loading,
  });
  ends.push(() => sensor.close());
  if (ownPid() !== process.pid)
    log.warn(
      { pid: process.pid, events_name_it: ownPid() },
      'this container has process ids of its own: what /proc tells of processes that are older than the sensor is missing, and no process can be signalled; start it with those of the host (--pid=host, hostPID: true)',
    );
  const pipeline = await openPipeline(options, config, { metrics, sensor, clock, host });
  ends.push(() => pipeline.close());
  const events = new EventsFile(config.output, log, (event) => pipeline.redactEvent(event));
  ends.push(() => events.close());
  const pods = await Pods.open(config.kubernetes, log);
  ends.push(() => pods.close());
  const enricher = new Enricher({
    config,
    host,
    layout: sensor.layout,
    pods: (podUid, containerId) => pods.detailsOf(podUid, containerId),
  });
  const run = new RunFile({ directory: config.spool.directory, log, bootId: host.bootId, bootTime: clock.bootTime });
  const tell = ownEvents(host.hostName, (event) => detector.report(event));
  const selfCheck = new SelfCheck({
    sensor,
    metrics,
    log,
    tell,
    everySeconds: config.monitoring.self_check_seconds,
    now: () => clock.now(),
  });
  ends.push(() => selfCheck.stop());
  const detector = new Detector({
    selfCheck,
    enricher,
    events,
    ruleset: loaded.ruleset,
    alerts: pipeline,
    metrics,
    now: () => clock.now(),
    log,
    config,
    kinds: sensor.layout.kinds,
  });
  const capabilities = new Capabilities(dropCapabilities, log);
  const inForce = new InForce({ metrics, sensor, pipeline, events, detector, capabilities, log }, config, loaded);
  ends.push(publishDaemon(metrics, { sensor, host, enricher, events, detector, inForce }));
  return { clock, sensor, selfCheck, pipeline, events, pods, enricher, detector, capabilities, inForce, run, tell };
}

function openPipeline(
  { version, log, announce }: DaemonOptions,
  config: Config,
  { metrics, sensor, clock, host }: { metrics: MetricsRegistry; sensor: Sensor; clock: BootClock; host: Host },
): Promise<AlertPipeline> {
  return AlertPipeline.open({
    config,
    hostName: host.hostName,
    version,
    metrics,
    log,
    announce,
    compileCondition: silenceCondition,
    declare: ({ sinks, plugins }) => {
      metrics.declareSinks(sinks);
      metrics.declarePlugins(plugins);
    },
    signaller: pidfdSignaller(pidfdSignal),
    blockTable: sensor.blocked,
    prevention: preventionOf(sensor.prohibitions, () => clock.bootTime),
    bootTime: () => clock.bootTime,
  });
}

function announce(
  log: Logger,
  { ruleset, problems }: Loaded,
  { url, sinks }: { readonly url: string; readonly sinks: readonly string[] },
  { attached, processes }: { readonly attached: readonly { readonly attached: boolean }[]; readonly processes: number },
): void {
  const count = attached.filter((report) => report.attached).length;
  log.info(`attached ${count} of ${attached.length} BPF programs; ${processes} processes known`);
  log.info(`${ruleset.infos.length} rules loaded${problems.length > 0 ? `, ${problems.length} problems` : ''}`);
  log.info(`metrics at ${url}/metrics`);
  log.info(
    sinks.length > 0
      ? `alerts go to ${sinks.join(', ')}, and here`
      : 'alerts go to this log alone: [output] alerts_file, [response] alert_webhook, [alertmanager] urls or [[sinks]] send them elsewhere',
  );
}
