/** Events about the daemon itself, which no hook makes: rules, outputs and the history get them like any other. */
import { geteuid, pid } from 'node:process';
import type { EventRecord } from '../schema/event.ts';
import type { FieldName } from '../schema/fields.ts';
import { recordFromJson } from '../schema/record.ts';

type OwnName = Extract<FieldName, `sensor.${string}`> extends `sensor.${infer Name}` ? Name : never;
/** `sensor.*` of the event. */
export type OwnFacts = { readonly [name in OwnName]?: string | number | boolean };
export type Tell = (facts: OwnFacts) => void;

/** Makes such events and hands them to `report`. */
export function ownEvents(hostName: string, report: (event: EventRecord) => void): Tell {
  let made = 0;
  return (facts) => {
    const now = Date.now() / 1000;
    const id = `sensor-${pid.toString(36)}-${(++made).toString(36)}-${Math.round(now * 1000).toString(36)}`;
    report(
      recordFromJson(
        {
          timestamp: now,
          event: { type: 'sensor', id, error: '', result: 0, unverified: false, source: 'daemon' },
          host: { name: hostName },
          process: { pid, name: 'bpfwarden', uid: geteuid?.() ?? 0 },
          sensor: facts,
        },
        id,
      ),
    );
  };
}
