import type { Config } from '../config/options.ts';
import { programWatches, REPORT_IT } from '../kernel/programs.ts';
import { Sensor } from '../kernel/sensor.ts';
import { createLogger } from '../log.ts';
import { failure, type Section } from './check.ts';
import { BPF_OBJECT } from './settings.ts';

const TITLE = 'BPF programs';

/** Loads and attaches each BPF program, and detaches it again. Needs root. */
export function kernelSection(config: Config): Section {
  try {
    const sensor = new Sensor({ objectPath: BPF_OBJECT, config, log: createLogger('error') });
    try {
      const reports = sensor.attach();
      const lines = reports.map(({ program, attached, offered, reason = '' }) => {
        const state = attached ? 'ok' : `${offered ? 'not attached' : 'not on this kernel'}: ${reason}`;
        const without = attached ? '' : `; without it: ${programWatches(program)}`;
        return `${program.padEnd(20)} ${state}${without}`;
      });
      const problems = reports
        .filter(({ attached, offered }) => !attached && offered)
        .map(({ program, reason = 'it could not be attached' }) => ({
          subject: program,
          message: `${reason}; not seen: ${programWatches(program)}`,
          remedy: REPORT_IT,
        }));
      return { title: TITLE, lines, problems, code: problems.length === 0 ? 0 : 1 };
    } finally {
      sensor.close();
    }
  } catch (error) {
    return failure(TITLE, error);
  }
}
