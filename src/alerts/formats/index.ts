import type { SinkConfig } from '../../config/options.ts';
import type { SpooledAlert } from '../spool/types.ts';
import { toEcs } from './ecs.ts';
import { toFalco } from './falco.ts';
import { compileTemplate } from './template.ts';

export type Format = SinkConfig['format'];
/** One alert as one line of text. */
export type Render = (alert: SpooledAlert) => string;

/** Throws CONFIG_INVALID for a template that is none. */
export function renderer(format: Format, template: string, sink: string): Render {
  switch (format) {
    case 'alert':
      return ({ json }) => json;
    case 'falco':
      return ({ alert }) => JSON.stringify(toFalco(alert));
    case 'ecs':
      return ({ alert }) => JSON.stringify(toEcs(alert));
    case 'template': {
      const compiled = compileTemplate(template, `sinks.${sink}.template`);
      return ({ alert }) => compiled(alert);
    }
  }
}
