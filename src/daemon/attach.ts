import { WardenError } from '../errors.ts';
import { programWatches, REPORT_IT } from '../kernel/programs.ts';
import type { Sensor } from '../kernel/sensor.ts';
import type { AttachReport } from '../kernel/types.ts';
import type { Logger } from '../log.ts';
import type { MetricsRegistry } from '../metrics/registry.ts';

/** Attaches the programs and tells of each that could not be. Throws SENSOR_FAILED when none could. */
export function attachAll(sensor: Sensor, metrics: MetricsRegistry, log: Logger): readonly AttachReport[] {
  const reports = sensor.attach();
  // What this kernel does not have is no alert for whoever runs it, nor a series that stays 0.
  const lacking = new Set(
    reports.filter(({ attached, offered }) => !attached && !offered).map(({ program }) => program),
  );
  metrics.declarePrograms(
    new Set([...sensor.programs, ...reports.map(({ program }) => program)].filter((program) => !lacking.has(program))),
  );
  for (const { program, attached, offered, reason } of reports) {
    if (attached || offered) metrics.gauge('program_attached').set(attached ? 1 : 0, { program });
    const missing = { program, reason, without: programWatches(program) };
    if (attached) continue;
    if (offered) log.error(missing, `a BPF program could not be attached: its events are missing; ${REPORT_IT}`);
    else log.debug(missing, 'this kernel does not have what a BPF program attaches to');
  }
  if (lacking.size > 0) {
    const reasons = new Set(
      reports.flatMap(({ program, reason }) => (lacking.has(program) && reason !== undefined ? [reason] : [])),
    );
    log.info(
      `this kernel does not have what ${lacking.size} BPF programs attach to (${[...reasons].join('; ')}); \`bpfwarden check --kernel\` says what goes without them`,
    );
  }
  if (reports.every(({ attached }) => !attached))
    throw new WardenError('SENSOR_FAILED', 'no BPF program could be attached');
  return reports;
}
