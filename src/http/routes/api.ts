import type Router from '@koa/router';
import type { RouterContext } from '@koa/router';
import { alertQuery, eventQuery, limitOf, noQuery } from '../query.ts';
import type { HttpApi } from '../types.ts';

/** The JSON views. Lists are newest first and bounded by `limit`. */
export function apiRoutes(router: Router, api: HttpApi): void {
  router.get('/api/v1/alerts', (context) => {
    context.body = { alerts: api.alerts(alertQuery(context.querystring)) };
  });
  router.get('/api/v1/alerts/:id', (context) => {
    noQuery(context.querystring);
    const alert = api.alert(String(context.params.id));
    if (alert === undefined) notRemembered(context, 'alert', 'the newest [history] alerts are kept; see alerts_file');
    else context.body = alert;
  });
  router.get('/api/v1/incidents', (context) => {
    context.body = { incidents: api.incidents(limitOf(context.querystring)) };
  });
  router.get('/api/v1/incidents/:id', (context) => {
    noQuery(context.querystring);
    const incident = api.incident(String(context.params.id));
    if (incident === undefined)
      notRemembered(context, 'incident', '[ledger] max_incidents are kept; alerts in alerts_file name theirs');
    else context.body = incident;
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

function notRemembered(context: RouterContext, what: string, remedy: string): void {
  context.status = 404;
  context.body = { error: { message: `no such ${what} is remembered`, remedy } };
}
