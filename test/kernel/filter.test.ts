/** The kernel's own decisions against a model of them, and the swap of the filter while events come. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import type { FileClass, FilterToken, KernelFilter, KindFilter } from '../../src/kernel/types.ts';
import type { EventJson } from '../../src/schema/event.ts';
import { fieldOf } from '../cases/matcher.ts';
import { EVERYTHING, observe, pause, script, select, trigger, watching } from './support.ts';

const NAMES = [
  'etc',
  'shadow',
  'Shadow.bak',
  '.ssh',
  'authorized_keys',
  'id_rsa',
  'server.key.pem',
  'x',
  'shad',
  'wörter',
];
const DIRECTORIES = ['', 'etc', '.ssh', 'etc/.ssh', 'a_rather_long_directory_name/etc'];
/** Passes over the list in one run of the trigger. */
const ROUNDS = 200;
const HOW: Readonly<Record<string, readonly FileClass[]>> = {
  r: ['open_read'],
  w: ['open_write'],
  b: ['open_read', 'open_write'],
  c: ['open_read', 'open_write', 'open_create'],
  u: [],
};

function filterWith(tokens: readonly FilterToken[]): KernelFilter {
  const kinds = new Map<string, KindFilter>(EVERYTHING.kinds);
  for (const kind of ['file_open', 'file_create', 'file_unlink']) kinds.set(kind, { pass: 'tokens', tokens });
  return { kinds };
}

/** What the kernel can see of a token: 3, 4 or 8 bytes of a prefix or suffix, ASCII letters in lower case. */
function hits(
  token: FilterToken,
  { path, isFound }: { readonly path: string; readonly isFound: boolean },
  classes: readonly FileClass[],
  isOpen: boolean,
): boolean {
  if (token.type === 'opened') return isOpen && classes.includes(token.how);
  if (!('text' in token) || token.type === 'process_name') return false;
  if (isOpen && token.classes !== undefined && !token.classes.some((one) => classes.includes(one))) return false;
  const fold = (text: string) => Buffer.from(text.replace(/[A-Z]/g, (letter) => letter.toLowerCase()));
  const text = fold(token.text);
  if (token.type === 'component_first') {
    // Of a name that was passed any component may turn out to be the first one.
    const parts = path.split('/').map(fold);
    return parts.some((component, at) => (at === 1 || !isFound) && component.equals(text));
  }
  const length = text.length < 8 ? Math.min(text.length, 4) : 8;
  return path.split('/').some((component) => {
    const bytes = fold(component);
    if (token.type === 'component') return bytes.equals(text);
    if (bytes.length < length) return false;
    return token.type === 'component_prefix'
      ? bytes.subarray(0, length).equals(text.subarray(0, length))
      : bytes.subarray(-length).equals(text.subarray(-length));
  });
}

const classes = fc.option(
  fc.subarray<FileClass>(['open_read', 'open_write', 'open_create', 'open_failed', 'open_climbing'], { minLength: 1 }),
  { nil: undefined },
);
const openedToken = fc
  .constantFrom<FileClass>('open_read', 'open_write', 'open_create', 'open_failed', 'open_climbing')
  .map((how): FilterToken => ({ type: 'opened', how }));
const nameToken: fc.Arbitrary<FilterToken> = fc
  .tuple(
    fc.constantFrom('component', 'component_prefix', 'component_suffix'),
    fc.constantFrom(...NAMES, 'SHADOW', 'a_rather'),
    fc.nat(12),
    classes,
  )
  .map(([type, name, cut, only]): FilterToken => {
    const part = type === 'component_prefix' ? name.slice(0, 3 + cut) : name.slice(-3 - cut);
    const text = type === 'component' || Buffer.byteLength(part) < 3 ? name : part;
    const sort = Buffer.byteLength(text) < 3 ? 'component' : type;
    return only === undefined ? { type: sort, text } : { type: sort, text, classes: only };
  });

const firstToken = fc.tuple(fc.constantFrom(...NAMES, 'TMP', 'home'), classes).map(
  ([text, only]): FilterToken => ({
    type: 'component_first',
    text,
    ...(only === undefined ? {} : { classes: only }),
  }),
);

const token = fc.oneof(
  { weight: 6, arbitrary: nameToken },
  { weight: 1, arbitrary: openedToken },
  { weight: 2, arbitrary: firstToken },
);

describe('kernel filter', function () {
  this.timeout(180_000);
  after(() => watching().sensor.filter.use(EVERYTHING));

  it('decides about random tokens as the model does: open, create, unlink, failures, relative names', async () => {
    const { directory } = await script('true');
    const list: { readonly how: string; readonly path: string; readonly failed: boolean }[] = [];
    for (const at of DIRECTORIES) {
      mkdirSync(join(directory, at), { recursive: true });
      for (const [index, name] of NAMES.entries()) {
        const path = join(directory, at, `${name}`);
        const exists = index % 2 === 0;
        if (exists && !DIRECTORIES.includes(join(at, name))) writeFileSync(path, 'x');
        for (const how of ['r', 'w', 'b']) list.push({ how, path, failed: !exists });
      }
      for (const name of ['fresh', 'shadow~']) {
        const path = join(directory, at, name);
        list.push({ how: 'c', path, failed: false }, { how: 'u', path, failed: false });
      }
    }
    // Of a name that leads nowhere the kernel side has the text alone: what is climbed from counts as a part of it.
    mkdirSync(join(directory, 'q'));
    const usable = list.filter(({ path }) => !DIRECTORIES.some((at) => join(directory, at) === path));
    const absolute = join(directory, 'list');
    const relative = join(directory, 'relative');
    const climbs = new Set(usable.filter((_, index) => index % 3 === 0));
    const written = (from: string) =>
      usable.map((one) => {
        const rest = one.path.slice(directory.length + 1);
        return `${one.how}${from}/${climbs.has(one) ? `q/../${rest}` : rest}\n`;
      });
    writeFileSync(absolute, written(directory).join(''));
    writeFileSync(relative, written('.').join(''));
    const program = trigger('open_each');
    const outcomes = { passed: 0, dropped: 0 };

    await fc.assert(
      fc.asyncProperty(fc.array(token, { minLength: 1, maxLength: 4 }), fc.boolean(), async (tokens, isRelative) => {
        watching().sensor.filter.use(filterWith(tokens));
        const { events } = await observe(program, [isRelative ? relative : absolute], { cwd: directory });
        const seen = select(events, { 'event.type': (type) => /^file_(open|create|unlink)$/.test(String(type)) })
          .filter((event) => String(fieldOf(event, 'file.path')).startsWith(`${directory}/`))
          .map((event) => `${fieldOf(event, 'event.type')} ${fieldOf(event, 'file.path')}`)
          .filter((line) => !line.endsWith('/list') && !line.endsWith('/relative'));
        const expected = usable.flatMap((one) => {
          const { how, path, failed } = one;
          const carried = [...(HOW[how] ?? []), ...(failed ? (['open_failed'] as const) : [])];
          if (failed || climbs.has(one)) carried.push('open_climbing');
          const isFound = !failed && how !== 'u';
          const passes = (isOpen: boolean) => tokens.some((one) => hits(one, { path, isFound }, carried, isOpen));
          const kinds = how === 'u' ? ['file_unlink'] : how === 'c' ? ['file_open', 'file_create'] : ['file_open'];
          return kinds.filter((kind) => passes(kind === 'file_open')).map((kind) => `${kind} ${path}`);
        });
        expect(seen).to.deep.equal(expected);
        outcomes.passed += expected.length;
        outcomes.dropped += usable.length - expected.length;
      }),
      { numRuns: 25 },
    );
    expect(outcomes.passed).to.be.greaterThan(100);
    expect(outcomes.dropped).to.be.greaterThan(100);
  });

  it('knows what begins with a dot, and the directory in the root that a path leads through', async () => {
    const { directory } = await script('mkdir .hidden open');
    const first = directory.split('/')[1] ?? '';
    const passed = async (found: FilterToken) => {
      watching().sensor.filter.use(filterWith([found]));
      const { events } = await observe('/bin/sh', ['-c', 'touch .a b .hidden/c open/d; rm .a b .hidden/c open/d'], {
        cwd: directory,
      });
      const made = (kind: string) =>
        select(events, { 'event.type': kind })
          .map((event) => String(fieldOf(event, 'file.path')))
          .filter((path) => path.startsWith(`${directory}/`))
          .map((path) => path.slice(directory.length + 1));
      return { made: made('file_create'), removed: made('file_unlink') };
    };
    const hidden = ['.a', '.hidden/c'];
    const every = ['.a', 'b', '.hidden/c', 'open/d'];
    expect(await passed({ type: 'component_prefix', text: '.' })).to.deep.equal({ made: hidden, removed: hidden });
    expect(await passed({ type: 'component_first', text: first })).to.deep.equal({ made: every, removed: every });
    // Elsewhere in the path it is not the first.
    expect((await passed({ type: 'component_first', text: 'open' })).made).to.deep.equal([]);
  });

  it('knows the acting program by name, also in its children, and connections that stay on the host', async () => {
    const { directory } = await script('cp /bin/bash wanted; cp /bin/bash other; cp /bin/bash a_name_that_comm_cuts');
    const connects = async (program: string, address: string, how = 'exec 3<>') => {
      const { events } = await observe(join(directory, program), ['-c', `(${how} /dev/tcp/${address}/1); true`]);
      return select(events, { 'event.type': 'net_conn', 'network.destination.ip': address }).length;
    };
    const filtered = (tokens: readonly FilterToken[]) => {
      const kinds = new Map<string, KindFilter>(EVERYTHING.kinds);
      kinds.set('net_conn', { pass: 'tokens', tokens });
      watching().sensor.filter.use({ kinds });
    };
    filtered([{ type: 'process_name', text: 'wanted' }]);
    expect(await connects('wanted', '127.0.0.1')).to.equal(1);
    expect(await connects('other', '127.0.0.1')).to.equal(0);
    expect(await connects('a_name_that_comm_cuts', '127.0.0.1')).to.equal(1);
    // What a process calls itself changes nothing.
    expect(await connects('other', '127.0.0.1', 'echo wanted > /proc/$BASHPID/comm; exec 3<>')).to.equal(0);
    expect(await connects('wanted', '127.0.0.1', 'echo other > /proc/$BASHPID/comm; exec 3<>')).to.equal(1);
    filtered([{ type: 'remote' }]);
    expect(await connects('wanted', '127.0.0.1')).to.equal(0);
    expect(await connects('wanted', '127.0.0.2')).to.equal(1);
  });

  it('is swapped without a gap: no event of a token in both is missed', async () => {
    const { directory } = await script('echo x > always; echo x > never');
    const list = join(directory, 'list');
    writeFileSync(
      list,
      `${`r${join(directory, 'always')}\n`.repeat(20)}${`r${join(directory, 'never')}\n`.repeat(20)}`,
    );
    const always: FilterToken = { type: 'component', text: 'always' };
    let swaps = 0;
    let running = true;
    const swapping = (async () => {
      while (running) {
        swaps++;
        watching().sensor.filter.use(filterWith([always, { type: 'component', text: `other${swaps % 7}` }]));
        await pause(2);
      }
    })();
    let opened: readonly EventJson[] = [];
    let runs = 0;
    const deadline = Date.now() + 60_000;
    do {
      runs++;
      const { events } = await observe(trigger('open_each'), [list, String(ROUNDS)]);
      opened = opened.concat(select(events, { 'event.type': 'file_open', 'file.directory': directory }));
    } while (swaps < 50 && Date.now() < deadline);
    running = false;
    await swapping;
    expect(swaps).to.be.at.least(50);
    const named = (name: string) => opened.filter((event) => fieldOf(event, 'file.name') === name).length;
    expect(named('always')).to.equal(runs * ROUNDS * 20);
    expect(named('never')).to.equal(0);
  });

  it('counts what it drops', async () => {
    const { sensor } = watching();
    sensor.filter.use(filterWith([{ type: 'component', text: 'nothing_has_this_name' }]));
    const before = sensor.counters.events().get('file_open');
    await script('for i in 1 2 3 4 5; do cat /etc/hostname > /dev/null; done');
    const counts = sensor.counters.events().get('file_open');
    if (before === undefined || counts === undefined) throw new Error('file_open has no counts');
    expect(counts.filtered - before.filtered).to.be.greaterThan(5);
    expect(counts.submitted).to.equal(before.submitted);
  });
});
