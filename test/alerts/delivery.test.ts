import { expect } from 'chai';
import { Backoff } from '../../src/alerts/backoff.ts';
import { Delivery, type DeliveryOptions } from '../../src/alerts/delivery.ts';
import { DELIVERED, DeliveryError, type DeliveryResult, type Sink } from '../../src/alerts/sinks/types.ts';
import { Spool } from '../../src/alerts/spool/spool.ts';
import type { Severity } from '../../src/rules/types.ts';
import { alertsOf, execEvent, findingOf, SILENT } from './support/findings.ts';
import { eventually } from './support/wait.ts';

const FAST = { baseMs: 4, maxMs: 20, breakerAfter: 3, random: () => 0 };

type Deliver = (ids: string[], call: number, signal: AbortSignal) => Promise<DeliveryResult> | DeliveryResult;

function setUp(
  deliver: Deliver,
  options: { batch?: number; accepts?: Sink['accepts']; delivery?: Partial<DeliveryOptions> } = {},
) {
  const settled: string[] = [];
  const calls: string[][] = [];
  const spool = new Spool({
    store: undefined,
    maxBytes: 10_000_000,
    log: SILENT,
    ...(options.delivery?.now === undefined ? {} : { now: options.delivery.now }),
    onSettled: (sink, outcome) => settled.push(`${sink}:${outcome}`),
  });
  const sink: Sink = {
    name: 's',
    batch: options.batch ?? 10,
    accepts: options.accepts ?? (() => true),
    async deliver(alerts, signal) {
      const ids = alerts.map(({ alert }) => alert.alert_id);
      calls.push(ids);
      return await deliver(ids, calls.length, signal);
    },
    close: () => Promise.resolve(),
  };
  spool.join(['s']);
  const start = () =>
    new Delivery({
      sink,
      spool,
      timeoutMs: 1000,
      deadLetterMs: 60_000,
      log: SILENT,
      backoff: FAST,
      ...options.delivery,
    });
  const add = (id: string, severity: Severity = 'warning') => {
    const [alert] = alertsOf(findingOf(execEvent({ id }), { severity }), { hostName: 'h', newId: () => id });
    if (alert !== undefined) spool.append(alert, JSON.stringify(alert));
  };
  const drained = () => eventually('the sink has everything', () => spool.waiting('s') === 0);
  return { spool, start, add, drained, settled, calls };
}

describe('delivery', () => {
  it('delivers in order and in batches, and what comes later, too', async () => {
    const { start, add, drained, calls, settled } = setUp(() => DELIVERED, { batch: 2 });
    for (const id of ['1', '2', '3']) add(id);
    const delivery = start();
    await drained();
    add('4');
    await drained();
    expect(calls).to.deep.equal([['1', '2'], ['3'], ['4']]);
    expect(settled).to.deep.equal(Array(4).fill('s:delivered'));
    await delivery.stop();
  });

  it('tries again after a failure, with the same alerts in the same order', async () => {
    let retried = 0;
    const { start, add, drained, calls } = setUp(
      (_, call) => {
        if (call < 3) throw new Error('refused');
        return DELIVERED;
      },
      {
        delivery: {
          onRetried: () => {
            retried += 1;
          },
        },
      },
    );
    add('1');
    add('2');
    const delivery = start();
    await drained();
    expect(calls).to.deep.equal([
      ['1', '2'],
      ['1', '2'],
      ['1', '2'],
    ]);
    expect(retried).to.equal(2);
    await delivery.stop();
  });

  it('opens its breaker after failures in a row: one alert at a time, until one is taken', async () => {
    const { start, add, drained, calls } = setUp((_, call) => {
      if (call <= 4) throw new Error('down');
      return DELIVERED;
    });
    for (const id of ['1', '2', '3']) add(id);
    const delivery = start();
    await eventually('the breaker opens', () => delivery.state.breaker === 'open');
    expect(delivery.state.lastError).to.equal('down');
    await drained();
    expect(calls).to.deep.equal([['1', '2', '3'], ['1', '2', '3'], ['1', '2', '3'], ['1'], ['1'], ['2', '3']]);
    expect(delivery.state).to.deep.equal({ breaker: 'closed', failures: 0, lastError: undefined });
    await delivery.stop();
  });

  it('takes a refused batch apart, and makes a dead letter only of the bad alert', async () => {
    const { spool, start, add, drained, settled } = setUp((ids) => {
      if (ids.includes('2')) throw new DeliveryError('400', { permanent: true });
      return DELIVERED;
    });
    for (const id of ['1', '2', '3']) add(id);
    const delivery = start();
    await drained();
    expect(settled).to.deep.equal(['s:delivered', 's:rejected', 's:delivered']);
    expect(spool.deadLetters(5).map(({ alert }) => alert.alert_id)).to.deep.equal(['2']);
    await delivery.stop();
  });

  it('counts what a receiver refused of a batch it took', async () => {
    const { start, add, drained, settled } = setUp(() => ({ rejected: 1 }));
    for (const id of ['1', '2', '3']) add(id);
    const delivery = start();
    await drained();
    expect(settled.toSorted()).to.deep.equal(['s:delivered', 's:delivered', 's:rejected']);
    await delivery.stop();
  });

  it('makes a dead letter of what could not be delivered for too long, but tries at least once', async () => {
    let now = Date.now();
    const { spool, start, add, drained, settled, calls } = setUp(
      (ids) => {
        now += 2000;
        if (ids[0] === '1') throw new Error('down');
        return DELIVERED;
      },
      { batch: 1, delivery: { deadLetterMs: 5000, now: () => now } },
    );
    add('1');
    const delivery = start();
    await drained();
    expect(settled).to.deep.equal(['s:expired']);
    expect(calls.length).to.be.within(2, 4);
    now += 1_000_000;
    add('2');
    await drained();
    expect(settled).to.deep.equal(['s:expired', 's:delivered']);
    expect(spool.stats().sinks.s).to.deep.include({ offered: 2, delivered: 1, expired: 1, waiting: 0 });
    await delivery.stop();
  });

  it('skips what is not for the sink without a delivery', async () => {
    const { start, add, drained, calls, settled } = setUp(() => DELIVERED, {
      accepts: ({ severity }) => severity === 'critical',
    });
    add('1', 'info');
    add('2', 'critical');
    add('3', 'warning');
    const delivery = start();
    await drained();
    expect(calls).to.deep.equal([['2']]);
    expect(settled).to.deep.equal(['s:skipped', 's:delivered', 's:skipped']);
    await delivery.stop();
  });

  it('gives up on a delivery that hangs, even one that ignores the signal, and goes on', async () => {
    let aborted = false;
    const { start, add, drained, calls } = setUp(
      (_, call, signal) => {
        signal.addEventListener('abort', () => {
          aborted = true;
        });
        return call === 1 ? new Promise(() => undefined) : DELIVERED;
      },
      { delivery: { timeoutMs: 30 } },
    );
    add('1');
    const delivery = start();
    await drained();
    expect(calls).to.have.length(2);
    expect(aborted).to.equal(true);
    await delivery.stop();
  });

  it('stops within its grace although a delivery hangs', async () => {
    const { spool, start, add, calls } = setUp(() => new Promise(() => undefined), {
      delivery: { timeoutMs: 3_600_000 },
    });
    add('1');
    const delivery = start();
    await eventually('it delivers', () => calls.length === 1);
    // Who waited for the delivery would still wait when the test is given up.
    await delivery.stop(20);
    expect(spool.waiting('s')).to.equal(1);
  });

  it('waits longer after each failure, with jitter, and respects the wish of the receiver up to a limit', () => {
    const waits = (random: number) => {
      const backoff = new Backoff({ baseMs: 100, maxMs: 1000, breakerAfter: 3, random: () => random });
      return Array.from({ length: 6 }, () => backoff.failed());
    };
    expect(waits(0)).to.deep.equal([50, 100, 200, 400, 500, 500]);
    expect(waits(1)).to.deep.equal([100, 200, 400, 800, 1000, 1000]);
    const backoff = new Backoff({ baseMs: 100, maxMs: 1000, breakerAfter: 3, random: () => 0 });
    expect(backoff.failed(700)).to.equal(700);
    expect(backoff.failed(1e9)).to.equal(1000);
    backoff.succeeded();
    expect(backoff.failed()).to.equal(50);
  });
});
