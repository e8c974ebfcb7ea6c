/** Which events a Sigma log source stands for. */

import { quoted } from '../../visible.ts';
import type { YamlMap } from '../../yaml.ts';
import { all, any, type Condition, field, kindIs, leaf, not, TRUE } from '../tree.ts';
import { type AuditdRecord, auditVariants } from './auditd/records.ts';
import type { Detection } from './detection.ts';
import { SigmaFault } from './problem.ts';

/**
 * Some kinds of one category, of which a Sigma field means the same. A rule is
 * built once for each variant of its category.
 */
export interface Variant {
  readonly kinds: readonly string[];
  /** Narrows the kinds, e.g. file_open to opening for writing. */
  readonly only: Condition;
  /** Field that TargetFilename is. */
  readonly target: string;
  /** Field that SourceFilename is, absent outside renames. */
  readonly source: string | undefined;
  /** What Initiated is when the event does not tell its direction. */
  readonly initiated: boolean;
  /** The subject of hashes: the executable, or the file. */
  readonly hashed: 'process' | 'file';
  /** Of `service: auditd`: what field names mean. */
  readonly audit?: AuditdRecord;
}

export const CALL_SUCCEEDED = not(
  leaf(field('event.error'), { op: 'glob', values: [[{ wildcard: '?' }, { wildcard: '*' }]] }),
);

const flag = (...flags: string[]): Condition => ({
  type: 'quantifier',
  how: 'any',
  over: field('file.flags'),
  where: leaf({ from: 'element', level: 0 }, { op: 'equal', values: flags }),
});
export const CREATES = any([
  leaf(field('file.created'), { op: 'equal', values: [true] }),
  flag('O_CREAT', 'O_TMPFILE'),
]);
const WRITES = any([
  leaf(field('file.access'), { op: 'equal', values: ['write', 'read_write'] }),
  flag('O_WRONLY', 'O_RDWR', 'O_TRUNC'),
  CREATES,
]);
/** Every kind but file_open passes; file_open when `condition` holds. */
const openOnly = (condition: Condition): Condition => any([not(kindIs('file_open')), condition]);

function file(kinds: readonly string[], only: Condition = TRUE): Variant {
  return {
    kinds,
    only: all([CALL_SUCCEEDED, only]),
    target: 'file.path',
    source: undefined,
    initiated: false,
    hashed: 'file',
  };
}
const RENAME: Variant = { ...file(['file_rename']), target: 'file.new_path', source: 'file.path' };

const PROCESS: Variant = { ...file(['process_exec']), hashed: 'process' };
/** An attempt counts, as in Sysmon: a refused connection was initiated, too. */
const NETWORK: Variant = { ...PROCESS, only: TRUE };

const CATEGORIES: ReadonlyMap<string, readonly Variant[]> = new Map([
  ['process_creation', [PROCESS]],
  ['file_event', [file(['file_create', 'file_write', 'file_open'], openOnly(WRITES)), RENAME]],
  ['file_create', [file(['file_create', 'file_open'], openOnly(CREATES))]],
  ['file_rename', [RENAME]],
  ['file_delete', [file(['file_unlink'])]],
  [
    'file_change',
    [
      file(
        ['file_write', 'file_truncate', 'file_chmod', 'file_chown', 'file_setxattr', 'file_utimens', 'file_open'],
        openOnly(WRITES),
      ),
    ],
  ],
  ['file_access', [file(['file_open', 'file_read'])]],
  [
    'network_connection',
    [
      { ...NETWORK, kinds: ['net_conn', 'net_send'], initiated: true },
      { ...NETWORK, kinds: ['net_accept'], initiated: false },
    ],
  ],
]);

export interface LogSource {
  readonly category: string;
  readonly variants: readonly Variant[];
}

/**
 * Reads `logsource`. What the records of auditd are depends on what the
 * detection asks of them; a filter, which has none, takes those of its rules.
 * Throws SigmaFault for what this host does not record.
 */
export function readLogSource(logsource: YamlMap, detection?: Detection): LogSource {
  const part = (name: string): string | undefined => {
    const node = logsource.entries.get(name);
    if (node === undefined || (node.kind === 'scalar' && node.value === null)) return undefined;
    if (node.kind !== 'scalar') throw new SigmaFault(`logsource: "${name}" must be a text`, node.line);
    return node.text.trim().toLowerCase();
  };
  const refuse = (what: string): never => {
    throw new SigmaFault(
      `the log source ${what} is not recorded here`,
      logsource.line,
      `recorded are the categories ${[...CATEGORIES.keys()].join(', ')} of linux, and its service auditd`,
    );
  };
  const product = part('product');
  const service = part('service');
  const category = part('category');
  if (product !== undefined && product !== 'linux') return refuse(`product ${quoted(product)}`);
  if (service === 'auditd' && category === undefined) {
    return { category: 'auditd', variants: detection === undefined ? [] : auditVariants(detection) };
  }
  if (service !== undefined) return refuse(`service ${quoted(service)}`);
  if (category === undefined) return refuse('without a category');
  const variants = CATEGORIES.get(category);
  return variants === undefined ? refuse(`category ${quoted(category)}`) : { category, variants };
}
