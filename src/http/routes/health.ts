import type Router from '@koa/router';
import { formatProblem, WardenError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { Gate } from '../types.ts';

interface HealthOptions {
  readonly gate: Gate;
  readonly enableLifecycle: boolean;
  readonly log: Logger;
}

/** The management paths, as Prometheus has them. */
export function healthRoutes(router: Router, { gate, enableLifecycle, log }: HealthOptions): void {
  router.get('/-/healthy', (context) => {
    context.type = 'text/plain';
    context.body = 'bpfwarden is healthy.\n';
  });
  router.get('/-/ready', (context) => {
    context.status = gate.isOpen ? 200 : 503;
    context.type = 'text/plain';
    context.body = gate.isOpen ? 'bpfwarden is ready.\n' : 'bpfwarden is not ready: no BPF program is attached yet.\n';
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
      await gate.api.reload();
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
