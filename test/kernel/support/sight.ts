import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { defaultConfig } from '../../../src/config/load.ts';
import { Sensor } from '../../../src/kernel/sensor.ts';
import type { KindFilter } from '../../../src/kernel/types.ts';
import { createLogger } from '../../../src/log.ts';
import { BARE_HOST } from '../../../src/schema/context.ts';
import type { EventRecord, FieldValue } from '../../../src/schema/event.ts';
import { type FieldName, fieldId } from '../../../src/schema/fields.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');

/** Field values that an event must have. */
export type Wanted = Readonly<Partial<Record<FieldName, FieldValue | RegExp | ((value: FieldValue) => boolean)>>>;

export function fieldOf(event: EventRecord, name: FieldName): FieldValue {
  const field = fieldId(name);
  return field === undefined ? undefined : event.value(field);
}

function has(event: EventRecord, wanted: Wanted): boolean {
  return Object.entries(wanted).every(([name, want]) => {
    const value = fieldOf(event, name as FieldName);
    if (want instanceof RegExp) return typeof value === 'string' && want.test(value);
    if (typeof want === 'function') return want(value);
    return JSON.stringify(value) === JSON.stringify(want);
  });
}

export interface SightOptions {
  /** Loads the programs that refuse connections. */
  readonly enforce?: boolean;
  /** Instead of letting the kinds pass whole. */
  readonly filter?: ReadonlyMap<string, KindFilter>;
}

/** The loaded programs and what they saw of the kinds asked for. */
export class Sight {
  readonly sensor: Sensor;
  readonly events: EventRecord[] = [];

  constructor(kinds: readonly string[], { enforce = false, filter }: SightOptions = {}) {
    const config = defaultConfig();
    this.sensor = new Sensor({
      objectPath: join(ROOT, 'build/bpf/bpfwarden.bpf.o'),
      config: { ...config, response: { ...config.response, enforce } },
      log: createLogger('warn'),
    });
    this.sensor.setFilter({
      kinds: filter ?? new Map(kinds.map((kind) => [kind, { pass: 'whole', because: 'a test looks at it' }])),
    });
    const missing = this.sensor.attach().filter(({ attached }) => !attached);
    if (missing.length > 0) throw new Error(`not attached: ${JSON.stringify(missing)}`);
    const wanted = new Set(kinds);
    this.sensor.start(BARE_HOST, (batch) => {
      for (const view of batch) if (wanted.has(view.kind)) this.events.push(view.snapshot());
    });
  }

  /** The events of a kind that have the fields. */
  all(kind: string, wanted: Wanted = {}): EventRecord[] {
    return this.events.filter((event) => event.kind === kind && has(event, wanted));
  }

  /** The first such event, as soon as it is there. Throws with what came of the kind instead. */
  async one(kind: string, wanted: Wanted, milliseconds = 3000): Promise<EventRecord> {
    const end = Date.now() + milliseconds;
    for (;;) {
      const [event] = this.all(kind, wanted);
      if (event !== undefined) return event;
      if (Date.now() > end) {
        const seen = this.all(kind).slice(-20);
        throw new Error(
          `no ${kind} with ${JSON.stringify(wanted, (_, value) => (value instanceof RegExp ? String(value) : value))}; seen: ${JSON.stringify(seen, null, 1)}`,
        );
      }
      await sleep(5);
    }
  }

  /** Everything that was done until now is in `events` when this resolves. */
  async settle(): Promise<void> {
    await sleep(60);
  }

  close(): void {
    this.sensor.close();
  }
}

/** A directory for a test's own files and compiled triggers. */
export class Workshop {
  readonly path = mkdtempSync(join(tmpdir(), 'bpfwarden-kernel-'));

  /** Compiles test/triggers/NAME.c. */
  trigger(name: string): string {
    const program = join(this.path, name);
    execFileSync('gcc', [
      '-O2',
      '-Wall',
      '-Wextra',
      '-Werror',
      '-pthread',
      '-o',
      program,
      join(ROOT, 'test/triggers', `${name}.c`),
    ]);
    return program;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
