import type { IncidentDetail } from '../alerts/incidents.ts';
import type { Alert } from '../alerts/types.ts';
import { messageOf } from '../errors.ts';
import { alertPage } from './alert-page.ts';
import { findAlert } from './alert-source.ts';
import { DaemonClient } from './daemon-client.ts';
import type { CommandLine } from './flags.ts';
import { lineWriter, wantsJson } from './output.ts';
import { settingsOf } from './settings.ts';
import { terminalOf } from './terminal.ts';

/** `show ALERT_ID`: what happened, why it matched, who it was, what else belongs to it, what to do, how to tune it. */
export async function show({ flags, positionals }: CommandLine): Promise<number> {
  const [id = ''] = positionals;
  const config = settingsOf(flags);
  const terminal = terminalOf(flags);
  const { alert } = await findAlert(id, config);
  const incident = await incidentOf(alert, new DaemonClient(config));
  const out = lineWriter('-');
  if (wantsJson(flags)) out.json({ alert, ...(typeof incident === 'string' ? {} : { incident }) });
  else for (const line of alertPage(alert, incident, terminal)) out.write(line);
  out.close();
  return 0;
}

/** The incident as the daemon knows it, or why it is not shown. */
async function incidentOf({ incident_id }: Alert, client: DaemonClient): Promise<IncidentDetail | string> {
  if (incident_id === undefined) return 'the alert belongs to none';
  try {
    const found = (await client.get(`/api/v1/incidents/${incident_id}`)) as IncidentDetail | undefined;
    return found ?? 'the daemon does not remember it';
  } catch (error) {
    return `the daemon does not answer (${messageOf(error)})`;
  }
}
