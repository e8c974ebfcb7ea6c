// An enricher: has this host run the executable before, and how common is what
// started it? Malware is new on a host, and its parent (a mail reader, a web
// server) seldom starts programs; both are weak signs alone and good ones
// beside a rule that matched.
//
// It adds to every alert:
//   "plugins": {"first-seen": {"first_run": true, "runs": 1, "parent_share": 0.004}}
//
//   first_run     this host had not run the executable before
//   runs          how often it has run since the plugin keeps count, this time included
//   parent_share  part of all runs on this host that had this parent (0 to 1)
//
// [[plugins]]
// name = "first-seen"
// module = "/etc/bpfwarden/plugins/first-seen.mjs"

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Executables and parents remembered; the one seen longest ago is forgotten. */
const MAX_ENTRIES = 10_000;
const SAVE_EVERY_MS = 10_000;

export default {
  apiVersion: 1,
  kind: 'enricher',
  observes: ['process_exec'],

  create({ directory }) {
    const file = join(directory, 'counts.json');
    const saved = load(file);
    const executables = new Map(saved.executables);
    const parents = new Map(saved.parents);
    let total = saved.total;
    let dirty = false;

    const save = () => {
      if (!dirty) return;
      dirty = false;
      const text = JSON.stringify({ total, executables: [...executables], parents: [...parents] });
      writeFileSync(`${file}.new`, text, { mode: 0o600 });
      renameSync(`${file}.new`, file);
    };
    const timer = setInterval(save, SAVE_EVERY_MS);
    timer.unref();

    const count = (map, key) => {
      const value = (map.get(key) ?? 0) + 1;
      map.delete(key);
      map.set(key, value);
      if (map.size > MAX_ENTRIES) map.delete(map.keys().next().value);
      return value;
    };

    return {
      observe(event) {
        const path = event.process?.path;
        if (typeof path !== 'string') return;
        total += 1;
        dirty = true;
        count(executables, path);
        const parent = event.process.parent?.path;
        if (typeof parent === 'string') count(parents, parent);
      },
      enrich(alert) {
        const path = alert.process?.path;
        if (typeof path !== 'string') return undefined;
        const runs = executables.get(path) ?? 0;
        const parent = alert.process.parent?.path;
        return {
          // The run that raised the alert is counted already.
          first_run: runs <= 1,
          runs,
          ...(typeof parent === 'string' && total > 0 ? { parent_share: (parents.get(parent) ?? 0) / total } : {}),
        };
      },
      close() {
        clearInterval(timer);
        save();
      },
    };
  },
};

function load(file) {
  try {
    const { total, executables, parents } = JSON.parse(readFileSync(file, 'utf8'));
    if (Number.isSafeInteger(total) && Array.isArray(executables) && Array.isArray(parents))
      return { total, executables, parents };
  } catch (error) {
    if (error.code !== 'ENOENT') console.error(`${file} is not readable, counting begins anew: ${error.message}`);
  }
  return { total: 0, executables: [], parents: [] };
}
