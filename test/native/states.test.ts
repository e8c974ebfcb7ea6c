import { constants } from 'node:os';
import { expect } from 'chai';
import type { Native, Status } from '../../native/addon.d.ts';
import {
  bufferFor,
  buildFixture,
  eventually,
  loadAddon,
  loadFixture,
  openFixture,
  order,
  trigger,
  u32,
  u64,
} from './support.ts';

const { EAGAIN, EALREADY, EBADF, EBUSY, EINVAL, ENOENT } = constants.errno;
const native: Native = loadAddon();
const statusOf = (value: unknown): unknown => (typeof value === 'number' ? value : 0);

type State = 'closed' | 'opened' | 'loaded' | 'running' | 'inside callback';

/** Every method and what it answers in each state. */
const MATRIX: Readonly<Record<string, { call: (path: string) => unknown; answers: Readonly<Record<State, Status>> }>> =
  {
    open: {
      call: (path) => native.open(path),
      answers: { closed: 0, opened: -EALREADY, loaded: -EALREADY, running: -EALREADY, 'inside callback': -EALREADY },
    },
    programs: {
      call: () => statusOf(native.programs()),
      answers: { closed: -EBADF, opened: 0, loaded: 0, running: 0, 'inside callback': 0 },
    },
    setKnob: {
      call: () => native.setKnob('target_pid', u32(1)),
      answers: { closed: -EBADF, opened: 0, loaded: -EBUSY, running: -EBUSY, 'inside callback': -EBUSY },
    },
    setMapEntries: {
      call: () => native.setMapEntries('table', 100),
      answers: { closed: -EBADF, opened: 0, loaded: -EBUSY, running: -EBUSY, 'inside callback': -EBUSY },
    },
    setAutoload: {
      call: () => native.setAutoload('tasks', true),
      answers: { closed: -EBADF, opened: 0, loaded: -EBUSY, running: -EBUSY, 'inside callback': -EBUSY },
    },
    beginLoad: {
      call: () => native.beginLoad(),
      answers: { closed: -EBADF, opened: 0, loaded: -EALREADY, running: -EALREADY, 'inside callback': -EALREADY },
    },
    load: {
      call: () => native.load(),
      answers: { closed: -EBADF, opened: 0, loaded: -EALREADY, running: -EALREADY, 'inside callback': -EALREADY },
    },
    tryHook: {
      call: () => native.tryHook('nothing'),
      answers: {
        closed: -EBADF,
        opened: -constants.errno.ENOENT,
        loaded: -constants.errno.ENOENT,
        running: -constants.errno.ENOENT,
        'inside callback': -constants.errno.ENOENT,
      },
    },
    openTrial: {
      call: (path) => native.openTrial(path),
      answers: { closed: 0, opened: -EALREADY, loaded: -EALREADY, running: -EALREADY, 'inside callback': -EALREADY },
    },
    trial: {
      call: () => statusOf(native.trial()),
      answers: { closed: -EBADF, opened: -EBADF, loaded: -EBADF, running: -EBADF, 'inside callback': -EBADF },
    },
    attach: {
      call: () => native.attach('on_kill'),
      answers: { closed: -EBADF, opened: -EAGAIN, loaded: -EALREADY, running: -EALREADY, 'inside callback': -EALREADY },
    },
    detach: {
      call: () => native.detach('tasks'),
      answers: { closed: -EBADF, opened: 0, loaded: 0, running: 0, 'inside callback': 0 },
    },
    mapInfo: {
      call: () => statusOf(native.mapInfo('table')),
      answers: { closed: -EBADF, opened: -EAGAIN, loaded: 0, running: 0, 'inside callback': 0 },
    },
    readMap: {
      call: () => statusOf(native.readMap('counts', u32(0))),
      answers: { closed: -EBADF, opened: -EAGAIN, loaded: 0, running: 0, 'inside callback': 0 },
    },
    writeMap: {
      call: () => native.writeMap('table', u32(1), u64(1)),
      answers: { closed: -EBADF, opened: -EAGAIN, loaded: 1, running: 1, 'inside callback': 1 },
    },
    mapMemory: {
      call: () => statusOf(native.mapMemory('reader_state')),
      answers: { closed: -EBADF, opened: -EAGAIN, loaded: 0, running: 0, 'inside callback': 0 },
    },
    readIterator: {
      call: () => statusOf(native.readIterator('tasks')),
      answers: { closed: -EBADF, opened: -EAGAIN, loaded: 0, running: 0, 'inside callback': 0 },
    },
    start: {
      call: () => native.start(() => undefined, new ArrayBuffer(4 << 20)),
      answers: { closed: -EBADF, opened: -EAGAIN, loaded: 0, running: -EALREADY, 'inside callback': -EALREADY },
    },
    drain: {
      call: () => native.drain(),
      answers: { closed: -EBADF, opened: -EAGAIN, loaded: -EAGAIN, running: 0, 'inside callback': -EALREADY },
    },
    ringStats: {
      call: () => statusOf(native.ringStats()),
      answers: { closed: -EBADF, opened: -EAGAIN, loaded: -EAGAIN, running: 0, 'inside callback': 0 },
    },
    pidfdSignal: {
      call: () => native.pidfdSignal(process.ppid, 0, 1),
      answers: {
        closed: -constants.errno.ESRCH,
        opened: -constants.errno.ESRCH,
        loaded: -constants.errno.ESRCH,
        running: -constants.errno.ESRCH,
        'inside callback': -constants.errno.ESRCH,
      },
    },
    notify: {
      call: () => native.notify('/nowhere/notify', 'READY=1'),
      answers: {
        closed: -constants.errno.ENOENT,
        opened: -constants.errno.ENOENT,
        loaded: -constants.errno.ENOENT,
        running: -constants.errno.ENOENT,
        'inside callback': -constants.errno.ENOENT,
      },
    },
    canary: {
      call: () => Math.min(native.canary('file_open', '/nowhere/canary'), native.canary('reboot', '/nowhere')),
      answers: { closed: -EINVAL, opened: -EINVAL, loaded: -EINVAL, running: -EINVAL, 'inside callback': -EINVAL },
    },
    ownPid: {
      // Any process id.
      call: () => Math.min(native.ownPid(), 1),
      answers: { closed: 1, opened: 1, loaded: 1, running: 1, 'inside callback': 1 },
    },
    enableStatistics: {
      call: () => native.enableStatistics(),
      answers: { closed: -EBADF, opened: 0, loaded: 0, running: 0, 'inside callback': 0 },
    },
    dropCapabilities: {
      // What it does is for good: capabilities.test.ts has processes for it.
      call: () => native.dropCapabilities(-1n),
      answers: {
        closed: -EINVAL,
        opened: -EINVAL,
        loaded: -EINVAL,
        running: -EINVAL,
        'inside callback': -EINVAL,
      },
    },
    trimMemory: {
      call: () => native.trimMemory(),
      answers: { closed: 0, opened: 0, loaded: 0, running: 0, 'inside callback': 0 },
    },
    takeLog: {
      call: () => typeof native.takeLog(),
      answers: { closed: 0, opened: 0, loaded: 0, running: 0, 'inside callback': 0 },
    },
    close: {
      call: () => native.close(),
      answers: { closed: 0, opened: 0, loaded: 0, running: 0, 'inside callback': 0 },
    },
  };

describe('native: every method in every state', () => {
  const fixture = buildFixture();
  after(() => fixture.remove());
  afterEach(() => {
    native.close();
  });

  it('the table names every export', () => {
    expect(Object.keys(MATRIX).sort()).to.deep.equal(Object.getOwnPropertyNames(native).sort());
  });

  async function inState(state: State, call: () => unknown): Promise<unknown> {
    if (state === 'opened') openFixture(native, fixture.path);
    if (state === 'loaded' || state === 'running' || state === 'inside callback') loadFixture(native, fixture.path);
    if (state === 'running') expect(native.start(() => undefined, bufferFor(native))).to.equal(0);
    if (state !== 'inside callback') return call();
    const answers: unknown[] = [];
    order(native, { priority: 1 });
    expect(native.start(() => answers.push(call()), bufferFor(native))).to.equal(0);
    trigger();
    expect(await eventually(() => answers.length > 0)).to.equal(true);
    return answers[0];
  }

  for (const [method, { call, answers }] of Object.entries(MATRIX)) {
    for (const [state, wanted] of Object.entries(answers) as [State, Status][]) {
      it(`${method}, ${state}: ${wanted}`, async () => {
        const answer = await inState(state, () => call(fixture.path));
        expect(answer).to.equal(method === 'takeLog' ? 'string' : wanted);
        expect(native.close()).to.equal(0);
        expect(native.close()).to.equal(0);
        expect(native.programs()).to.equal(-EBADF);
      });
    }
  }

  it('wrong arguments are refused, not believed', () => {
    loadFixture(native, fixture.path);
    const loose = native as unknown as Record<string, (...values: unknown[]) => unknown>;
    const junk = [
      undefined,
      null,
      0,
      -1,
      Number.NaN,
      'no such thing',
      'a\0b',
      {},
      [],
      () => 1,
      new Uint8Array(3),
      2n ** 70n,
    ];
    for (const name of Object.keys(MATRIX)) {
      if (['close', 'takeLog', 'programs', 'load', 'beginLoad', 'ownPid'].includes(name)) continue;
      for (const first of junk) {
        for (const second of junk) {
          const answer = loose[name]?.(first, second, undefined);
          if (typeof answer === 'number') expect(answer, name).to.be.at.most(0);
        }
      }
    }
    expect(native.attach('nothing')).to.equal(-ENOENT);
    expect(native.attach('refused')).to.equal(-ENOENT);
    expect(native.readMap('table', u32(1, 2))).to.equal(-EINVAL);
    expect(native.readMap('table', u32(99))).to.equal(-ENOENT);
    expect(native.writeMap('table', u32(1), u32(1))).to.equal(-EINVAL);
    expect(native.readMap('bulk_ring')).to.equal(-EINVAL);
    expect(native.start(() => undefined, new ArrayBuffer(4096))).to.equal(-EINVAL);
  });

  it('a trial names each program that the verifier refuses, with its last words, and takes nothing in', () => {
    expect(native.openTrial(fixture.path)).to.equal(0);
    const answer = native.trial();
    if (typeof answer === 'number') throw new Error(native.takeLog());
    expect(answer.map(({ program }) => program)).to.deep.equal(['refused']);
    expect(answer[0]?.error).to.be.below(0);
    expect(answer[0]?.log).to.match(/map_value_or_null/);
    expect(native.programs()).to.equal(-EBADF);
    loadFixture(native, fixture.path);
  });

  it('what was begun is waited for by whatever is asked next, and load says how it went', () => {
    openFixture(native, fixture.path);
    expect(native.beginLoad()).to.equal(0);
    expect(native.setKnob('target_pid', u32(1))).to.equal(-EBUSY);
    expect(native.load()).to.equal(0);
    expect(native.load()).to.equal(-EALREADY);
    expect(native.attach('on_kill')).to.equal(0);
    native.close();

    expect(native.open(fixture.path)).to.equal(0);
    native.takeLog();
    expect(native.beginLoad()).to.equal(0);
    expect(native.programs()).to.equal(-EBADF);
    expect(native.load()).to.be.below(0);
    expect(native.takeLog()).to.match(/refused[\s\S]*map_value_or_null/);
    expect(native.load()).to.equal(-EBADF);

    openFixture(native, fixture.path);
    expect(native.beginLoad()).to.equal(0);
    native.close();
    expect(native.load()).to.equal(-EBADF);
    loadFixture(native, fixture.path);
  });

  it('a refused program leaves its verifier log, and the object can be opened again', () => {
    expect(native.open(fixture.path)).to.equal(0);
    native.takeLog();
    expect(native.load()).to.be.below(0);
    expect(native.takeLog()).to.match(/refused[\s\S]*map_value_or_null/);
    expect(native.takeLog()).to.equal('');
    loadFixture(native, fixture.path);
    expect(native.setKnob('no_such_knob', u32(1))).to.equal(-EBUSY);
  });

  it('programs tell what the kernel lacks', () => {
    openFixture(native, fixture.path);
    const programs = native.programs();
    if (typeof programs === 'number') throw new Error(`answered ${programs}`);
    const available = new Map(programs.map((program) => [program.name, program.available]));
    expect(Object.fromEntries(available)).to.deep.equal({
      on_kill: true,
      refused: true,
      tasks: true,
      refuse: true,
      of_no_kernel: false,
    });
  });

  it('knobs are checked by name and size', () => {
    openFixture(native, fixture.path);
    expect(native.setKnob('no_such_knob', u32(1))).to.equal(-ENOENT);
    expect(native.setKnob('target_pid', u64(1))).to.equal(-EINVAL);
  });
});
