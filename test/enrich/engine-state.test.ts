import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { containerOf } from '../../src/enrich/containers.ts';
import { enginePlaces } from '../../src/enrich/engine-places.ts';
import { containerByState, readEngineState } from '../../src/enrich/engine-state.ts';

const ID = 'ab'.repeat(32);
const OTHER = 'cd'.repeat(32);

describe('The state that container engines keep', () => {
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'engines-'));
  });
  afterEach(() => {
    rmSync(root, { recursive: true });
  });

  function write(path: string, content: unknown): void {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  }
  const read = (runtime: string, id = ID, uid?: number) =>
    readEngineState({ id, runtime, podUid: undefined, uid }, enginePlaces([], root));

  it('of Docker', () => {
    write(`var/lib/docker/containers/${ID}/config.v2.json`, {
      Name: '/web',
      Image: `sha256:${OTHER}`,
      Config: { Image: 'registry:5000/team/nginx:1.25@sha256:0a1b', Labels: { team: 'web', 'io.x': '1' } },
      NetworkSettings: { Networks: { none: { IPAddress: '' }, bridge: { IPAddress: '172.17.0.2' } } },
    });
    write(`var/lib/docker/containers/${ID}/hostconfig.json`, { Privileged: true });
    expect(read('docker')).to.deep.equal({
      name: 'web',
      image: 'registry:5000/team/nginx',
      imageTag: '1.25',
      imageId: OTHER,
      imageDigest: 'sha256:0a1b',
      privileged: true,
      labels: { team: 'web', 'io.x': '1' },
      ip: '172.17.0.2',
    });
    expect(read('docker', OTHER)).to.deep.equal({});
  });

  const all = ['CAP_CHOWN', 'CAP_SYS_ADMIN', 'CAP_SYS_MODULE', 'CAP_SYS_RAWIO', 'CAP_SYS_BOOT'];
  const spec = (bounding: string[], maskedPaths: string[], annotations: object) => ({
    process: { capabilities: { bounding } },
    linux: { maskedPaths },
    annotations,
  });

  it("of containerd's CRI, in whichever of its namespaces", () => {
    write('run/containerd/io.containerd.runtime.v2.task/moby/x/config.json', '{}');
    write(
      `run/containerd/io.containerd.runtime.v2.task/k8s.io/${ID}/config.json`,
      spec(all, [], {
        'io.kubernetes.cri.container-name': 'proxy',
        'io.kubernetes.cri.image-name': 'registry.k8s.io/kube-proxy:v1.31.0',
        'io.kubernetes.cri.sandbox-name': 'kube-proxy-7x2',
        'io.kubernetes.cri.sandbox-id': OTHER,
        'io.kubernetes.cri.sandbox-namespace': 'kube-system',
      }),
    );
    expect(read('containerd')).to.deep.equal({
      name: 'proxy',
      image: 'registry.k8s.io/kube-proxy',
      imageTag: 'v1.31.0',
      privileged: true,
      sandboxId: OTHER,
      podName: 'kube-proxy-7x2',
      podNamespace: 'kube-system',
    });
  });

  it('of CRI-O and podman', () => {
    const folder = `containers/storage/overlay-containers/${ID}/userdata/config.json`;
    write(
      `run/${folder}`,
      spec(['CAP_CHOWN'], ['/proc/kcore'], {
        'io.kubernetes.container.name': 'app',
        'io.kubernetes.cri-o.ImageName': 'quay.io/team/app:2',
        'io.kubernetes.pod.name': 'app-0',
        'io.kubernetes.pod.namespace': 'shop',
      }),
    );
    expect(read('cri-o')).to.deep.equal({
      name: 'app',
      image: 'quay.io/team/app',
      imageTag: '2',
      privileged: false,
      podName: 'app-0',
      podNamespace: 'shop',
    });
    write('var/lib/containers/storage/overlay-containers/containers.json', [
      {
        id: OTHER,
        names: ['db'],
        image: ID,
        metadata: JSON.stringify({ 'image-name': 'docker.io/library/mariadb:11' }),
      },
    ]);
    expect(read('podman', OTHER)).to.deep.equal({
      name: 'db',
      image: 'docker.io/library/mariadb',
      imageTag: '11',
      imageId: ID,
    });
  });

  it('is not known where it is half written, no JSON or of another engine', () => {
    write(`var/lib/docker/containers/${ID}/config.v2.json`, '{"Name": "/we');
    expect(read('docker')).to.deep.equal({});
    write(`var/lib/docker/containers/${OTHER}/config.v2.json`, '[1]');
    expect(read('docker', OTHER)).to.deep.equal({});
    expect(read('unknown')).to.deep.equal({});
    expect(read('docker', '../../etc')).to.deep.equal({});
    expect(read('lxc', 'web')).to.deep.equal({ name: 'web' });
  });

  it('of what the host mounts into it, without what every container gets', () => {
    const bind = (source: string, destination: string) => ({ type: 'bind', source, destination, options: ['rbind'] });
    write(`run/containerd/io.containerd.runtime.v2.task/default/${ID}/config.json`, {
      mounts: [
        { type: 'proc', source: 'proc', destination: '/proc' },
        bind('/var/lib/engine/hosts', '/etc/hosts'),
        bind('/var/run/docker.sock', '/var/run/docker.sock'),
        { source: '/', destination: '/host', options: ['bind', 'ro'] },
        bind('/', '/again'),
      ],
    });
    expect(read('containerd')).to.deep.equal({
      hostPaths: ['/', '/var/run/docker.sock'],
      mounts: [
        '/var/lib/engine/hosts:/etc/hosts::true:',
        '/var/run/docker.sock:/var/run/docker.sock::true:',
        '/:/host::false:',
        '/:/again::true:',
      ],
    });
    write(`var/lib/docker/containers/${ID}/config.v2.json`, {
      Name: '/agent',
      MountPoints: {
        '/host': { Type: 'bind', Source: '/', Destination: '/host', RW: true, Relabel: 'z', Propagation: 'rslave' },
        '/data': { Type: 'volume', Source: '/var/lib/docker/volumes/data/_data', Destination: '/data' },
      },
    });
    expect(read('docker')).to.deep.equal({
      name: 'agent',
      hostPaths: ['/'],
      mounts: ['/:/host:z:true:rslave', '/var/lib/docker/volumes/data/_data:/data::false:'],
    });
  });

  it('of k3s, of an engine that keeps its state elsewhere, of other storage drivers, of a user without root', () => {
    const annotated = (name: string) => spec(['CAP_CHOWN'], [], { 'nerdctl/name': name });
    write(`run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/${ID}/config.json`, annotated('traefik'));
    expect(read('containerd')).to.include({ name: 'traefik' });
    write(`data/docker/containers/${ID}/config.v2.json`, { Name: '/moved' });
    const moved = enginePlaces([join(root, 'data/docker')], root);
    const container = { id: ID, runtime: 'docker', podUid: undefined, uid: undefined };
    expect(readEngineState(container, moved)).to.deep.equal({ name: 'moved' });
    expect(read('docker')).to.deep.equal({});
    write(`var/lib/containers/storage/vfs-containers/${ID}/userdata/config.json`, annotated('by-root'));
    expect(read('podman')).to.include({ name: 'by-root' });
    write('etc/passwd', 'root:x:0:0::/root:/bin/sh\nkim:x:1000:1000:Kim,,:/home/kim:/bin/sh\n');
    write(`home/kim/.local/share/containers/storage/overlay-containers/${ID}/userdata/config.json`, annotated('kims'));
    expect(read('podman', ID, 1000)).to.include({ name: 'kims' });
    expect(read('podman', ID, 1001)).to.include({ name: 'by-root' });
  });

  it("tells a task of containerd's by its namespace and name in the cgroup path", () => {
    const places = enginePlaces([], root);
    write('run/containerd/io.containerd.runtime.v2.task/default/web-1/config.json', spec(all, [], {}));
    expect(containerByState('/default/web-1', undefined, places)).to.deep.equal({
      id: 'web-1',
      runtime: 'containerd',
      podUid: undefined,
      uid: undefined,
    });
    expect(read('containerd', 'web-1')).to.deep.equal({ name: 'web-1', privileged: true });
    for (const path of ['/default/web-2', '/system.slice/ssh.service', '/../../etc', '/default/..', '/default/web-1/x'])
      expect(containerByState(path, undefined, places), path).to.equal(undefined);
    expect(containerOf('/default/web-1')).to.equal(undefined);
  });

  it('tells the engine of a container below a group that somebody chose', () => {
    const places = enginePlaces([], root);
    const engineOf = (id: string) => {
      const cgroup = `/apps/web/${id}`;
      return containerByState(cgroup, containerOf(cgroup), places);
    };
    expect(engineOf(ID)).to.include({ id: ID, runtime: 'unknown' });
    write(`run/containerd/io.containerd.runtime.v2.task/default/${OTHER}/config.json`, {});
    expect(engineOf(OTHER)).to.include({ id: OTHER, runtime: 'containerd' });
    write(`run/containerd/io.containerd.runtime.v2.task/moby/${ID}/config.json`, {});
    write(`var/lib/docker/containers/${ID}/config.v2.json`, { Name: '/web' });
    expect(engineOf(ID)).to.include({ id: ID, runtime: 'docker' });
    const pods = 'ef'.repeat(32);
    write(`var/lib/containers/storage/overlay-containers/${pods}/userdata/config.json`, spec(all, [], {}));
    expect(engineOf(pods)).to.include({ id: pods, runtime: 'podman' });
  });
});
