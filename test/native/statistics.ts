/** Switches program statistics on and stays (statistics.test.ts plays it): statistics.ts OBJECT. */
import { check, loadAddon } from './support.ts';

const native = loadAddon();
check(native.open(process.argv[2] ?? ''));
check(native.enableStatistics());
console.log('on');
setInterval(() => undefined, 1000);
