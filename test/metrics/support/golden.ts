/** What the exposition of one sample registry looks like; `npm run generate` writes it, the test compares. */
import { join } from 'node:path';
import { registry, ruleInfo, text } from './registry.ts';

const FIRST = '0192f0c0-0000-7000-8000-000000000001';
const SECOND = '0192f0c0-0000-7000-8000-000000000002';
export const FIXTURES = join(import.meta.dirname, '..', 'fixtures');

/** A registry with something of everything: one rule, one sink, one program, observations with exemplars. */
export function sample() {
  const metrics = registry();
  metrics.declareRules([ruleInfo({ name: 'say "hi" \\ to\nall', severity: 'critical', mitre: ['T1059.004'] })]);
  metrics.declareSinks(['hook']);
  metrics.declarePrograms(['on_exec']);
  metrics.gauge('program_attached').set(1, { program: 'on_exec' });
  metrics.advance('events_total', 1234567890123, { event: 'file_open' });
  metrics.advance('program_run_seconds_total', 0.000125, { program: 'on_exec' });
  metrics.histogram('risk_score').observe(0.7, { event: 'process_exec' }, { alert_id: FIRST });
  metrics.histogram('risk_score').observe(1, { event: 'process_exec' }, { alert_id: SECOND });
  metrics.histogram('detection_latency_seconds').observe(20, undefined, { alert_id: FIRST });
  return metrics;
}

/** What changes from run to run, made equal. */
const steady = (output: string) =>
  output.replace(/nodeversion="[^"]*"/, 'nodeversion="v20"').replaceAll(/( # \{[^}]*\} \S+) \d+(\.\d+)?$/gm, '$1 1');

/** File in fixtures/, and its format. */
export const GOLDEN = [
  ['golden.txt', 'text'],
  ['golden.om', 'openmetrics'],
] as const;

export async function golden(format: (typeof GOLDEN)[number][1]): Promise<string> {
  return steady(await text(sample(), format));
}
