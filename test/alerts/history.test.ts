import { expect } from 'chai';
import fc from 'fast-check';
import { History } from '../../src/alerts/history.ts';
import type { EventRecord } from '../../src/schema/event.ts';
import { recordFromJson } from '../../src/schema/record.ts';
import { alertsOf, findingOf } from './support/findings.ts';

const event = (id: number, pid: number, entity: string): EventRecord =>
  recordFromJson({ event: { type: 'kill', id: String(id) }, process: { pid, entity_id: entity } }, '');

describe('history', () => {
  it('gives an alert what its process did last, whatever came between and was forgotten', () => {
    const step = fc.record({ pid: fc.integer({ min: 1, max: 3 }), entity: fc.constantFrom('a', 'b') });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.integer({ min: 0, max: 40 }), (steps, events) => {
        const history = new History({ alerts: 1, events, redactEvent: (one) => one });
        const all: { readonly event: EventRecord; readonly pid: number; readonly entity: string }[] = [];
        for (const { pid, entity } of steps) {
          const one = event(all.length, pid, entity);
          history.addEvent(one);
          all.push({ event: one, pid, entity });
          const alert = alertsOf(findingOf(one), { hostName: 'h' })[0];
          if (alert === undefined) throw new Error('no alert');
          history.addAlert(alert, one);
          const kept = events === 0 ? [] : all.slice(-events);
          const wanted = kept.filter((other) => other.event !== one && other.pid === pid && other.entity === entity);
          expect(history.alert(alert.alert_id)?.recent_events.map((json) => (json.event as { id: string }).id)).to.eql(
            wanted.slice(-20).map((other) => other.event.id),
          );
        }
      }),
      { numRuns: 50 },
    );
  });
});
