import { createHmac } from 'node:crypto';
import { type Options, path, string, url } from '../../config/option.ts';
import { FORMAT_OPTIONS, renderer } from '../formats/renderer.ts';
import { deliveryKey } from '../identity.ts';
import { checkStatus, createHttpClient, HTTP_OPTIONS } from './http-client.ts';
import { secretFrom } from './secrets.ts';
import { DELIVERED, notifies, type SettingsOf, type Sink, type SinkContext, sinkType } from './types.ts';

const OPTIONS = {
  url: url('Where to send'),
  ...FORMAT_OPTIONS,
  secret_file: path('', 'File with the key of the HMAC-SHA256 signature header'),
  secret_env: {
    ...string('', 'Environment variable with that key'),
    needs: [{ what: 'no secret_file', isMet: ({ secret_file }) => secret_file === '' }],
  },
  ...HTTP_OPTIONS,
} as const satisfies Options;

/** POST of one alert each; the receiver knows repeats by the header Idempotency-Key. */
export const webhook = sinkType({
  type: 'webhook',
  options: OPTIONS,
  required: [['url']],
  to: 'a URL, one POST per alert',
  delivered: 'answered 2xx',
  open: webhookSink,
});

const SIGNATURE_HEADER = 'x-bpfwarden-signature';

/**
 * `t=<Unix seconds>,v1=<HMAC-SHA256 in hex>` over `<t>.<body>`: the time is
 * signed too, so that a receiver can refuse what was recorded and sent again.
 */
export function sign(body: string, secret: string, seconds: number): string {
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`;
}

/** POST of one alert each; the receiver knows what was delivered before by the header Idempotency-Key. */
function webhookSink(config: SettingsOf<typeof OPTIONS>, context: SinkContext): Sink {
  const render = renderer(config);
  const secret = secretFrom(config.secret_file, config.secret_env, context.env);
  const client = createHttpClient(config, context);
  return {
    name: config.name,
    batch: 1,
    accepts: notifies(config.min_severity),
    async deliver(alerts, signal) {
      for (const alert of alerts) {
        const body = render(alert);
        const headers = {
          'content-type': 'application/json',
          'idempotency-key': deliveryKey(alert.alert),
          ...(secret === undefined ? {} : { [SIGNATURE_HEADER]: sign(body, secret(), Math.floor(Date.now() / 1000)) }),
        };
        checkStatus(await client.post(config.url, body, headers, signal));
      }
      return DELIVERED;
    },
    close: () => client.close(),
  };
}
