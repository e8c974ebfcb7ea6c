import type { Config } from '../config/options.ts';
import { formatProblem, messageOf, type Problem, WardenError } from '../errors.ts';
import type { Sensor } from '../kernel/sensor.ts';
import type { KernelFilter } from '../kernel/types.ts';
import type { Logger } from '../log.ts';
import type { MetricsRegistry } from '../metrics/registry.ts';
import type { AlertPipeline } from '../pipeline/alert-pipeline.ts';
import type { Detector } from '../pipeline/stages.ts';
import type { RuleSet } from '../rules/ruleset.ts';
import type { RuleInfo } from '../rules/types.ts';
import { kindsWhere } from '../schema/kinds.ts';
import type { Capabilities } from './capabilities.ts';
import type { EventsFile } from './events-file.ts';
import { prohibit } from './prohibit.ts';
import {
  configHash,
  fatalProblems,
  foreignPaths,
  type Loaded,
  loadConfiguredRules,
  rulesHash,
  wantedEvents,
} from './rules.ts';

/** The configuration, and the rule files to load with it. */
export interface Settings {
  readonly config: Config;
  readonly rulePaths: readonly string[];
  /** Also read rules that everybody may write. */
  readonly allowUnsafeFiles: boolean;
  /** Where compiled rules are kept for the next start. */
  readonly cacheDirectory?: string | undefined;
}

interface RuleView extends RuleInfo {
  /** Undefined for a correlation, which has no predicate of its own. */
  readonly evaluations?: number;
  readonly matches?: number;
}

/** The stages that a configuration or a rule set is put in force in. */
interface Governed {
  readonly metrics: MetricsRegistry;
  readonly sensor: Sensor;
  readonly pipeline: AlertPipeline;
  readonly events: EventsFile;
  readonly detector: Detector;
  readonly capabilities: Capabilities;
  readonly log: Logger;
}

/** Configuration and rules as they are in force, and their replacement: the one place where reloads are serialised. */
export class InForce {
  readonly #stages: Governed;
  #config: Config;
  #loaded: Loaded;
  #filter: KernelFilter = { kinds: new Map() };
  #reloading: Promise<void> = Promise.resolve();

  /** Puts the first configuration and rules in force. */
  constructor(stages: Governed, config: Config, loaded: Loaded) {
    this.#stages = stages;
    this.#config = config;
    this.#loaded = loaded;
    this.#use(config, loaded);
  }

  get config(): Config {
    return this.#config;
  }
  get ruleset(): RuleSet {
    return this.#loaded.ruleset;
  }
  get problems(): readonly Problem[] {
    return this.#loaded.problems;
  }
  /** What the kernel lets through, by kind. */
  get filter(): KernelFilter {
    return this.#filter;
  }

  /** The rules, each with how often its predicate ran and held since it was loaded. */
  rules(): readonly RuleView[] {
    const { ruleset } = this.#loaded;
    const counts = new Map(
      ruleset.statistics().map(({ rule, evaluations, matches }) => [rule, { evaluations, matches }]),
    );
    return ruleset.infos.map((info) => ({ ...info, ...counts.get(info.name) }));
  }

  /** Checks all of what `configure` says now, then swaps; or throws, and everything stays as it was. */
  reload(configure: () => Settings): Promise<void> {
    const next = this.#reloading.then(() => this.#reload(configure));
    this.#reloading = next.catch(() => undefined);
    return next;
  }

  /** Ends when no reload runs. */
  settled(): Promise<void> {
    return this.#reloading;
  }

  async #reload(configure: () => Settings): Promise<void> {
    const { metrics, pipeline, events, capabilities, log } = this.#stages;
    try {
      const settings = configure();
      const { config, rulePaths } = settings;
      const loaded = await loadConfiguredRules(settings, this.#loaded.ruleset);
      const { ruleset, problems } = loaded;
      const fatal = [...fatalProblems(loaded), ...loaded.ineffective];
      if (fatal.length > 0)
        throw new WardenError('RULES_INVALID', `${fatal.length} problem(s); what was in force stays`, {
          problems: fatal,
        });
      await pipeline.reload(config);
      events.reopen();
      [this.#config, this.#loaded] = [config, loaded];
      log.level = config.response.log_level;
      this.#use(config, loaded);
      capabilities.reloaded(config);
      for (const problem of problems) log.error({ problem: formatProblem(problem) }, 'a rule was refused');
      for (const warning of loaded.warnings)
        log.warn({ problem: formatProblem(warning) }, 'a part of a rule was ignored');
      log.info(`reloaded: ${ruleset.infos.length} rules from ${[...rulePaths, ...foreignPaths(config)].join(', ')}`);
    } catch (error) {
      metrics.gauge('config_last_reload_successful').set(0);
      const problems = error instanceof WardenError ? error.problems.map(formatProblem) : [];
      log.error(
        { reason: messageOf(error), problems },
        'the reload failed; the old configuration and rules stay in force',
      );
      throw error;
    }
  }

  /** Puts them in force everywhere at once. */
  #use(config: Config, loaded: Loaded): void {
    const { ruleset, problems } = loaded;
    const { metrics, sensor, pipeline, detector, log } = this.#stages;
    metrics.declareRules(
      ruleset.infos,
      kindsWhere(({ feeds }) => feeds === 'rules'),
    );
    metrics.gauge('rule_problems').set(problems.length);
    metrics.setInfo('config_hash_info', { sha256: configHash(config) });
    metrics.setInfo('rules_hash_info', { sha256: rulesHash(ruleset) });
    detector.use(ruleset, config);
    this.#filter = wantedEvents(loaded, config, pipeline.observes);
    sensor.filter.use(this.#filter);
    prohibit(sensor.prohibitions, ruleset, config, log);
    metrics.gauge('config_last_reload_successful').set(1);
    metrics.gauge('config_last_reload_success_timestamp_seconds').set(Date.now() / 1000);
  }
}
