/** A Sigma rule document: its metadata and its detection. */

import { quoted } from '../../visible.ts';
import type { YamlMap, YamlNode } from '../../yaml.ts';
import { all, type Condition } from '../tree.ts';
import type { RuleInfo, Severity } from '../types.ts';
import { neverSeen } from './auditd/records.ts';
import { type Detection, detectionCondition, readDetection } from './detection.ts';
import { kindsOf } from './fields.ts';
import { type LogSource, readLogSource } from './logsource.ts';
import { SigmaFault } from './problem.ts';

export interface SigmaRule {
  readonly info: RuleInfo;
  /** The kinds of event that it can match. */
  readonly kinds: readonly string[];
  /** Complete: it checks the event's kind itself. */
  readonly condition: Condition;
  /** A correlation uses it, and it raises no alert of its own. */
  readonly silent: boolean;
}

/** What rules, correlations and filters have in common. */
export interface Metadata {
  readonly title: string;
  readonly id: string | undefined;
  readonly name: string | undefined;
}

const MAX_TITLE = 256;
/** They would forge lines in logs and terminals. */
const CONTROL = /\p{Cc}/u;

interface Level {
  readonly severity: Severity;
  readonly riskScore: number;
  readonly recommendation: string;
}
/** `medium` also where a rule has no level. */
const LEVELS: Readonly<Record<string, Level>> = {
  informational: { severity: 'info', riskScore: 0.2, recommendation: 'monitor_process' },
  low: { severity: 'info', riskScore: 0.3, recommendation: 'monitor_process' },
  medium: { severity: 'warning', riskScore: 0.5, recommendation: 'monitor_process' },
  high: { severity: 'critical', riskScore: 0.7, recommendation: 'investigate_process' },
  critical: { severity: 'critical', riskScore: 0.9, recommendation: 'investigate_process' },
};
/** How far a rule is trusted follows from how long it has been tried. */
const CONFIDENCE: Readonly<Record<string, number>> = { stable: 0.9, test: 0.8, experimental: 0.7, deprecated: 0.6 };

function text(document: YamlMap, key: string): string | undefined {
  const node = document.entries.get(key);
  if (node === undefined || (node.kind === 'scalar' && node.value === null)) return undefined;
  if (node.kind !== 'scalar') throw new SigmaFault(`${quoted(key)} must be a text`, node.line);
  return node.text;
}

function texts(node: YamlNode | undefined): string[] {
  if (node === undefined || node.kind === 'map') return [];
  const items = node.kind === 'list' ? node.items : [node];
  return items.flatMap((item) => (item.kind === 'scalar' && item.value !== null ? [item.text] : []));
}

/** Reads title, id and name. Throws SigmaFault without a title. */
export function readMetadata(document: YamlMap): Metadata {
  const title = text(document, 'title');
  if (title === undefined || title.trim() === '') throw new SigmaFault('"title" is missing', document.line);
  if (title.length > MAX_TITLE) throw new SigmaFault(`"title" is longer than ${MAX_TITLE} characters`, document.line);
  const id = text(document, 'id');
  if (CONTROL.test(title + (id ?? ''))) throw new SigmaFault('"title" or "id" has control characters', document.line);
  if (id !== undefined && id.length > MAX_TITLE) throw new SigmaFault('"id" is too long', document.line);
  return { title, id, name: text(document, 'name') };
}

/** What is known of a rule or a correlation. */
export function readInfo(document: YamlMap, metadata: Metadata, file: string): RuleInfo {
  const levelName = text(document, 'level') ?? 'medium';
  const level = Object.hasOwn(LEVELS, levelName) ? LEVELS[levelName] : undefined;
  if (level === undefined) {
    throw new SigmaFault(`the level ${quoted(levelName)} is unknown`, document.entries.get('level')?.line);
  }
  const status = text(document, 'status');
  const known = status !== undefined && Object.hasOwn(CONFIDENCE, status);
  const tags = texts(document.entries.get('tags'));
  const notes = texts(document.entries.get('falsepositives'));
  const description = [
    text(document, 'description')?.trim(),
    status === undefined ? undefined : `Status: ${status}.`,
    notes.length === 0 ? undefined : `False positives: ${notes.join('; ')}`,
  ];
  return {
    name: metadata.title,
    id: metadata.id ?? metadata.title,
    source: `${file}:${document.line}`,
    language: 'sigma',
    label: metadata.title,
    description: description.filter((part) => part !== undefined && part !== '').join('\n'),
    ...level,
    confidence: known ? (CONFIDENCE[status] ?? 0.7) : 0.7,
    action: 'alert',
    mode: 'enforce',
    heuristic: false,
    tags,
    mitre: tags.flatMap((tag) => /^attack\.(t\d{4}(?:\.\d{3})?)$/i.exec(tag)?.[1]?.toUpperCase() ?? []),
    throttleSeconds: undefined,
    runbook: undefined,
  };
}

export function section(document: YamlMap, key: string): YamlMap {
  const node = document.entries.get(key);
  if (node === undefined) throw new SigmaFault(`"${key}" is missing`, document.line);
  if (node.kind !== 'map') throw new SigmaFault(`"${key}" must be a map`, node.line);
  return node;
}

/** A rule whose references to and from other documents are not settled yet. */
export interface SigmaDraft {
  readonly metadata: Metadata;
  readonly info: RuleInfo;
  readonly logSource: LogSource;
  readonly detection: Detection;
  readonly kinds: readonly string[];
  readonly condition: Condition;
}

const RESERVED = new Set(['condition']);

/** Reads a rule. Throws SigmaFault for whatever cannot be evaluated. */
export function readRule(document: YamlMap, metadata: Metadata, file: string): SigmaDraft {
  const info = readInfo(document, metadata, file);
  const taxonomy = text(document, 'taxonomy');
  if (taxonomy !== undefined && taxonomy !== 'sigma') {
    throw new SigmaFault(`the taxonomy ${quoted(taxonomy)} is unknown`, document.entries.get('taxonomy')?.line);
  }
  const source = section(document, 'logsource');
  // What is not recorded at all is the first thing to say of a rule.
  readLogSource(source);
  const detection = readDetection(section(document, 'detection'), RESERVED);
  const logSource = readLogSource(source, detection);
  const condition = detectionCondition(detection, logSource.variants);
  const missing = neverSeen(logSource.variants).join(', ');
  if (condition.type === 'const') {
    const because = missing === '' ? '' : `: ${missing} is not recorded here`;
    throw new SigmaFault(`no event of this host can match the rule${because}`, detection.line);
  }
  const description = missing === '' ? info.description : `${info.description}\nNot recorded here: ${missing}.`.trim();
  return {
    metadata,
    info: { ...info, description },
    logSource,
    detection,
    kinds: kindsOf(logSource.variants),
    condition,
  };
}

/** A rule that holds only where a filter's condition holds, too. Throws SigmaFault when the filter cannot be evaluated for it. */
export function withFilter(draft: SigmaDraft, filter: Detection): SigmaDraft {
  return { ...draft, condition: all([draft.condition, detectionCondition(filter, draft.logSource.variants)]) };
}
