/** What a cgroup path tells of the container that a process is in. */
export interface Container {
  readonly id: string;
  readonly runtime: string;
  /** Kubernetes pod, in its usual form with dashes. */
  readonly podUid: string | undefined;
  /** User whose own engine it is, without root; undefined for the host's. */
  readonly uid: number | undefined;
}

const HEX = '[0-9a-f]{64}';
const USER = /(?:^|\/)user-(\d{1,10})\.slice\//;
const POD =
  /(?:^|[/-])pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice|\/|$)/;

/**
 * One form of cgroup path each, both of the systemd driver
 * (`docker-ID.scope`) and of the cgroupfs driver (`docker/ID`). The last match
 * in the path counts: containers nest.
 */
const FORMS: readonly { readonly runtime: string; readonly pattern: RegExp }[] = [
  { runtime: 'docker', pattern: new RegExp(`(?:docker[-/])(${HEX})(?:\\.scope)?(?=/|$)`, 'g') },
  {
    runtime: 'containerd',
    pattern: new RegExp(`(?:cri-containerd[-:]|containerd[-/]|nerdctl-)(${HEX})(?:\\.scope)?(?=/|$)`, 'g'),
  },
  { runtime: 'cri-o', pattern: new RegExp(`crio-(?:conmon-)?(${HEX})(?:\\.scope)?(?=/|$)`, 'g') },
  { runtime: 'podman', pattern: new RegExp(`libpod-(?:conmon-)?(${HEX})(?:\\.scope)?(?=/|$)`, 'g') },
  { runtime: 'lxc', pattern: /(?:^|\/)lxc(?:\.payload)?[./](?!monitor[./]|payload[./])([^/]+)(?=\/|$)/g },
  {
    runtime: 'systemd-nspawn',
    pattern: /(?:^|\/)(?:machine\.slice\/)?(?:machine-|systemd-nspawn@)([^/]+?)\.(?:scope|service)(?=\/|$)/g,
  },
  // The cgroupfs driver of Kubernetes names neither: kubepods/burstable/podUID/ID.
  { runtime: 'containerd', pattern: new RegExp(`kubepods[^/]*(?:/[^/]+)*/(${HEX})(?=/|$)`, 'g') },
  { runtime: 'unknown', pattern: new RegExp(`/(${HEX})(?:\\.scope)?(?=/|$)`, 'g') },
];

/** The container a cgroup path belongs to, undefined for one of the host. */
export function containerOf(cgroup: string): Container | undefined {
  if (cgroup.length < 5) return undefined;
  for (const { runtime, pattern } of FORMS) {
    const id = [...cgroup.matchAll(pattern)].at(-1)?.[1];
    if (id !== undefined) return { id: unescapeUnit(id), runtime, podUid: podOf(cgroup), uid: userOf(cgroup) };
  }
  return undefined;
}

function userOf(cgroup: string): number | undefined {
  const uid = Number(USER.exec(cgroup)?.[1] ?? 0);
  // Root's session starts containers of the host's engine.
  return uid === 0 ? undefined : uid;
}

function podOf(cgroup: string): string | undefined {
  const found = POD.exec(cgroup)?.[1]?.replaceAll('_', '-');
  if (found === undefined || found.includes('-')) return found;
  return found.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** systemd.unit(5): `-` in a name is written `\x2d`. */
function unescapeUnit(name: string): string {
  return name.replace(/\\x([0-9a-f]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}
