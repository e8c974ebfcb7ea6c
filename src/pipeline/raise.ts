import { buildAlert, type Candidate, type Raising } from '../alerts/alert.ts';
import type { Redactor } from '../alerts/redact.ts';
import type { Alert } from '../alerts/types.ts';
import type { Plugins } from '../plugins/plugins.ts';

/** Alerts that wait for an enricher; the next ones go without. */
const MAX_ENRICHING = 256;

export interface RaiseOptions {
  /** As they are now: a reload replaces them. */
  readonly redactor: () => Redactor;
  readonly plugins: () => Pick<Plugins, 'enriching' | 'enrich'>;
  /** Takes the finished alerts, in the order in which they were raised. */
  readonly finish: (alert: Alert, candidate: Candidate) => void;
}

/** Makes alerts of candidates: built, redacted, enriched. With no enricher at once. */
export class Raiser {
  readonly #options: RaiseOptions;
  /** Alerts that an enricher still looks at; later ones wait for them, so that the order stays. */
  #enriching = 0;
  #order: Promise<void> = Promise.resolve();

  constructor(options: RaiseOptions) {
    this.#options = options;
  }

  raise(candidate: Candidate, how: Raising): void {
    const built = buildAlert(candidate, how);
    const alert = this.#options.redactor().alert(built);
    const plugins = this.#options.plugins();
    if (!plugins.enriching && this.#enriching === 0) this.#options.finish(alert, candidate);
    else {
      const facts = this.#enriching < MAX_ENRICHING ? plugins.enrich(alert) : Promise.resolve({});
      this.#enriching += 1;
      this.#order = this.#order.then(async () => this.#enriched(alert, await facts, candidate));
    }
  }

  /** Ends when every alert raised so far is finished. */
  settled(): Promise<void> {
    return this.#order;
  }

  #enriched(alert: Alert, facts: Readonly<Record<string, unknown>>, candidate: Candidate): void {
    this.#enriching -= 1;
    const found = this.#options.redactor().event(facts);
    this.#options.finish(Object.keys(found).length === 0 ? alert : { ...alert, plugins: found }, candidate);
  }
}
