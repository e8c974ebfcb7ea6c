import { choice, int, type Need, type Options, path } from '../../config/option.ts';
import { FORMAT_OPTIONS, renderer } from '../formats/renderer.ts';
import { RotatingFile } from './rotating-file.ts';
import { atLeast, DELIVERED, type SettingsOf, type Sink, sinkType } from './types.ts';

const NAMED: Need = { what: 'a path other than "-"', isMet: (values) => values.path !== '-' };
const ROTATED: Need = {
  what: 'rotate_bytes or rotate_seconds',
  isMet: ({ rotate_bytes, rotate_seconds }) => rotate_bytes !== 0 || rotate_seconds !== 0,
};

const OPTIONS = {
  path: path('', 'Where to write; "-" is standard output'),
  // A file is the record; it calls nobody.
  min_severity: choice(['info', 'warning', 'critical'], 'info', 'Lowest severity that is written'),
  ...FORMAT_OPTIONS,
  rotate_bytes: { ...int(104857600, 0, 1099511627776, 'Rotate at this size; 0 for never'), needs: [NAMED] },
  rotate_seconds: { ...int(0, 0, 31536000, 'Rotate after this time; 0 for never'), needs: [NAMED] },
  rotate_keep: { ...int(5, 1, 1000, 'Rotated files kept'), needs: [NAMED, ROTATED] },
} as const satisfies Options;

export const file = sinkType({
  type: 'file',
  options: OPTIONS,
  required: [['path']],
  to: 'a file of lines, or `-`',
  delivered: 'written',
  open: (config, { stdout }) => fileSink(config, stdout),
  files: (config) => [config.path],
});

/** One line per alert, to a file or ("-") standard output. */
function fileSink(config: SettingsOf<typeof OPTIONS>, output: NodeJS.WritableStream): Sink {
  const render = renderer(config);
  const target =
    config.path === '-'
      ? undefined
      : new RotatingFile(config.path, {
          rotateBytes: config.rotate_bytes,
          rotateSeconds: config.rotate_seconds,
          keep: config.rotate_keep,
        });
  // A reader that goes away (EPIPE) fails the delivery, through the write's callback; it must not end the daemon.
  if (target === undefined && output.listenerCount('error') === 0) output.on('error', () => undefined);
  return {
    name: config.name,
    batch: 256,
    accepts: atLeast(config.min_severity),
    async deliver(alerts) {
      // A template may contain line feeds; a record has one, at its end.
      const text = alerts.map((alert) => `${render(alert).replaceAll('\n', ' ')}\n`).join('');
      if (target === undefined) await write(output, text);
      else await target.append(text);
      return DELIVERED;
    },
    async reopen() {
      await target?.reopen();
    },
    async close() {
      await target?.reopen();
    },
  };
}

function write(output: NodeJS.WritableStream, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    output.write(text, (error) => (error === null || error === undefined ? resolve() : reject(error)));
  });
}
