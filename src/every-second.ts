/**
 * What is done once a second, all in one wake-up: timers of their own would each
 * wake a process that has nothing else to do.
 */
const SECOND_MS = 1_000;
const acts = new Set<() => void>();
let timer: NodeJS.Timeout | undefined;

/** Does not keep the process alive. Gives the function that ends it. */
export function everySecond(act: () => void): () => void {
  acts.add(act);
  timer ??= setInterval(() => {
    for (const each of acts) each();
  }, SECOND_MS).unref();
  return () => {
    acts.delete(act);
    if (acts.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}
