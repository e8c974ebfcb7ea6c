import { stringify } from 'yaml';
import { type Proposal, type Proposals, proposeExceptions } from '../alerts/exception.ts';
import { formatAlertLine } from '../alerts/line.ts';
import type { Alert } from '../alerts/types.ts';
import { WardenError } from '../errors.ts';
import { findAlert } from './alert-source.ts';
import type { CommandLine } from './flags.ts';
import { lineWriter, wantsJson } from './output.ts';
import { rulesOf } from './rules.ts';
import { settingsOf } from './settings.ts';

/**
 * `tune ALERT_ID`: the narrowest exception that would have held the alert
 * back, as YAML for a local rule file, with how many of the rule's last alerts
 * it would have held back too, and wider ones.
 */
export async function tune({ flags, positionals }: CommandLine): Promise<number> {
  const [id = ''] = positionals;
  const json = wantsJson(flags);
  const config = settingsOf(flags);
  const { alert, others, from } = await findAlert(id, config);
  const { ruleset } = rulesOf(flags);
  if (ruleset.rule(alert.rule.name) === undefined && ruleset.infos.some(({ name }) => name === alert.rule.name)) {
    throw new WardenError(
      'FLAG_INVALID',
      `"${alert.rule.name}" is a correlation, which looks at no event of its own: tune the rules that it correlates`,
    );
  }
  const proposals = proposeExceptions(alert, others);
  if (proposals === undefined) {
    throw new WardenError('FLAG_INVALID', `alert ${id} does not say which program acted on what`);
  }
  const out = lineWriter('-');
  if (json) out.json({ rule: alert.rule.name, ...proposals });
  else out.text(textOf(alert, proposals, from));
  out.close();
  return 0;
}

function textOf(alert: Alert, { narrowest, wider, alerts }: Proposals, from: string): string {
  const change = {
    rules: [
      {
        name: alert.rule.name,
        merge: 'append',
        exceptions: [{ name: `alert ${alert.alert_id}`, fields: narrowest.fields }],
      },
    ],
  };
  const comment = (text: string) => text.split('\n').map((line) => `# ${line}`);
  return [
    ...comment(formatAlertLine(alert)),
    '# The narrowest exception that would have held it back, for a file of [rules] local_paths.',
    ...(alert.window === undefined ? [] : ['# The rule counts over time: such events no longer count.']),
    stringify(change, { lineWidth: 0 }).trimEnd(),
    `# Of the last ${alerts} alert${alerts === 1 ? '' : 's'} of this rule (${from}) it would have held back ${narrowest.holdsBack}.`,
    ...(wider.length === 0 ? [] : ['# Wider ones would have held back:']),
    ...wider.map(
      ({ fields, holdsBack }: Proposal) =>
        `#   ${holdsBack}  ${stringify(fields, { collectionStyle: 'flow', lineWidth: 0 }).trim()}`,
    ),
  ].join('\n');
}
