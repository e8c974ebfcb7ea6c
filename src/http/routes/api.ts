import type Router from '@koa/router';
import type { RouterContext } from '@koa/router';
import { alertQuery, eventQuery, limitOf, noQuery } from '../query.ts';
import type { Gate } from '../types.ts';

/** The JSON views. Lists are newest first and bounded by `limit`. */
export function apiRoutes(router: Router, gate: Gate): void {
  router.get('/api/v1/alerts', (context) => {
    context.body = { alerts: gate.api.views.queryAlerts(alertQuery(context.querystring)) };
  });
  router.get('/api/v1/alerts/:id', (context) => {
    noQuery(context.querystring);
    const alert = gate.api.views.alertById(String(context.params.id));
    if (alert === undefined) notRemembered(context, 'alert', 'the newest [history] alerts are kept; see alerts_file');
    else context.body = alert;
  });
  router.get('/api/v1/incidents', (context) => {
    context.body = { incidents: gate.api.views.incidents(limitOf(context.querystring)) };
  });
  router.get('/api/v1/incidents/:id', (context) => {
    noQuery(context.querystring);
    const incident = gate.api.views.incidentById(String(context.params.id));
    if (incident === undefined)
      notRemembered(context, 'incident', '[ledger] max_incidents are kept; alerts in alerts_file name theirs');
    else context.body = incident;
  });
  router.get('/api/v1/dead-letters', (context) => {
    context.body = { dead_letters: gate.api.views.deadLetters(limitOf(context.querystring)) };
  });
  router.get('/api/v1/events', (context) => {
    context.body = { events: gate.api.views.queryEvents(eventQuery(context.querystring)) };
  });
  router.get('/api/v1/rules', (context) => {
    noQuery(context.querystring);
    context.body = { rules: gate.api.rules() };
  });
  router.get('/api/v1/status', (context) => {
    noQuery(context.querystring);
    context.body = gate.api.status();
  });
}

function notRemembered(context: RouterContext, what: string, remedy: string): void {
  context.status = 404;
  context.body = { error: { message: `no such ${what} is remembered`, remedy } };
}
