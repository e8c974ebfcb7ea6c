import { Exposition } from '../../../src/metrics/exposition.ts';
import type { Format } from '../../../src/metrics/negotiate.ts';
import { MetricsRegistry } from '../../../src/metrics/registry.ts';
import type { RuleInfo } from '../../../src/rules/types.ts';

export function ruleInfo(over: Partial<RuleInfo> = {}): RuleInfo {
  return {
    name: 'a_rule',
    id: 'a_rule',
    source: 'rules.json:1',
    language: 'cel',
    label: 'A rule',
    description: '',
    severity: 'warning',
    riskScore: 0.7,
    confidence: 0.8,
    action: 'alert',
    recommendation: '',
    mode: 'enforce',
    heuristic: false,
    tags: [],
    mitre: [],
    throttleSeconds: undefined,
    runbook: undefined,
    ...over,
  };
}

export const registry = (over: Partial<ConstructorParameters<typeof MetricsRegistry>[0]> = {}): MetricsRegistry =>
  new MetricsRegistry({ version: '1.2.3', revision: 'abcdef0', kernel: '6.1.0', processMetrics: false, ...over });

export async function text(metrics: MetricsRegistry, format: Format = 'text'): Promise<string> {
  return (await new Exposition(metrics).scrape(format)).join('');
}

/** Sample lines, without HELP and TYPE. */
export async function samples(metrics: MetricsRegistry): Promise<string[]> {
  return (await text(metrics)).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

/** Value of the one sample with this name and labels, undefined if it is not there. */
export async function sampleValue(metrics: MetricsRegistry, sample: string): Promise<number | undefined> {
  const line = (await samples(metrics)).find((entry) => entry.startsWith(`${sample} `));
  return line === undefined ? undefined : Number(line.slice(sample.length + 1));
}
