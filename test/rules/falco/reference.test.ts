import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { OUTPUTS } from '../../../scripts/generate-falco.ts';
import { EVENT_TYPES } from '../../../src/rules/falco/events.ts';
import { FALCO_FIELDS } from '../../../src/rules/falco/fields/table.ts';
import { KINDS } from '../../../src/schema/kinds.ts';

/** What `falco --list=syscall` of 0.45 names, tables of sysdig included; families with what follows their name. */
const LISTED: Readonly<Record<string, string>> = {
  evt: `num time time.s time.iso8601 datetime datetime.s rawtime rawtime.s rawtime.ns reltime reltime.s reltime.ns
    pluginname plugininfo source is_async asynctype hostname latency latency.s latency.ns latency.quantized
    latency.human deltatime deltatime.s deltatime.ns outputtime dir type type.is category cpu args arg rawarg info
    buffer buflen res rawres failed is_io is_io_read is_io_write io_dir is_wait wait_latency is_syslog count
    count.error count.error.file count.error.net count.error.memory count.error.other count.exit count.procinfo
    count.threadinfo around abspath buflen.in buflen.out buflen.file buflen.file.in buflen.file.out buflen.net
    buflen.net.in buflen.net.out is_open_read is_open_write is_open_exec is_open_create infra.docker.name
    infra.docker.container.id infra.docker.container.name infra.docker.container.image`,
  syscall: 'type',
  proc: `exe pexe aexe exepath pexepath aexepath name pname aname args aargs cmdline pcmdline acmdline cmdnargs
    cmdlenargs exeline env aenv cwd loginshellid tty pid ppid apid vpid pvpid sid sname sid.exe sid.exepath vpgid
    vpgid.name vpgid.exe vpgid.exepath pgid pgid.name pgid.exe pgid.exepath duration ppid.duration pid.ts ppid.ts
    is_exe_writable is_exe_upper_layer is_exe_lower_layer is_exe_from_memfd is_sid_leader is_vpgid_leader
    is_pgid_leader exe_ino exe_ino.ctime exe_ino.mtime exe_ino.ctime_duration_proc_start
    exe_ino.ctime_duration_pidns_start pidns_init_start_ts fdopencount fdlimit fdusage vmsize vmrss vmswap nthreads
    nchilds stdin.type stdout.type stderr.type stdin.name stdout.name stderr.name is_container_healthcheck
    is_container_liveness_probe is_container_readiness_probe`,
  thread: `cap_permitted cap_inheritable cap_effective pfmajor pfminor tid ismain vtid nametid exectime totexectime
    cgroups cgroup cpu cpu.user cpu.system vmsize vmrss vmsize.b vmrss.b`,
  fd: `num type typechar name directory filename ip cip sip lip rip port cport sport lport rport l4proto sockfamily
    is_server uid containername containerdirectory proto cproto sproto lproto rproto net cnet snet lnet rnet connected
    name_changed cip.name sip.name lip.name rip.name dev dev.major dev.minor ino nameraw types is_upper_layer
    is_lower_layer`,
  user: 'uid name homedir shell loginuid loginname',
  group: 'gid name',
  'fs.path': 'name nameraw source sourceraw target targetraw',
  fdlist: 'nums names cips sips cports sports',
  util: 'cnt',
  container: `id full_id name image image.id type privileged mounts mount mount.source mount.dest mount.mode mount.rdwr
    mount.propagation image.repository image.tag image.digest healthcheck liveness_probe readiness_probe start_ts
    duration ip cni.json host_pid host_network host_ipc label labels`,
  k8s: `ns.name pod.name pod.id pod.uid pod.sandbox_id pod.full_sandbox_id pod.label pod.labels pod.ip pod.cni.json rc.name
    rc.id rc.label rc.labels svc.name svc.id svc.label svc.labels ns.id ns.label ns.labels rs.name rs.id rs.label
    rs.labels deployment.name deployment.id deployment.label deployment.labels`,
};

describe('docs/falco.md', () => {
  it('has every field that Falco has for system calls and containers', () => {
    const names = Object.entries(LISTED).flatMap(([family, fields]) =>
      fields.split(/\s+/).map((name) => `${family}.${name}`),
    );
    expect(names.filter((name) => !Object.hasOwn(FALCO_FIELDS, name))).to.deep.equal([]);
  });

  it('is what the tables say now', () => {
    for (const [file, text] of Object.entries(OUTPUTS)) {
      expect(readFileSync(`${import.meta.dirname}/../../../${file}`, 'utf8')).to.equal(text());
    }
  });

  it('has every kind of event that is a call in Falco, and every family of fields', () => {
    expect(Object.keys(EVENT_TYPES)).to.have.members(
      Object.keys(KINDS).filter((kind) => !['throttle', 'net_dns', 'sensor'].includes(kind)),
    );
    const families = new Set(Object.keys(FALCO_FIELDS).map((name) => name.split('.')[0]));
    expect([...families]).to.include.members([
      'evt',
      'proc',
      'thread',
      'user',
      'group',
      'fd',
      'fs',
      'container',
      'k8s',
    ]);
  });
});
