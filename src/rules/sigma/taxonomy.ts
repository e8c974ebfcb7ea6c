/**
 * The field names of Sigma's taxonomy, each once: the field of ours that it
 * is. docs/sigma.md follows.
 */
import type { FieldName } from '../../schema/fields.ts';

type TaxonomyEntry =
  /** The first of the fields that is present; with `either` whichever are, and one that fits suffices. */
  | { readonly is: readonly FieldName[]; readonly either?: true }
  /** More than a field: fields.ts makes it. */
  | { readonly special: string }
  /** Nothing here computes it: always absent. */
  | { readonly never: true };

export const TAXONOMY = {
  // The file that runs, and the path that was asked for: where sh is a link to dash, rules name either.
  Image: { is: ['process.path', 'process.invoked_path'], either: true },
  CommandLine: { is: ['process.command_line'] },
  CurrentDirectory: { is: ['process.cwd'] },
  ProcessId: { is: ['process.pid'] },
  ProcessName: { is: ['process.name'] },
  ProcessGuid: { is: ['process.entity_id'] },
  ParentImage: { is: ['process.parent.path', 'process.parent.invoked_path'], either: true },
  ParentCommandLine: { is: ['process.parent.command_line'] },
  ParentProcessId: { is: ['process.ppid', 'process.parent.pid'] },
  ParentProcessName: { is: ['process.parent.name'] },
  ParentProcessGuid: { is: ['process.parent.entity_id'] },
  User: { is: ['user.name'] },
  // Daemons have none: an absent login user is not root.
  LogonId: { is: ['process.auid'] },
  Computer: { is: ['host.name'] },
  ComputerName: { is: ['host.name'] },
  Hostname: { is: ['host.name'] },
  TargetFilename: { special: '`file.path`; of a rename `file.new_path`' },
  SourceFilename: { special: 'of a rename `file.path`, else absent' },
  SourceIp: { is: ['network.source.ip'] },
  SourcePort: { is: ['network.source.port'] },
  SourceIsIpv6: { special: 'whether `network.source.ip` has a colon' },
  DestinationIp: { is: ['network.destination.ip'] },
  DestinationPort: { is: ['network.destination.port'] },
  DestinationHostname: { is: ['network.destination.hostname'] },
  DestinationIsIpv6: { special: 'whether `network.destination.ip` has a colon' },
  Protocol: { is: ['network.transport'] },
  Initiated: { special: '`network.direction` is outbound; without a direction every kind but `net_accept`' },
  Hashes: { special: '`MD5=…`, `SHA256=…` or a hash alone, of the executable; for file categories of the file' },
  md5: { special: '`process.md5`; for file categories `file.md5`' },
  sha256: { special: '`process.sha256`; for file categories `file.sha256`' },
  sha1: { never: true },
  imphash: { never: true },
  Imphash: { never: true },
} as const satisfies Readonly<Record<string, TaxonomyEntry>>;

export type SpecialField = {
  [Name in keyof typeof TAXONOMY]: (typeof TAXONOMY)[Name] extends { readonly special: string } ? Name : never;
}[keyof typeof TAXONOMY];

/** What a name means; undefined for one that is not in the taxonomy. */
export function meaningOf(name: string): TaxonomyEntry | undefined {
  return Object.hasOwn(TAXONOMY, name) ? TAXONOMY[name as keyof typeof TAXONOMY] : undefined;
}

/** The meaning as a line of a table. */
export function meaningText(meaning: TaxonomyEntry): string {
  if ('never' in meaning) return 'never there: nothing computes it';
  if ('special' in meaning) return meaning.special;
  const names = meaning.is.map((name) => `\`${name}\``);
  if (names.length === 1) return names.join('');
  return meaning.either === true ? `${names.join(' or ')}: one that fits suffices` : `${names.join(', else ')}`;
}
