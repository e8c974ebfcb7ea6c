import type { SinkConfig } from '../../config/options.ts';
import { renderer } from '../formats/index.ts';
import { RotatingFile } from './rotating-file.ts';
import { atLeast, DELIVERED, type Sink } from './types.ts';

/** One line per alert, to a file or ("-") standard output. */
export function fileSink(config: SinkConfig, output: NodeJS.WritableStream = process.stdout): Sink {
  const render = renderer(config.format, config.template, config.name);
  const file =
    config.path === '-'
      ? undefined
      : new RotatingFile(config.path, {
          rotateBytes: config.rotate_bytes,
          rotateSeconds: config.rotate_seconds,
          keep: config.rotate_keep,
        });
  // A reader that goes away (EPIPE) fails the delivery, through the write's callback; it must not end the daemon.
  if (file === undefined && output.listenerCount('error') === 0) output.on('error', () => undefined);
  return {
    name: config.name,
    batch: 256,
    accepts: atLeast(config.min_severity),
    async deliver(alerts) {
      // A template may contain line feeds; a record has one, at its end.
      const text = alerts.map((alert) => `${render(alert).replaceAll('\n', ' ')}\n`).join('');
      if (file === undefined) await write(output, text);
      else await file.append(text);
      return DELIVERED;
    },
    async reopen() {
      await file?.reopen();
    },
    async close() {
      await file?.reopen();
    },
  };
}

function write(output: NodeJS.WritableStream, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    output.write(text, (error) => (error === null || error === undefined ? resolve() : reject(error)));
  });
}
