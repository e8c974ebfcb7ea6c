import { expect } from 'chai';
import { containerOf } from '../../src/enrich/containers.ts';

const ID = 'a1b2c3d4'.repeat(8);
const POD = '12345678-1234-1234-1234-123456789abc';

describe('container of a cgroup path', () => {
  const known: readonly [string, string, string, (string | undefined)?, number?][] = [
    [`/system.slice/docker-${ID}.scope`, ID, 'docker'],
    [`/docker/${ID}`, ID, 'docker'],
    [
      `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${POD.replaceAll('-', '_')}.slice/cri-containerd-${ID}.scope`,
      ID,
      'containerd',
      POD,
    ],
    [`/kubepods/besteffort/pod${POD}/${ID}`, ID, 'containerd', POD],
    [`/kubepods.slice/kubepods-pod${POD.replaceAll('-', '_')}.slice/crio-${ID}.scope`, ID, 'cri-o', POD],
    [`/machine.slice/libpod-${ID}.scope/container`, ID, 'podman'],
    [`/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope`, ID, 'podman', undefined, 1000],
    ['/lxc.payload.web/init.scope', 'web', 'lxc'],
    ['/lxc/web', 'web', 'lxc'],
    ['/machine.slice/machine-debian\\x2dtest.scope', 'debian-test', 'systemd-nspawn'],
    ['/machine.slice/systemd-nspawn@web.service/payload', 'web', 'systemd-nspawn'],
  ];
  for (const [cgroup, id, runtime, podUid, uid] of known) {
    it(`${runtime}: ${cgroup.replace(ID, 'ID')}`, () => {
      expect(containerOf(cgroup)).to.deep.equal({ id, runtime, podUid, uid });
    });
  }

  for (const cgroup of [
    '/',
    '',
    '/user.slice/user-0.slice/session-1.scope',
    '/system.slice/docker.service',
    '/lxc.monitor.web',
    '/system.slice/containerd.service',
  ]) {
    it(`none for ${cgroup || 'the empty path'}`, () => {
      expect(containerOf(cgroup)).to.equal(undefined);
    });
  }
});
