/**
 * Beside a flood of forks the kernel's table of threads, by which the filter knows
 * programs, refuses entries. What a program did then must not be filtered by the
 * name of another one: no connection of a wanted program is lost without a count.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { freePort } from '../e2e/support/daemon.ts';
import { EVERYTHING, observe, select, trigger, watching } from './support.ts';

const ROUNDS = 150;

describe('programs by name beside a flood of forks', function () {
  this.timeout(240_000);
  const floods: ChildProcess[] = [];

  afterEach(() => {
    for (const child of floods.splice(0)) child.kill('SIGKILL');
    watching().sensor.filter.use(EVERYTHING);
  });

  it(`each of ${ROUNDS} connections of a program that a rule names arrives`, async () => {
    const { sensor, directory } = watching();
    const program = join(directory, 'bwssh');
    copyFileSync('/bin/bash', program);
    sensor.filter.use({
      kinds: new Map([
        ...EVERYTHING.kinds,
        ['net_conn', { pass: 'tokens', tokens: [{ type: 'process_name', text: 'bwssh' }] }],
      ]),
    });
    for (let index = 0; index < 2 * availableParallelism(); index++)
      floods.push(spawn(trigger('short_life'), ['100000000', '/bin/true'], { stdio: 'ignore' }));
    const port = await freePort();
    const before = sensor.counters.events().get('net_conn');
    const { events } = await observe('/bin/sh', [
      '-c',
      `i=0; while [ $i -lt ${ROUNDS} ]; do '${program}' -c ': < /dev/tcp/127.0.0.1/${port}' 2>/dev/null; i=$((i + 1)); done`,
    ]);
    const after = sensor.counters.events().get('net_conn');
    const lost =
      (after?.lost_ring_full ?? 0) +
      (after?.lost_scratch ?? 0) -
      (before?.lost_ring_full ?? 0) -
      (before?.lost_scratch ?? 0);
    const seen = select(events, { 'event.type': 'net_conn', 'network.destination.port': port });
    expect(seen.length + lost).to.be.at.least(ROUNDS);
  });
});
