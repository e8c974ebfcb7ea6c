/** Falco's rules under a live daemon: what each finds, and what only looks like it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { isOf, runScript } from '../../cases/run.ts';
import { type Daemon, eventually, startDaemon } from './daemon.ts';

export const FALCO_FIXTURES = join(import.meta.dirname, '..', '..', 'rules', 'falco', 'fixtures');

export interface Behaviour {
  readonly rule: string;
  readonly script: string;
  /** The near miss. */
  readonly miss: string;
}

export const python = (code: string) => `$PYTHON -c "${code}"`;
/** A shell that goes by the name of the program in front. */
export const named = (name: string, commands: string) => `cp /bin/bash $D/${name}; $D/${name} -c '${commands}'`;

/** An address of documentation that is this host's, in a network namespace of its own. */
export const ADDRESS = '198.51.100.9';
export function inNetwork(commands: string): string {
  return `unshare -n bash -c "ip link set lo up; ip addr add ${ADDRESS}/32 dev lo; ${commands}"`;
}

/** A connection within the network namespace, by a program of this name. */
export function connects(name: string, port: number, address = ADDRESS): string {
  const end = `('${address}', ${port})`;
  const code = `import socket; l = socket.socket(); l.bind(${end}); l.listen(); c = socket.create_connection(${end}); l.accept()`;
  return `ln -sf $PYTHON $D/${name}; ${inNetwork(`$D/${name} -c \\"${code}\\"`)}`;
}

/** With an empty file system over a directory, in a mount namespace of its own. */
export function over(directory: string, commands: string): string {
  return `unshare -m bash -c "mount -t tmpfs none ${directory}; ${commands}"`;
}

/** A copy of true by another name, as somebody without privileges. */
export const asUser = (name: string, ...args: readonly string[]) =>
  `chmod 755 $D; cp /bin/true $D/${name}; setpriv --reuid=1000 --clear-groups $D/${[name, ...args].join(' ')}`;

/** `more` gets the daemon once everything has run. */
export function describeRules(
  title: string,
  files: readonly string[],
  behaviours: readonly Behaviour[],
  more: (daemon: () => Daemon) => void = () => undefined,
): void {
  describe(title, function () {
    this.timeout(400_000);
    let daemon: Daemon;
    let directory = '';
    const pids = new Map<string, number>();
    const rulesOf = (pid: number | undefined) =>
      daemon
        .alerts()
        .flatMap((alert) => (pid !== undefined && isOf(pid, alert) ? (alert.rule as { name: string }).name : []));

    before(async () => {
      directory = mkdtempSync(join(tmpdir(), 'bpfwarden-falco-'));
      const rules = join(directory, 'none.json');
      writeFileSync(rules, JSON.stringify({ rules: [{ name: 'none', condition: "event.type == 'none'" }] }));
      // Those that their files switch off, too.
      const on = join(directory, 'on.yaml');
      const enabled = behaviours.map(
        ({ rule }) => `- rule: ${rule}\n  enabled: true\n  override: {enabled: replace}\n`,
      );
      writeFileSync(on, enabled.join(''));
      daemon = await startDaemon({
        toml: '[ledger]\ndedupe_seconds = 0\nalerts_per_minute = 0\n',
        flags: [`--rules.path=${rules}`, ...[...files, on].map((file) => `--falco.path=${file}`)],
      });
      for (const { rule, script, miss } of behaviours) {
        pids.set(`not ${rule}`, runScript({ script: miss }));
        pids.set(rule, runScript({ script }));
      }
    });
    after(async () => {
      await daemon.stop();
      rmSync(directory, { recursive: true, force: true });
    });

    for (const { rule } of behaviours) {
      it(`${rule}: fires, and not on the near miss`, async () => {
        await eventually('the alert', () => rulesOf(pids.get(rule)).includes(rule) || undefined, 20_000).catch(() =>
          expect(rulesOf(pids.get(rule)), 'alerts of the script').to.include(rule),
        );
        // The near miss ran before: whatever it led to would be there by now.
        expect(rulesOf(pids.get(`not ${rule}`)), 'alerts of the near miss').to.not.include(rule);
      });
    }
    more(() => daemon);
  });
}
