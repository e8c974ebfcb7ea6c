import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { deliveryKey } from '../../src/alerts/identity.ts';
import type { SinkCounts } from '../../src/alerts/spool/types.ts';
import type { PipelineStats } from '../../src/pipeline/types.ts';
import { type Behaviour, type Receiver, startReceiver } from './support/receiver.ts';

const ALERTS = 10_000;
const BATCH = 500;
/** Batches during which the process is killed, somewhere in the middle. */
const KILLS = new Map([
  [2, 130],
  [6, 480],
  [9, 20],
  [13, 333],
  [17, 250],
]);

interface Message {
  readonly ids?: (string | null)[];
  readonly next?: number;
  readonly offered?: number;
  readonly flushed?: boolean;
  readonly stats?: PipelineStats;
  readonly ready?: true;
}

class Child {
  readonly process: ChildProcess;
  readonly exited: Promise<void>;
  onMessage: (message: Message) => void = () => undefined;

  constructor(toml: string) {
    this.process = fork(join(import.meta.dirname, 'support', 'child.ts'), [toml], { execArgv: ['--import', 'tsx'] });
    this.process.on('message', (message: Message) => this.onMessage(message));
    this.exited = new Promise((resolve) => this.process.once('exit', () => resolve()));
  }

  /** Sends, and waits for the message that `until` accepts; undefined when the process ends first. */
  ask(
    message: object | undefined,
    until: (message: Message) => boolean,
    each: (message: Message) => void = () => undefined,
  ) {
    const answer = new Promise<Message>((resolve) => {
      this.onMessage = (received) => {
        each(received);
        if (until(received)) resolve(received);
      };
    });
    if (message !== undefined) this.process.send(message);
    return Promise.race([answer, this.exited.then(() => undefined)]);
  }
}

describe('alerts under faults', function () {
  this.timeout(120_000);
  let directory: string;
  let receiver: Receiver | undefined;
  let child: Child | undefined;

  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpfwarden-faults-'));
  });
  after(async () => {
    child?.process.kill('SIGKILL');
    await receiver?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it(`loses none of ${ALERTS} while the receiver fails in every way and the process is killed five times`, async () => {
    receiver = await startReceiver();
    const { port } = receiver;
    const file = join(directory, 'alerts.ndjson');
    const toml = `
      [spool]
      directory = "${join(directory, 'spool')}"
      [output]
      alerts_file = "${file}"
      [ledger]
      dedupe_seconds = 3600
      alerts_per_minute = 0
      [[sinks]]
      name = "hook"
      type = "webhook"
      url = "http://127.0.0.1:${port}/"
      timeout_seconds = 0.3
      [[sinks]]
      name = "critical_only"
      type = "webhook"
      url = "http://127.0.0.1:1/"
      min_severity = "critical"`;
    const delivered = new Set<string>();
    let repeats = 0;
    const faults: Behaviour[] = [500, 400, 'hang', 'reset', 503];
    const take = (body: string): number => {
      const key = deliveryKey(JSON.parse(body));
      if (delivered.has(key)) repeats += 1;
      delivered.add(key);
      return 200;
    };
    let requests = 0;
    const attach = (to: Receiver) => {
      to.behaviour = ({ body }) => {
        to.received.length = 0;
        requests += 1;
        // In between, every fault has its turn; a 400 is a refusal for good, so a dead letter.
        const fault = requests % 200 === 0 ? faults[(requests / 200) % faults.length] : undefined;
        return fault ?? take(body);
      };
    };
    attach(receiver);
    let batch = 0;

    const accepted = new Set<string>();
    let suppressed = 0;
    let kills = 0;
    child = new Child(toml);
    await child.ask(undefined, ({ ready }) => ready === true);
    for (let from = 0; from < ALERTS; batch += 1) {
      const killAt = KILLS.get(batch);
      const to = Math.min(from + BATCH, ALERTS);
      let next = from;
      if (batch === 11) {
        await receiver?.close();
        receiver = undefined;
      }
      const current = child;
      const answer = await current.ask(
        { offer: [from, to] },
        ({ offered }) => offered !== undefined,
        (message) => {
          if (message.next === undefined) return;
          next = message.next;
          for (const id of message.ids ?? []) {
            if (id === null) suppressed += 1;
            else accepted.add(id);
          }
          if (killAt !== undefined && next - from >= killAt) current.process.kill('SIGKILL');
        },
      );
      if (batch === 11) {
        receiver = await startReceiver({ port });
        attach(receiver);
      }
      if (answer === undefined) {
        kills += 1;
        child = new Child(toml);
        await child.ask(undefined, ({ ready }) => ready === true);
      }
      // What was not acknowledged is offered again, as its source would.
      from = next;
    }
    expect(kills).to.equal(5);

    if (receiver === undefined) throw new Error('no receiver');
    receiver.behaviour = ({ body }) => take(body);
    const last = await child.ask({ flush: 60_000 }, ({ flushed }) => flushed !== undefined);
    expect(last?.flushed).to.equal(true);
    const stats = last?.stats?.spool;
    if (stats === undefined) throw new Error('no statistics');

    // Exactly: what was offered was accepted or suppressed, and what was accepted has an end at each sink.
    const held = Object.values(stats.suppressed).reduce((sum, count) => sum + count, 0);
    expect(stats.offered).to.equal(stats.accepted + held);
    for (const [name, counts] of Object.entries(stats.sinks)) {
      expect(ends(counts), name).to.equal(counts.offered);
      expect(counts.offered, name).to.equal(stats.accepted);
    }
    const { hook, alerts_file, critical_only } = stats.sinks;
    expect(hook?.rejected).to.be.greaterThan(0);
    expect(hook?.dropped).to.equal(0);
    expect(hook?.expired).to.equal(0);
    expect(alerts_file?.delivered).to.equal(stats.accepted);
    expect(critical_only?.skipped).to.equal(stats.accepted);
    expect(stats.accepted).to.be.at.least(accepted.size);
    expect(suppressed).to.be.greaterThan(900);

    // Every alert that was acknowledged arrived everywhere; a dead letter is one the receiver refused.
    const lines = readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => deliveryKey(JSON.parse(line)));
    const inFile = new Set(lines);
    expect([...accepted].filter((id) => !inFile.has(id))).to.deep.equal([]);
    expect([...accepted].filter((id) => !delivered.has(id)).length).to.be.at.most(hook?.rejected ?? 0);
    expect(delivered.size).to.be.within(hook?.delivered ?? 0, stats.accepted);
    expect(inFile.size).to.equal(stats.accepted);
    console.log(
      `      accepted ${stats.accepted}, suppressed ${held}, dead letters ${hook?.rejected}, repeats: webhook ${repeats}, file ${lines.length - inFile.size}`,
    );
  });
});

const ends = (counts: SinkCounts) =>
  counts.delivered + counts.skipped + counts.rejected + counts.expired + counts.dropped;
