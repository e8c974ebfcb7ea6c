import type { Config } from '../config/options.ts';
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
      const lines = reports.map(
        ({ program, attached, reason }) => `${program.padEnd(20)} ${attached ? 'ok' : `not attached: ${reason ?? ''}`}`,
      );
      const refused = reports.filter(({ attached }) => !attached);
      const problems = refused.map(({ program }) => ({ subject: program, message: 'what it watches is not seen' }));
      return { title: TITLE, lines, problems, code: refused.length === 0 ? 0 : 2 };
    } finally {
      sensor.close();
    }
  } catch (error) {
    return failure(TITLE, error);
  }
}
