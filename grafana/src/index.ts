import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { build } from './board.ts';
import { activity } from './boards/activity.ts';
import { alerts } from './boards/alerts.ts';
import { detections } from './boards/detections.ts';
import { exporter } from './boards/exporter.ts';
import { fleet } from './boards/fleet.ts';
import { host } from './boards/host.ts';

/** Every dashboard, from the general to the particular. */
export function dashboards(): Dashboard[] {
  return [fleet, alerts, host, detections, activity, exporter].map(build);
}

/** A dashboard as its file in grafana/dashboards has it. */
export function asJson(dashboard: Dashboard): string {
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}
