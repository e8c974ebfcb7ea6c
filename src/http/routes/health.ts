import type Router from '@koa/router';
import { formatProblem, WardenError } from '../../errors.ts';
import type { Logger } from '../../log.ts';

export interface HealthOptions {
  readonly ready: () => boolean;
  readonly reload: () => Promise<unknown>;
  readonly enableLifecycle: boolean;
  readonly log: Logger;
}

/** The management paths, as Prometheus has them. */
export function healthRoutes(router: Router, { ready, reload, enableLifecycle, log }: HealthOptions): void {
  let reloading: Promise<unknown> = Promise.resolve();

  router.get('/-/healthy', (context) => {
    context.type = 'text/plain';
    context.body = 'bpfwarden is healthy.\n';
  });
  router.get('/-/ready', (context) => {
    const isReady = ready();
    context.status = isReady ? 200 : 503;
    context.type = 'text/plain';
    context.body = isReady ? 'bpfwarden is ready.\n' : 'bpfwarden is not ready: no BPF program is attached yet.\n';
  });
  router.post('/-/reload', async (context) => {
    context.type = 'text/plain';
    if (!enableLifecycle) {
      context.status = 403;
      context.body = 'The lifecycle API is not enabled; start with --web.enable-lifecycle.\n';
      return;
    }
    // Browsers say where a request comes from: a page of another site must not reload.
    if (context.get('Sec-Fetch-Site') === 'cross-site') {
      context.status = 403;
      context.body = 'Reload is not open to other sites.\n';
      return;
    }
    try {
      // One after the other: each reload reads the files as they are when it starts.
      const next = reloading.then(reload, reload);
      reloading = next.catch(() => undefined);
      await next;
      context.body = 'Reloaded.\n';
    } catch (error) {
      log.error({ err: error }, 'reload failed');
      context.status = 500;
      context.body = `The reload failed, the earlier configuration stays in force: ${reasonOf(error)}\n`;
    }
  });
}

/** What a person did wrong is told; anything else is in the log only. */
function reasonOf(error: unknown): string {
  if (!(error instanceof WardenError)) return 'internal error, see the log';
  return [error.message, ...error.problems.map((problem) => `  ${formatProblem(problem)}`)].join('\n');
}
