/**
 * Real containers of podman, Docker and containerd under the whole daemon: what
 * it knows of them, and what it says to the ways out of one. Every engine is the
 * distribution's package with directories of its own; nothing is fetched.
 */
import { join } from 'node:path';
import { expect } from 'chai';
import { type Daemon, eventually, readLines, startDaemon } from './support/daemon.ts';
import { containerd, docker, type Engine, Place, podman, type RunOptions } from './support/engines.ts';

interface Seen {
  readonly event: { readonly type: string };
  readonly process: {
    readonly command_line?: string;
    readonly upper_layer?: boolean;
    readonly own_namespaces?: string[];
  };
  readonly container?: Readonly<Record<string, unknown>>;
  readonly rule?: { readonly name: string };
}

const POD = {
  uid: '0b3c1f62-8e55-4b3c-9d0c-2a1c3fbb1a10',
  name: 'web-7d4',
  namespace: 'shop',
  labels: { app: 'web', secret: 'x' },
  container: 'nginx',
};
/** On a busy machine an engine, the daemon and the ring are each seconds behind. */
const WAIT_MS = 60_000;

describe('containers', function () {
  this.timeout(300_000);
  const place = new Place();
  const engines = new Map<string, Engine>();
  let daemon: Daemon | undefined;
  const events = join(place.path('daemon'), 'events.ndjson');
  const alerts = join(place.path('daemon'), 'alerts.ndjson');
  const engineOf = (runtime: string): Engine => {
    const engine = engines.get(runtime);
    if (engine === undefined) throw new Error(`${runtime} did not start`);
    return engine;
  };

  before(async () => {
    for (const make of [podman, docker, containerd]) {
      const engine = await make(place);
      engines.set(engine.runtime, engine);
    }
    const state = JSON.stringify([...engines.values()].map((engine) => engine.state));
    daemon = await startDaemon({
      output: `[output]\nalerts_file = "${alerts}"\nevents_file = "${events}"\nevents_kinds = ["process_exec"]\n`,
      toml: `[enrich]\nengine_state = ${state}\n[kubernetes]\ncri_socket = "${engineOf('containerd').socket}"\npod_labels = ["app"]\n`,
    });
  });
  after(async () => {
    await daemon?.stop();
    const ends = await Promise.allSettled([...engines.values()].map((engine) => engine.close()));
    place.remove();
    expect(ends.flatMap((end) => (end.status === 'rejected' ? [String(end.reason)] : []))).to.deep.equal([]);
  });

  let marks = 0;
  /** Runs a program in a container and gives the event of its start. */
  async function startIn(exec: (line: string) => Promise<unknown>, program = '/bin/true'): Promise<Seen> {
    const line = `${program} mark-${++marks}`;
    await exec(line);
    return eventually(
      `the start of ${line}`,
      () => (readLines(events) as unknown as Seen[]).find((event) => event.process.command_line === line),
      WAIT_MS,
    );
  }
  const alertOf = (rule: string, container: string) =>
    eventually(
      `${rule} in ${container}`,
      () =>
        (readLines(alerts) as unknown as Seen[]).find(
          (alert) => alert.rule?.name === rule && alert.container?.name === container,
        ),
      WAIT_MS,
    );

  for (const runtime of ['podman', 'docker', 'containerd'])
    describe(runtime, () => {
      it('has the id, name, image and namespaces that the engine says', async () => {
        const engine = engineOf(runtime);
        const id = await engine.start(`${runtime}-plain`);
        const { container, process } = await startIn((line) => engine.exec(`${runtime}-plain`, line));
        expect(container).to.include({ id, runtime, name: `${runtime}-plain`, privileged: false });
        if (engine.image !== undefined) expect(container?.image).to.include({ name: engine.image, tag: '1.2' });
        expect(process.own_namespaces).to.include.members(['mount', 'pid']).and.not.to.include('user');
        expect(container).not.to.have.property('host_paths');
      });

      it('is told of a shell that somebody opens in it', async () => {
        const engine = engineOf(runtime);
        await engine.exec(`${runtime}-plain`, '/bin/true', true);
        await alertOf('container_terminal_shell', `${runtime}-plain`);
      });

      it('is told of what it has of the host', async () => {
        const engine = engineOf(runtime);
        const options: RunOptions = { capabilities: ['SYS_ADMIN', 'SYS_PTRACE'], hostPid: true, hostCgroups: true };
        const mounts = ['/:/host:ro', '/usr:/usr:ro'];
        // The engine's socket, where an agent expects it.
        const { socket } = engineOf('docker');
        if (runtime !== 'containerd') mounts.push(`${socket}:/run/docker.sock`);
        await engine.start(`${runtime}-agent`, { ...options, mounts });
        const { container, process } = await startIn((line) => engine.exec(`${runtime}-agent`, line));
        expect(container?.host_paths).to.include.members(['/', '/usr']);
        expect(process.own_namespaces).to.include('mount').and.not.to.include('pid');
        await alertOf('container_with_host_access', `${runtime}-agent`);
      });

      /** What gets out of a container, or tries; whether it succeeds is the host's business. */
      const ways: readonly [string, string, string][] = [
        ['nsenter to pid 1', '/usr/bin/nsenter --target 1 --mount -- /bin/true', 'host_namespace_entered'],
        ['setns', `/usr/bin/nsenter --target ${process.pid} --mount -- /bin/true`, 'namespace_changed'],
        ['chroot into the host', '/usr/sbin/chroot /host /bin/true', 'root_changed_to_host'],
        ['the root of pid 1', 'cat /proc/1/root/etc/hostname', 'root_of_init_looked_into'],
        ['accounts of the host', 'cat /host/etc/shadow >/dev/null', 'host_secret_read_in_container'],
        ['a mount', 'mkdir /new; mount -t tmpfs new /new', 'container_mount_attempt'],
        [
          'a release agent',
          `mkdir /groups; mount -t cgroup -o none,name=bpfwarden-${process.pid} groups /groups; mkdir /groups/x
           echo /bin/true >/groups/release_agent; echo 1 >/groups/x/notify_on_release
           rmdir /groups/x; umount /groups`,
          'notify_on_release_set',
        ],
      ];
      for (const [what, line, rule] of ways)
        it(`is told of a way out: ${what}`, async () => {
          await engineOf(runtime).exec(`${runtime}-agent`, line);
          await alertOf(rule, `${runtime}-agent`);
        });
    });

  for (const runtime of ['podman', 'docker'])
    describe(`${runtime}, where an image is the root`, () => {
      it(`a program that is not of the image`, async () => {
        const engine = engineOf(runtime);
        expect((await startIn((line) => engine.exec(`${runtime}-plain`, line))).process.upper_layer).not.to.equal(true);
        await engine.exec(`${runtime}-plain`, 'mkdir /opt; cp /bin/busybox /opt/true');
        expect(
          (await startIn((line) => engine.exec(`${runtime}-plain`, line), '/opt/true')).process.upper_layer,
        ).to.equal(true);
        await alertOf('container_new_binary_executed', `${runtime}-plain`);
      });

      it(`the engine's socket`, async () => {
        const connect = 'import socket; socket.socket(socket.AF_UNIX).connect("/run/docker.sock")';
        await engineOf(runtime).exec(`${runtime}-agent`, `/usr/bin/python3 -c '${connect}'`);
        await alertOf('container_engine_socket_used', `${runtime}-agent`);
      });
    });

  describe('a container that is', () => {
    it('podman: privileged, and what it does to the kernel', async () => {
      const engine = engineOf('podman');
      await engine.start('privileged', { privileged: true, mounts: ['/proc:/host/proc'] });
      expect((await startIn((line) => engine.exec('privileged', line))).container).to.include({ privileged: true });
      await alertOf('container_with_host_access', 'privileged');
      await engine.exec('privileged', ': >>/host/proc/sys/kernel/core_pattern');
      await alertOf('kernel_usermode_helper_changed', 'privileged');
    });

    it('podman: of users of its own', async () => {
      const engine = engineOf('podman');
      await engine.start('mapped', { userNamespaceAt: 100_000 });
      const { container, process } = await startIn((line) => engine.exec('mapped', line));
      expect(container).to.include({ name: 'mapped', privileged: false });
      expect(process.own_namespaces).to.include.members(['user', 'mount', 'pid']);
    });

    it('containerd: of a pod of Kubernetes, with the labels that its engine tells over CRI', async () => {
      const [{ saveImage }, { startPod }] = [engineOf('podman'), engineOf('containerd')];
      if (saveImage === undefined || startPod === undefined) throw new Error('no archive or no CRI');
      const archive = join(place.directory, 'image.tar');
      await saveImage(archive);
      const { id, exec } = await startPod(archive, POD);
      // Its labels come with the engine's next list, which an unknown pod has asked for.
      const { container } = await eventually(
        'the labels are known',
        async () => {
          const seen = await startIn(exec);
          return seen.container?.pod_labels === undefined ? undefined : seen;
        },
        WAIT_MS,
      );
      expect(container).to.deep.include({
        id,
        runtime: 'containerd',
        name: POD.container,
        pod_name: POD.name,
        pod_namespace: POD.namespace,
        pod_uid: POD.uid,
        pod_labels: { app: 'web' },
      });
    });
  });
});
