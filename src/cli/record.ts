import { hostname } from 'node:os';
import { redactorOf } from '../alerts/redact.ts';
import { EventsFile } from '../daemon/events-file.ts';
import { Enricher } from '../enrich/enricher.ts';
import { bootId, Host } from '../enrich/host.ts';
import { WardenError } from '../errors.ts';
import { BootClock } from '../kernel/clock.ts';
import { Sensor } from '../kernel/sensor.ts';
import type { KindFilter } from '../kernel/types.ts';
import { createLogger } from '../log.ts';
import { nearest } from '../nearest.ts';
import { KINDS } from '../schema/kinds.ts';
import type { CommandLine } from './flags.ts';
import { BPF_OBJECT, settingsOf } from './settings.ts';

/** `record FILE`: every event of the kinds named, until SIGINT, SIGTERM or --duration. */
export async function record({ flags, positionals }: CommandLine): Promise<number> {
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0)
    throw new WardenError('FLAG_INVALID', 'record takes one FILE ("-" is standard output)');
  const seconds = flags.duration === undefined ? undefined : Number(flags.duration);
  if (seconds !== undefined && !(seconds > 0))
    throw new WardenError('FLAG_INVALID', `--duration: expected seconds, found "${flags.duration}"`);
  const kinds = flags.kinds === undefined ? Object.keys(KINDS) : flags.kinds.split(',').map((kind) => kind.trim());
  for (const kind of kinds) {
    if (Object.hasOwn(KINDS, kind)) continue;
    const near = nearest(kind, Object.keys(KINDS));
    throw new WardenError(
      'FLAG_INVALID',
      `--kinds: unknown kind "${kind}"${near === undefined ? '' : ` (did you mean "${near}"?)`}`,
    );
  }
  const config = settingsOf(flags);
  const log = createLogger(config.response.log_level);
  const redactor = redactorOf(config);
  const events = new EventsFile(
    { ...config.output, events_file: file, events_kinds: kinds, rotate_bytes: 0 },
    log,
    (event) => redactor.event(event),
  );
  const clock = new BootClock();
  const host = new Host({
    hostName: hostname(),
    bootId: bootId(),
    dnsEntries: config.enrich.dns_entries,
    toUnix: clock.toUnix,
  });
  const sensor = new Sensor({ objectPath: BPF_OBJECT, config, log, host });
  let count = 0;
  try {
    const enricher = new Enricher({ config, host, layout: sensor.layout });
    sensor.filter.use({
      kinds: new Map(
        kinds.map((kind): [string, KindFilter] => [kind, { pass: 'whole', because: 'record', keepsPassed: true }]),
      ),
    });
    sensor.attach();
    enricher.seed(sensor.seed());
    sensor.drain.start((batch) => {
      for (const view of batch) {
        enricher.enrich(view);
        events.add(view);
        count++;
      }
      events.flush();
    });
    log.info(`recording to ${file}; Ctrl-C ends it`);
    const timer = setInterval(() => enricher.tick(clock.now()), 1000);
    await new Promise<void>((resolve) => {
      process.once('SIGINT', () => resolve());
      process.once('SIGTERM', () => resolve());
      if (seconds !== undefined) setTimeout(resolve, seconds * 1000);
    });
    clearInterval(timer);
    sensor.finish();
  } finally {
    sensor.close();
    events.close();
  }
  log.info(`${count} events taken`);
  return 0;
}
