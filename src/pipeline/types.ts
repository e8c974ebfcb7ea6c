import type { Announce } from '../alerts/announcer.ts';
import type { DeliveryState } from '../alerts/delivery.ts';
import type { SpoolStats } from '../alerts/spool/types.ts';
import type { Config } from '../config/options.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics/types.ts';
import type { StartWorker } from '../plugins/host.ts';
import type { BlockTable, Prevention, Signaller } from '../response/types.ts';
import type { FieldSource } from '../schema/event.ts';

export interface PipelineOptions {
  readonly config: Config;
  readonly hostName: string;
  readonly version: string;
  /** How alerts are told in the log. Default: a whole line each. */
  readonly announce?: Announce | undefined;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Compiles the CEL condition of a silence. Throws when it is wrong. */
  readonly compileCondition: (source: string) => (event: FieldSource) => boolean;
  /** Told of the names that occur in metrics, before they do. */
  readonly declare?: (names: { readonly sinks: readonly string[]; readonly plugins: readonly string[] }) => void;
  /** For "kill": by pidfd (response/signaller.ts). */
  readonly signaller: Signaller;
  /** For "block". Undefined where the kernel side cannot refuse connections. */
  readonly blockTable?: BlockTable | undefined;
  readonly prevention?: Prevention | undefined;
  /** Unix seconds of the boot, by the clock of event times. */
  readonly bootTime: () => number;
  readonly startWorker?: StartWorker | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface PipelineStats {
  readonly spool: SpoolStats;
  readonly ledger: { readonly entries: number; readonly evictions: number };
  readonly deliveries: Readonly<Record<string, DeliveryState>>;
}
