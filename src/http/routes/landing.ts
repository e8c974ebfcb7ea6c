import type Router from '@koa/router';

const LINKS = [
  ['/metrics', 'Metrics', 'in the Prometheus text format, or OpenMetrics by Accept header'],
  ['/api/v1/status', 'Status', 'version, programs, filter and counts as JSON'],
  ['/api/v1/rules', 'Rules', 'in force, as JSON'],
  ['/api/v1/alerts', 'Alerts', 'the newest first, as JSON'],
  ['/api/v1/incidents', 'Incidents', 'alerts that belong together, the newest first, as JSON'],
  ['/api/v1/dead-letters', 'Dead letters', 'alerts that a sink never took, the newest first, as JSON'],
  ['/api/v1/events', 'Events', 'the newest that reached the rules, as JSON'],
  ['/api/v1/stream/alerts', 'Alert stream', 'server-sent events'],
  ['/api/v1/stream/events', 'Event stream', 'server-sent events'],
  ['/runbooks/', 'Runbooks', 'what each alert means and what to do'],
  ['/-/healthy', 'Health', '200 while the daemon runs'],
  ['/-/ready', 'Readiness', '200 once the BPF programs are attached'],
] as const;

export function landingRoutes(router: Router, version: string): void {
  const rows = LINKS.map(([path, name, what]) => `<li><a href="${path}">${name}</a>: ${what}</li>`).join('\n');
  const page = `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>bpfwarden</title></head>
<body>
<h1>bpfwarden</h1>
<p>Host security exporter, version ${escapeHtml(version)}. There is no user interface here: see the Grafana dashboards.</p>
<ul>
${rows}
</ul>
</body>
</html>
`;
  router.get('/', (context) => {
    context.type = 'text/html';
    context.body = page;
  });
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
