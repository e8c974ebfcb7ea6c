import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { readEngineState } from '../../src/enrich/engine-state.ts';

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
  const read = (runtime: string, id = ID) => readEngineState({ id, runtime }, root);

  it('of Docker', () => {
    write(`var/lib/docker/containers/${ID}/config.v2.json`, {
      Name: '/web',
      Image: `sha256:${OTHER}`,
      Config: { Image: 'registry:5000/team/nginx:1.25', Labels: {} },
    });
    write(`var/lib/docker/containers/${ID}/hostconfig.json`, { Privileged: true });
    expect(read('docker')).to.deep.equal({
      name: 'web',
      image: 'registry:5000/team/nginx',
      imageTag: '1.25',
      imageId: OTHER,
      privileged: true,
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
        'io.kubernetes.cri.sandbox-namespace': 'kube-system',
      }),
    );
    expect(read('containerd')).to.deep.equal({
      name: 'proxy',
      image: 'registry.k8s.io/kube-proxy',
      imageTag: 'v1.31.0',
      privileged: true,
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
});
