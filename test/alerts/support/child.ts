/**
 * The pipeline in a process of its own, so that a test can kill it. Offers
 * alerts when told to and reports the ids of those that are accepted, once
 * they are in the spool.
 */
import { execEvent, findingOf } from './findings.ts';
import { startPipeline } from './pipeline.ts';

const pipeline = await startPipeline(process.argv[2] ?? '');
const send = (message: object) => process.send?.(message);
/** Alerts between two reports. */
const GROUP = 5;
const turn = () => new Promise((resolve) => setImmediate(resolve));

process.on('message', async (message: { offer?: [from: number, to: number]; flush?: number }) => {
  if (message.offer !== undefined) {
    const [from, to] = message.offer;
    for (let start = from; start < to; start += GROUP) {
      const ids: (string | null)[] = [];
      for (let index = start; index < Math.min(start + GROUP, to); index += 1) {
        // Each tenth repeats the one before it.
        const entity = index % 10 === 9 ? index - 1 : index;
        ids.push(pipeline.offer(findingOf(execEvent({ path: `/tmp/x${entity}`, id: `e${index}` }))) ?? null);
      }
      await turn();
      await turn();
      send({ ids, next: start + ids.length });
    }
    send({ offered: to });
  }
  if (message.flush !== undefined) {
    const flushed = await pipeline.flush(message.flush);
    send({ flushed, stats: pipeline.stats() });
  }
});
send({ ready: true });
