import type Router from '@koa/router';
import { alertQuery, eventQuery, noQuery } from '../query.ts';
import type { HttpApi } from '../types.ts';

/** The JSON views. Lists are newest first and bounded by `limit`. */
export function apiRoutes(router: Router, api: HttpApi): void {
  router.get('/api/v1/alerts', (context) => {
    context.body = { alerts: api.alerts(alertQuery(context.querystring)) };
  });
  router.get('/api/v1/alerts/:id', (context) => {
    noQuery(context.querystring);
    const alert = api.alert(String(context.params.id));
    if (alert === undefined) {
      context.status = 404;
      context.body = {
        error: {
          message: 'no such alert is remembered',
          remedy: 'the newest [history] alerts are kept; see alerts_file',
        },
      };
      return;
    }
    context.body = alert;
  });
  router.get('/api/v1/events', (context) => {
    context.body = { events: api.events(eventQuery(context.querystring)) };
  });
  router.get('/api/v1/rules', (context) => {
    noQuery(context.querystring);
    context.body = { rules: api.rules() };
  });
  router.get('/api/v1/status', (context) => {
    noQuery(context.querystring);
    context.body = api.status();
  });
}
