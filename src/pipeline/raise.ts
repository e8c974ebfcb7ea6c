import type { AlertDraft, Raising } from '../alerts/alert.ts';
import { redactedAlert } from '../alerts/output.ts';
import type { Redactor } from '../alerts/redact.ts';
import type { Alert } from '../alerts/types.ts';
import type { Plugins } from '../plugins/plugins.ts';

/** Alerts that wait for an enricher; the next ones go without. */
const MAX_ENRICHING = 256;

/** What alerts are made with. A reload puts others in their place. */
interface RaiseMeans {
  readonly redactor: Pick<Redactor, 'alert' | 'event'>;
  readonly plugins: Pick<Plugins, 'enriching' | 'enrich'>;
}

/** Makes alerts of drafts: built, redacted, enriched. With no enricher at once. */
export class Raiser {
  #means: RaiseMeans;
  /** Alerts that an enricher still looks at; later ones wait for them, so that the order stays. */
  #enriching = 0;
  #order: Promise<void> = Promise.resolve();

  constructor(means: RaiseMeans) {
    this.#means = means;
  }

  use(means: RaiseMeans): void {
    this.#means = means;
  }

  /** `finish` gets the alert when it is finished, in the order in which alerts were raised. */
  raise(draft: AlertDraft, how: Raising, finish: (alert: Alert) => void): void {
    const { redactor, plugins } = this.#means;
    const alert = redactedAlert(draft, how, redactor);
    if (!plugins.enriching && this.#enriching === 0) finish(alert);
    else {
      const facts = this.#enriching < MAX_ENRICHING ? plugins.enrich(alert) : Promise.resolve({});
      this.#enriching += 1;
      this.#order = this.#order.then(async () => finish(this.#enriched(alert, await facts)));
    }
  }

  /** Ends when every alert raised so far is finished. */
  settled(): Promise<void> {
    return this.#order;
  }

  #enriched(alert: Alert, facts: Readonly<Record<string, unknown>>): Alert {
    this.#enriching -= 1;
    const found = this.#means.redactor.event(facts);
    return Object.keys(found).length === 0 ? alert : { ...alert, plugins: found };
  }
}
