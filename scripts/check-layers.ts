/** Data flows one way: lists what breaks the rules of layers.ts, and exits 1 then. */
import { importsOf, layerFaults } from './layers.ts';

const faults = layerFaults(importsOf());
for (const fault of faults) console.error(fault);
process.exitCode = faults.length === 0 ? 0 : 1;
