import { join } from 'node:path';
import { defaultConfig } from '../../../src/config/load.ts';
import { type RunningServer, type ServerOptions, startServer } from '../../../src/http/server.ts';
import type { HttpApi } from '../../../src/http/types.ts';
import type { Logger } from '../../../src/log.ts';
import { registry } from '../../metrics/support/registry.ts';

/** Collects what is logged, by level. */
export function recordingLog(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const at =
    (level: string) =>
    (...parts: unknown[]): void => {
      lines.push(`${level} ${parts.map((part) => (typeof part === 'string' ? part : JSON.stringify(part))).join(' ')}`);
    };
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  return { log: log as unknown as Logger, lines };
}

export const emptyViews: HttpApi['views'] = {
  queryAlerts: () => [],
  alertById: () => undefined,
  queryEvents: () => [],
  incidents: () => [],
  incidentById: () => undefined,
  deadLetters: () => [],
  subscribeAlerts: () => () => undefined,
  subscribeEvents: () => () => undefined,
};

export const emptyApi: HttpApi = {
  views: emptyViews,
  rules: () => [],
  status: () => ({ version: '1.2.3' }),
  reload: async () => undefined,
};

/** A server on a free loopback port. */
export async function serve(
  over: Partial<Omit<ServerOptions, 'config'>> & {
    web?: Partial<ServerOptions['config']['web']>;
    history?: Partial<ServerOptions['config']['history']>;
    /** What of the daemon is there; false for a daemon that is still starting. */
    api?: Partial<HttpApi> | false;
  } = {},
): Promise<RunningServer> {
  const { web, history, api, ...options } = over;
  const config = defaultConfig();
  const server = await startServer({
    version: '1.2.3',
    runbooks: join(import.meta.dirname, '..', '..', '..', 'docs', 'runbooks'),
    metrics: registry(),
    log: recordingLog().log,
    ...options,
    config: {
      web: { ...config.web, listen_address: '127.0.0.1:0', ...web },
      history: { ...config.history, ...history },
    },
  });
  if (api !== false) server.open({ ...emptyApi, ...api });
  return server;
}
