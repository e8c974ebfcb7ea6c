import { PLACES, takenTimes } from '../../schema/known-texts.ts';
import type { Hits } from './automaton.ts';

const NOTHING: readonly number[] = Object.freeze([]);

/** What an automaton found in texts that come again and again: by their place, as long as they keep it. */
export class KnownHits {
  readonly #times = new Uint32Array(PLACES);
  readonly #targets: (readonly number[])[] = new Array(PLACES).fill(NOTHING);

  get(place: number): readonly number[] | undefined {
    return this.#times[place] === takenTimes[place] ? this.#targets[place] : undefined;
  }

  set(place: number, { targets, count }: Hits): void {
    this.#times[place] = takenTimes[place] ?? 0;
    this.#targets[place] = count === 0 ? NOTHING : [...new Set(targets.slice(0, count))];
  }
}
