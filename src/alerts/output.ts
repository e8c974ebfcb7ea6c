import type { RuleInfo } from '../rules/types.ts';
import { recordFromJson } from '../schema/record.ts';
import { type AlertDraft, buildAlert, type Raising } from './alert.ts';
import type { Redactor } from './redact.ts';
import type { Alert } from './types.ts';

/** The alert of a draft as it may leave the daemon: redacted, and with the rule's own text where the rule has one. */
export function redactedAlert(draft: AlertDraft, how: Raising, redactor: Pick<Redactor, 'alert'>): Alert {
  return withOutput(redactor.alert(buildAlert(draft, how)), draft.rule);
}

/** Filled in from what the alert shows, so that the text holds no more than it. */
function withOutput(alert: Alert, { output }: RuleInfo): Alert {
  if (output === undefined) return alert;
  const { text, fields } = output.render(recordFromJson(alert, alert.alert_id));
  return { ...alert, priority: output.priority, output: text, output_fields: fields };
}
