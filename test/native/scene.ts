/** One way to end, in a process of its own: scene.ts NAME OBJECT (life.test.ts plays it). */
import { bufferFor, check, loadAddon, loadFixture, order, trigger } from './support.ts';

const [, , name = '', path = ''] = process.argv;
const native = loadAddon();

const SCENES: Readonly<Record<string, () => void>> = {
  exit: () => {
    console.log('exiting');
    process.exit(7);
  },
  'exit-inside': () => {
    console.log('inside');
    process.exit(8);
  },
  throw: () => {
    throw new Error('thrown in the callback');
  },
  close: () => {
    check(native.close());
    console.log('closed');
  },
};

loadFixture(native, path);
order(native, { bulk: 1, priority: 1 });
const play = SCENES[name];
if (play === undefined) throw new Error(`no scene ${name}`);
check(native.start(() => (name === 'exit' ? undefined : play()), bufferFor(native)));
trigger();
if (name === 'exit') setTimeout(play, 20);
