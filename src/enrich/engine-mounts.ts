/** Mounts of a container, as its engine wrote them down. */
const MAX_MOUNTS = 64;
const PROPAGATIONS = new Set([
  'rprivate',
  'private',
  'rshared',
  'shared',
  'rslave',
  'slave',
  'runbindable',
  'unbindable',
]);
/** What engines themselves mount, from their own directories. */
const OWN_MOUNTS =
  /^\/(etc\/(hosts|hostname|resolv\.conf)|dev\/|sys\/fs\/cgroup|run\/\.containerenv|run\/secrets$|proc$|sys$)/;

interface EngineMount {
  readonly source: string;
  readonly destination: string;
  readonly mode: string;
  readonly writable: boolean;
  readonly propagation: string;
  /** A path of the host that somebody asked to have in the container. */
  readonly ofHost: boolean;
}

type Json = { readonly [key: string]: unknown };

const objectOf = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Docker: `MountPoints` of config.v2.json. */
export function dockerMounts(points: unknown): EngineMount[] {
  return Object.values(objectOf(points))
    .map(objectOf)
    .map((point) => ({
      source: textOf(point.Source),
      destination: textOf(point.Destination),
      mode: textOf(point.Relabel),
      writable: point.RW === true,
      propagation: textOf(point.Propagation),
      ofHost: point.Type === 'bind',
    }));
}

/** `mounts` of an OCI runtime configuration: what is bound from elsewhere. */
export function specMounts(mounts: unknown): EngineMount[] {
  if (!Array.isArray(mounts)) return [];
  return mounts.map(objectOf).flatMap((mount) => {
    const options: readonly unknown[] = Array.isArray(mount.options) ? mount.options : [];
    if (mount.type !== 'bind' && !options.includes('bind') && !options.includes('rbind')) return [];
    const destination = textOf(mount.destination);
    return {
      source: textOf(mount.source),
      destination,
      mode: textOf(options.find((option) => textOf(option).startsWith('mode='))).slice('mode='.length),
      writable: !options.includes('ro'),
      propagation: textOf(options.find((option) => PROPAGATIONS.has(textOf(option)))),
      ofHost: destination !== '' && !OWN_MOUNTS.test(destination),
    };
  });
}

/** The facts of ContainerDetails about them; absent where there are none. */
export function mountFacts(mounts: readonly EngineMount[]): {
  readonly mounts: readonly string[] | undefined;
  readonly hostPaths: readonly string[] | undefined;
} {
  const placed = mounts.filter(({ source }) => source.startsWith('/'));
  const paths = placed.filter(({ ofHost }) => ofHost).map(({ source }) => source);
  const texts = placed.map(({ source, destination, mode, writable, propagation }) =>
    [source, destination, mode, writable, propagation].join(':'),
  );
  return {
    mounts: texts.length === 0 ? undefined : texts.slice(0, MAX_MOUNTS),
    hostPaths: paths.length === 0 ? undefined : [...new Set(paths)].sort().slice(0, MAX_MOUNTS),
  };
}
