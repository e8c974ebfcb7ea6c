import { setImmediate as nextTurn } from 'node:timers/promises';
import { PREFIX, SPECS } from './catalog.ts';
import type { Format } from './negotiate.ts';
import type { Collected, MetricsRegistry, Sample } from './registry.ts';

/** Samples written before the event loop gets its turn, which in a flood takes 10 ms: some 0.4 ms. */
const SAMPLES_PER_TURN = 500;

const unitOf = new Map<string, string>();
for (const [name, { unit }] of SPECS) if (unit !== undefined) unitOf.set(PREFIX + name, unit);

/** Scrapes one registry; requests that come while one is written get the same text. */
export class Exposition {
  readonly #metrics: MetricsRegistry;
  readonly #running = new Map<Format, Promise<readonly string[]>>();

  constructor(metrics: MetricsRegistry) {
    this.#metrics = metrics;
  }

  /** The whole exposition in pieces; `joinable` callers share the work of one that is under way. */
  scrape(format: Format): Promise<readonly string[]> {
    const running = this.#running.get(format);
    if (running !== undefined) return running;
    const started = write(this.#metrics, format).finally(() => this.#running.delete(format));
    this.#running.set(format, started);
    return started;
  }
}

async function write(metrics: MetricsRegistry, format: Format): Promise<readonly string[]> {
  const pieces: string[] = [];
  let piece = '';
  let samples = 0;
  for (const family of await metrics.collect()) {
    piece += head(family, format);
    for (const sample of family.values) {
      piece += line(family, sample, format);
      if (++samples % SAMPLES_PER_TURN !== 0) continue;
      pieces.push(piece);
      piece = '';
      await nextTurn();
    }
  }
  pieces.push(format === 'openmetrics' ? `${piece}# EOF\n` : piece);
  return pieces;
}

function head({ name, help, type }: Collected, format: Format): string {
  if (format === 'text') return `# HELP ${name} ${escapeText(help)}\n# TYPE ${name} ${type}\n`;
  // OpenMetrics names the family of a counter without the suffix of its samples.
  const family = type === 'counter' ? name.replace(/_total$/, '') : name;
  const unit = unitOf.get(name);
  return (
    `# HELP ${family} ${escapeLabel(help)}\n# TYPE ${family} ${type}\n` +
    (unit === undefined ? '' : `# UNIT ${family} ${unit}\n`)
  );
}

function line({ name }: Collected, { labels, value, metricName, exemplar }: Sample, format: Format): string {
  const text = `${metricName ?? name}${labelText(labels)} ${number(value)}`;
  if (format === 'text' || exemplar === undefined || exemplar === null) return `${text}\n`;
  return `${text} # ${labelText(exemplar.labelSet, true)} ${number(exemplar.value)} ${exemplar.timestamp}\n`;
}

function labelText(labels: Readonly<Record<string, string | number>>, always = false): string {
  let text = '';
  for (const name in labels) {
    const value = labels[name];
    if (value !== undefined && name !== 'le') text += `,${name}="${escapeLabel(String(value))}"`;
  }
  const { le } = labels;
  if (le !== undefined) text += `,le="${typeof le === 'number' ? bound(le) : le}"`;
  return text === '' && !always ? '' : `{${text.slice(1)}}`;
}

/**
 * The `le` of a bucket in OpenMetrics' canonical form (1.0, not 1), in both
 * formats: a series must not change its name with the Accept header.
 */
function bound(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

function number(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? '+Inf' : '-Inf';
}

function escapeText(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}
function escapeLabel(text: string): string {
  return /["\\\n]/.test(text) ? escapeText(text).replaceAll('"', '\\"') : text;
}
