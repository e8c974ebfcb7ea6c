// A worker that loads the fixture and reports five records; life.test.ts runs it.
import { createRequire } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';

const native = createRequire(import.meta.url)('../../build/Release/bpfwarden.node');
const u32 = (...values) => new Uint8Array(new Uint32Array(values).buffer);
const check = (status) => {
  if (status < 0) throw new Error(`answered ${status}: ${native.takeLog()}`);
};

check(native.open(workerData.path));
check(native.setKnob('target_pid', u32(process.pid)));
check(native.setKnob('kill_number', u32(process.arch === 'arm64' ? 129 : 62, 0)));
check(native.setMapEntries('bulk_ring', 65536));
check(native.setMapEntries('priority_ring', 65536));
check(native.setAutoload('refused', false));
check(native.load());
check(native.attach('on_kill'));
check(native.writeMap('orders', u32(0), u32(0, 5, 64, 0)));
check(
  native.start(
    (_bulkBytes, priorityBytes) => {
      parentPort.postMessage({ records: priorityBytes / 72 });
      if (workerData.how === 'close') native.close();
      if (workerData.how === 'exit') process.exit(0);
    },
    new ArrayBuffer((1 << 20) + 65536 + 131072),
  ),
);
process.kill(process.pid, 0);
