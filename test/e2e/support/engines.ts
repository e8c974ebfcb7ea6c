/**
 * Container engines of the distribution's packages, started with directories of
 * their own, and containers in them. No registry: the root file system is
 * busybox, with the host's libraries and programs mounted where a test needs
 * some. Needs root.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from './daemon.ts';
import { type Pod, type PodOptions, startPod } from './pod.ts';

const run = promisify(execFile);
/** Where engines lie is not in everybody's PATH. */
const ENV = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
/** An engine on a busy machine takes seconds; one that hangs ends the test. */
const LIMIT_MS = 60_000;
const APPLETS = ['sh', 'cat', 'cp', 'ls', 'ln', 'mkdir', 'rmdir', 'mount', 'umount', 'sleep', 'chmod', 'true'];
const IMAGE = 'registry.test:5000/team/busybox';

export interface RunOptions {
  readonly privileged?: boolean;
  /** Beside the engine's own choice, without CAP_. */
  readonly capabilities?: readonly string[];
  /** SOURCE:DESTINATION, with `:ro` behind it where nothing is to be changed. */
  readonly mounts?: readonly string[];
  readonly hostPid?: boolean;
  readonly hostCgroups?: boolean;
  /** First user id of the host that the container's root is. */
  readonly userNamespaceAt?: number;
}

export interface Engine {
  readonly runtime: string;
  /** Goes into the daemon's `engine_state`. */
  readonly state: string;
  /** Its socket, where it listens on one. */
  readonly socket?: string;
  /** Of what images are called in it; undefined where it runs a directory. */
  readonly image: string | undefined;
  /** Starts a container that sleeps; gives its id as the engine has it. */
  start(name: string, options?: RunOptions): Promise<string>;
  /** Runs a shell line in it. A line that fails is not an error: attacks may. */
  exec(name: string, line: string, terminal?: boolean): Promise<string>;
  /** Writes the image into an archive, where it has that. */
  saveImage?(file: string): Promise<void>;
  /** Starts a pod with one container over CRI, from an archive of the image, where it offers that. */
  startPod?(image: string, pod: PodOptions): Promise<{ readonly id: string; exec(line: string): Promise<string> }>;
  /** Removes the containers, stops the engine. */
  close(): Promise<void>;
}

/** A directory for everything that engines make, and the root file system of the containers. */
export class Place {
  readonly directory = mkdtempSync(join(tmpdir(), 'bpfwarden-containers-'));
  readonly root = join(this.directory, 'rootfs');

  constructor() {
    for (const name of ['bin', 'proc', 'sys', 'dev', 'etc', 'tmp', 'run', 'usr', 'host'])
      mkdirSync(join(this.root, name), { recursive: true });
    copyFileSync('/bin/busybox', join(this.root, 'bin/busybox'));
    for (const name of APPLETS) symlinkSync('busybox', join(this.root, 'bin', name));
    for (const name of ['lib', 'lib64']) symlinkSync(`usr/${name}`, join(this.root, name));
    writeFileSync(join(this.root, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\n');
  }

  path(...names: string[]): string {
    const path = join(this.directory, ...names);
    mkdirSync(path, { recursive: true });
    return path;
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** What a command writes; with `lenient` also when it fails. */
async function output(
  command: string,
  args: readonly string[],
  lenient = false,
  env: NodeJS.ProcessEnv = ENV,
): Promise<string> {
  try {
    const running = run(command, args, { timeout: LIMIT_MS, env, maxBuffer: 8 << 20 });
    running.child.stdin?.end();
    return (await running).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    if (lenient) return stdout ?? '';
    throw new Error(`${command} ${args.join(' ')}: ${stderr ?? String(error)}`);
  }
}

const SLEEPS = ['/bin/sleep', '600'];
const volumes = (options: RunOptions) => (options.mounts ?? []).flatMap((mount) => ['--volume', mount]);

export async function podman(place: Place): Promise<Engine> {
  const storage = place.path('podman/storage');
  const group = `/bpfwarden-test-${process.pid}`;
  // Its defaults ask for more open files than a container without CAP_SYS_RESOURCE may have.
  const configuration = join(place.path('podman'), 'containers.conf');
  writeFileSync(configuration, '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n');
  const env = { ...ENV, CONTAINERS_CONF: configuration, HOME: place.path('podman/home') };
  const base = [
    ...['--root', storage, '--runroot', place.path('podman/run'), '--tmpdir', place.path('podman/tmp')],
    ...['--runtime', 'runc', '--cgroup-manager', 'cgroupfs', '--events-backend', 'file', '--log-level', 'error'],
  ];
  const call = (args: readonly string[], lenient = false) => output('podman', [...base, ...args], lenient, env);
  // What the sandbox of a pod runs is the image's own command.
  const entry = ['--change', `ENTRYPOINT ${JSON.stringify(SLEEPS)}`];
  await importRoot(place, (tar) => call(['import', ...entry, tar, `${IMAGE}:1.2`]));
  const names: string[] = [];
  return {
    runtime: 'podman',
    saveImage: async (file) => void (await call(['save', '--output', file, `${IMAGE}:1.2`])),
    state: storage,
    image: IMAGE,
    async start(name, options = {}) {
      names.push(name);
      const id = await call([
        ...['run', '--detach', '--name', name, '--network', 'none', '--cgroup-parent', group, '--pull', 'never'],
        ...(options.privileged === true ? ['--privileged'] : []),
        ...(options.capabilities ?? []).flatMap((name) => ['--cap-add', name]),
        ...(options.hostPid === true ? ['--pid', 'host'] : []),
        ...(options.hostCgroups === true ? ['--cgroupns', 'host'] : []),
        ...(options.userNamespaceAt === undefined ? [] : ['--uidmap', `0:${options.userNamespaceAt}:65536`]),
        ...volumes(options),
        ...[`${IMAGE}:1.2`],
      ]);
      return id.trim();
    },
    exec: (name, line, terminal = false) =>
      call(['exec', ...(terminal ? ['--tty'] : []), name, '/bin/sh', '-c', line], true),
    async close() {
      for (const name of names) await call(['rm', '--force', '--time', '0', name], true);
      await call(['system', 'reset', '--force'], true);
      await removeGroups(group);
    },
  };
}

export async function docker(place: Place): Promise<Engine> {
  const data = place.path('docker/data');
  const socket = join(place.path('docker/run'), 'docker.sock');
  const group = `/bpfwarden-test-docker-${process.pid}`;
  const configuration = join(place.path('docker'), 'daemon.json');
  writeFileSync(configuration, '{}');
  const engine = daemonOf('dockerd', [
    ...[`--config-file=${configuration}`, `--data-root=${data}`, `--exec-root=${place.path('docker/exec')}`],
    ...[`--pidfile=${join(place.path('docker/run'), 'pid')}`, `--host=unix://${socket}`, `--cgroup-parent=${group}`],
    ...['--iptables=false', '--ip6tables=false', '--bridge=none', '--exec-opt=native.cgroupdriver=cgroupfs'],
  ]);
  const env = { ...ENV, DOCKER_HOST: `unix://${socket}`, HOME: place.path('docker/home') };
  const client = existsSync('/usr/bin/docker') ? '/usr/bin/docker' : 'docker';
  const call = (args: readonly string[], lenient = false) => output(client, args, lenient, env);
  const names: string[] = [];
  const close = async () => {
    if (names.length > 0) await call(['rm', '--force', ...names], true);
    await engine.stop();
    await removeGroups(group);
  };
  try {
    await engine.ready(() => call(['version']));
    await importRoot(place, (tar) => call(['import', tar, `${IMAGE}:1.2`]));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    runtime: 'docker',
    state: data,
    socket,
    image: IMAGE,
    async start(name, options = {}) {
      names.push(name);
      const id = await call([
        ...['run', '--detach', '--name', name, '--network', 'none', '--pull', 'never'],
        ...(options.privileged === true ? ['--privileged'] : []),
        ...(options.capabilities ?? []).flatMap((name) => ['--cap-add', name]),
        ...(options.hostPid === true ? ['--pid', 'host'] : []),
        ...(options.hostCgroups === true ? ['--cgroupns', 'host'] : []),
        ...volumes(options),
        ...[`${IMAGE}:1.2`, ...SLEEPS],
      ]);
      return id.trim();
    },
    exec: (name, line, terminal = false) =>
      call(['exec', ...(terminal ? ['--tty'] : []), name, '/bin/sh', '-c', line], true),
    close,
  };
}

export async function containerd(place: Place): Promise<Engine> {
  const state = place.path('containerd/state');
  const socket = join(place.path('containerd'), 'containerd.sock');
  const configuration = join(place.path('containerd'), 'config.toml');
  writeFileSync(
    configuration,
    `version = 2
root = "${place.path('containerd/root')}"
state = "${state}"
[grpc]
  address = "${socket}"
[ttrpc]
  address = "${socket}.ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
  disable_tcp_service = true
  restrict_oom_score_adj = true
  sandbox_image = "${IMAGE}:1.2"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${place.path('containerd/cni/bin')}"
    conf_dir = "${place.path('containerd/cni/net.d')}"
`,
  );
  const engine = daemonOf('containerd', ['--config', configuration]);
  const namespace = `bpfwarden-test-ctr-${process.pid}`;
  const call = (args: readonly string[], lenient = false) =>
    output('ctr', ['--address', socket, '--namespace', namespace, ...args], lenient);
  const names: string[] = [];
  const pods: Pod[] = [];
  let calls = 0;
  const close = async () => {
    for (const pod of pods) await pod.remove();
    for (const name of names) {
      await call(['tasks', 'kill', '--signal', 'SIGKILL', '--all', name], true);
      await call(['tasks', 'delete', '--force', name], true);
      await call(['containers', 'delete', name], true);
    }
    await engine.stop();
    await removeGroups(`/${namespace}`);
  };
  try {
    await engine.ready(() => call(['version']));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    runtime: 'containerd',
    state,
    socket,
    image: undefined,
    async startPod(image, options) {
      const inPods = (args: readonly string[], lenient = false) =>
        output('ctr', ['--address', socket, '--namespace', 'k8s.io', ...args], lenient);
      await inPods(['images', 'import', '--snapshotter', 'native', image]);
      const where = { socket, image: `${IMAGE}:1.2`, group: `/${namespace}`, logs: place.path('logs') };
      const pod = await startPod({ ...options, ...where, command: SLEEPS });
      pods.push(pod);
      const exec = (line: string) =>
        inPods(['tasks', 'exec', '--exec-id', `e${++calls}`, pod.id, '/bin/sh', '-c', line], true);
      return { id: pod.id, exec };
    },
    async start(name, options = {}) {
      names.push(name);
      const mounts = (options.mounts ?? []).map((mount) => {
        const [source, destination, mode = 'rw'] = mount.split(':');
        return ['--mount', `type=bind,src=${source},dst=${destination},options=rbind:${mode}`];
      });
      await call([
        ...['run', '--detach', '--rootfs'],
        ...(options.privileged === true ? ['--privileged'] : []),
        ...(options.capabilities ?? []).flatMap((name) => ['--cap-add', `CAP_${name}`]),
        ...(options.hostPid === true ? ['--with-ns', `pid:/proc/${process.pid}/ns/pid`] : []),
        ...mounts.flat(),
        ...[place.root, name, ...SLEEPS],
      ]);
      return name;
    },
    exec(name, line, terminal = false) {
      const args = ['tasks', 'exec', '--exec-id', `e${++calls}`, name, '/bin/sh', '-c', line];
      if (!terminal) return call(args, true);
      // ctr gives a terminal only to who has one.
      const command = ['ctr', '--address', socket, '--namespace', namespace, ...args.toSpliced(2, 0, '--tty')];
      return output('script', ['--quiet', '--command', command.map(quoted).join(' '), '/dev/null'], true);
    },
    close,
  };
}

async function importRoot(place: Place, give: (tar: string) => Promise<string>): Promise<void> {
  const tar = join(place.directory, 'rootfs.tar');
  if (!existsSync(tar)) execFileSync('tar', ['-C', place.root, '-cf', tar, '.']);
  await give(tar);
}

/** An engine's own daemon, whose words are shown when it does not come up. */
function daemonOf(command: string, args: readonly string[]) {
  const child: ChildProcess = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], env: ENV });
  let log = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-8_000);
  });
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', (error) => {
      log += String(error);
      resolve();
    });
  });
  const hasEnded = () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
  return {
    async ready(probe: () => Promise<unknown>): Promise<void> {
      await eventually(
        `${command} answers`,
        async () => {
          if (hasEnded()) throw new Error(log);
          await probe();
          return true;
        },
        LIMIT_MS,
      );
    },
    async stop(): Promise<void> {
      if (!hasEnded()) child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Empty groups that an engine leaves behind, in every hierarchy. */
async function removeGroups(group: string): Promise<void> {
  const mounts = execFileSync('findmnt', ['-rn', '-t', 'cgroup,cgroup2', '-o', 'TARGET'], { encoding: 'utf8' });
  // The last process may not have left yet.
  for (const path of mounts
    .trim()
    .split('\n')
    .map((hierarchy) => join(hierarchy, group)))
    await eventually(`${path} is removed`, () => {
      if (existsSync(path)) removeTree(path);
      return true;
    });
}

function removeTree(group: string): void {
  for (const entry of readdirSync(group, { withFileTypes: true }))
    if (entry.isDirectory()) removeTree(join(group, entry.name));
  rmdirSync(group);
}
