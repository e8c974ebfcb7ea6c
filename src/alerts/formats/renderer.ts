import { choice, needsValue, type Options, string, type ValuesOf } from '../../config/option.ts';
import { jsonLine } from '../../visible.ts';
import type { SpooledAlert } from '../spool/types.ts';
import { toEcs } from './ecs.ts';
import { toFalco } from './falco.ts';
import { compileTemplate } from './template.ts';

/** The options of sinks whose receiver chooses the form. */
export const FORMAT_OPTIONS = {
  format: {
    ...choice(['alert', 'falco', 'ecs', 'template'], 'alert', 'Form of an alert'),
    needs: [
      {
        what: 'a template where it is "template"',
        isMet: ({ format, template }) => format !== 'template' || template !== '',
      },
    ],
  },
  template: {
    ...string('', 'Text with {{field.path}} placeholders'),
    needs: [needsValue('format', 'template')],
  },
} as const satisfies Options;
type FormatSettings = ValuesOf<typeof FORMAT_OPTIONS>;

/** One alert as one line of text. */
type Render = (alert: SpooledAlert) => string;

/** Throws CONFIG_INVALID for a template that is none. */
export function renderer({ format, template, name }: FormatSettings & { readonly name: string }): Render {
  switch (format) {
    case 'alert':
      return ({ json }) => json;
    case 'falco':
      return ({ alert }) => jsonLine(toFalco(alert));
    case 'ecs':
      return ({ alert }) => jsonLine(toEcs(alert));
    case 'template': {
      const compiled = compileTemplate(template, `sinks.${name}.template`);
      return ({ alert }) => compiled(alert);
    }
  }
}
