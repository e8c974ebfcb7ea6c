import { WardenError } from '../errors.ts';
import type { Sensor } from '../kernel/sensor.ts';
import type { AttachReport } from '../kernel/types.ts';
import type { Logger } from '../log.ts';
import type { MetricsRegistry } from '../metrics/registry.ts';

/** Attaches the programs and tells of each that could not be. Throws SENSOR_FAILED when none could. */
export function attachAll(sensor: Sensor, metrics: MetricsRegistry, log: Logger): readonly AttachReport[] {
  const reports = sensor.attach();
  metrics.declarePrograms(new Set([...sensor.programs, ...reports.map(({ program }) => program)]));
  for (const { program, attached, reason } of reports) {
    metrics.gauge('program_attached').set(attached ? 1 : 0, { program });
    if (!attached) log.error({ program, reason }, 'a BPF program could not be attached: what it watches is not seen');
  }
  if (reports.every(({ attached }) => !attached))
    throw new WardenError('SENSOR_FAILED', 'no BPF program could be attached');
  return reports;
}
