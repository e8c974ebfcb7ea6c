import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';

export type Severity = 'info' | 'warning' | 'critical';
export const SEVERITIES: readonly Severity[] = ['info', 'warning', 'critical'];

/** What is performed once: an attack in one of its variations, or a piece of ordinary work. */
export interface Scene {
  /** Behaviour and variation, `shadow-read/busybox`. */
  readonly id: string;
  readonly script: string;
  /** Run before, by processes that are not judged: what the scene finds when it begins. */
  readonly prepare: string;
  readonly user: string;
  /** The lines are typed at a terminal. */
  readonly terminal: boolean;
  /** Programs it cannot do without. */
  readonly needs: readonly string[];
  readonly seconds: number;
}

export interface Behaviour {
  readonly id: string;
  readonly tactic: string;
  readonly title: string;
  readonly techniques: readonly string[];
  /** At least one alert of this severity or above is wanted. */
  readonly severity: Severity;
  /** At most so many alerts: an incident is one. */
  readonly alerts: number | undefined;
  readonly variations: readonly Scene[];
}

export interface Work {
  readonly id: string;
  readonly area: string;
  readonly title: string;
  /** How long a person or a timer takes for it between two acts of this kind. */
  readonly minutes: number;
  /** Rules whose alert is what their owner asked for, with the reason. */
  readonly wanted: Readonly<Record<string, string>>;
  readonly scene: Scene;
}

type Raw = Readonly<Record<string, unknown>>;

const SCENE_KEYS = ['script', 'prepare', 'user', 'terminal', 'needs', 'seconds'];
const BEHAVIOUR_KEYS = [
  'id',
  'title',
  'techniques',
  'severity',
  'alerts',
  'placed',
  'content',
  'variations',
  ...SCENE_KEYS.slice(1),
];
const WORK_KEYS = ['id', 'title', 'minutes', 'wanted', ...SCENE_KEYS];

/** Attacks of a directory; a file is a tactic. */
export function readAttacks(directory: string): Behaviour[] {
  return readEntries(directory).map(({ raw, file, place }) => {
    const id = text(raw, 'id', place);
    refuseUnknown(raw, BEHAVIOUR_KEYS, place);
    const severity = text(raw, 'severity', place) as Severity;
    if (!SEVERITIES.includes(severity)) throw new Error(`${place}: severity is one of ${SEVERITIES.join(', ')}`);
    const placed = raw.placed === undefined ? {} : placements(text(raw, 'placed', place), String(raw.content ?? '#'));
    const variations = { ...placed, ...(isObject(raw.variations) ? raw.variations : {}) };
    if (Object.keys(variations).length === 0) throw new Error(`${place}: variations: a map of name to script`);
    return {
      id,
      tactic: file,
      title: text(raw, 'title', place),
      techniques: texts(raw, 'techniques', place),
      severity,
      alerts: raw.alerts === undefined ? undefined : number(raw, 'alerts', place),
      variations: Object.entries(variations).map(([name, value]) => {
        const own = isObject(value) ? value : { script: value };
        refuseUnknown(own, SCENE_KEYS, `${place}: ${name}`);
        return sceneOf(`${id}/${name}`, { ...pick(raw, SCENE_KEYS), ...own }, `${place}: ${name}`, 30);
      }),
    };
  });
}

/** The ways by which a file gets its content or its name; $f is the payload that lies ready, $t where it is put. */
const PLACEMENTS: Readonly<Record<string, string>> = {
  redirect: 'cat $f > $t',
  copy: 'cp $f $t',
  move: 'mv $f $t',
  'hard link': 'ln -f $f $t',
  'symbolic link': 'ln -sf $f $t',
  tee: 'tee $t < $f > /dev/null',
  'another cp': 'cp /bin/cp ./copier; ./copier $f $t',
  'busybox mv': 'busybox mv $f $t',
  'rename of python': `/usr/bin/python3 -c 'import os, sys; os.replace(*sys.argv[1:])' $f $t`,
  'dd beside, then renamed': 'dd if=$f of=$t.new status=none; mv $t.new $t',
};

function placements(target: string, content: string): Record<string, Raw> {
  const names = `f=/usr/local/share/payload t=${target}\n`;
  const lines = [names, 'mkdir -p "$(dirname "$t")"\n', `printf '%s\\n' '${content.replaceAll("'", `'\\''`)}' > $f\n`];
  return Object.fromEntries(
    Object.entries(PLACEMENTS).map(([name, script]) => [
      name.replaceAll(' ', '-'),
      { script: names + script, prepare: lines.join('') },
    ]),
  );
}

/** Ordinary work of a directory; a file is an area. */
export function readWork(directory: string): Work[] {
  return readEntries(directory).map(({ raw, file, place }) => {
    refuseUnknown(raw, WORK_KEYS, place);
    const id = text(raw, 'id', place);
    const wanted = raw.wanted ?? {};
    if (!isObject(wanted)) throw new Error(`${place}: wanted: a map of rule to reason`);
    return {
      id,
      area: file,
      title: text(raw, 'title', place),
      minutes: number(raw, 'minutes', place),
      wanted: Object.fromEntries(Object.entries(wanted).map(([rule, reason]) => [rule, String(reason)])),
      scene: sceneOf(id, pick(raw, SCENE_KEYS), place, 120),
    };
  });
}

/** The half that rules may be written for; the other one is only judged. The same for every run with the seed. */
export function isTuned(id: string, seed: number): boolean {
  return ((createHash('sha256').update(`${seed}:${id}`).digest()[0] ?? 0) & 1) === 0;
}

function sceneOf(id: string, raw: Raw, place: string, seconds: number): Scene {
  return {
    id,
    script: text(raw, 'script', place),
    prepare: raw.prepare === undefined ? '' : text(raw, 'prepare', place),
    user: raw.user === undefined ? 'root' : text(raw, 'user', place),
    terminal: raw.terminal === true,
    needs: raw.needs === undefined ? [] : texts(raw, 'needs', place),
    seconds: raw.seconds === undefined ? seconds : number(raw, 'seconds', place),
  };
}

function readEntries(directory: string): { raw: Raw; file: string; place: string }[] {
  const seen = new Set<string>();
  return readdirSync(directory)
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .flatMap((name) => {
      const path = join(directory, name);
      const lines = new LineCounter();
      const document = parseDocument(readFileSync(path, 'utf8'), { lineCounter: lines, uniqueKeys: true });
      const [error] = document.errors;
      if (error !== undefined) throw new Error(`${path}:${error.linePos?.[0].line ?? 1}: ${error.message}`);
      const entries: unknown = document.toJS();
      if (!Array.isArray(entries)) throw new Error(`${path}: a list of scenarios`);
      return entries.map((raw: unknown, index) => {
        if (!isObject(raw)) throw new Error(`${path}: entry ${index + 1} is not a map`);
        const place = `${path}: ${String(raw.id ?? `entry ${index + 1}`)}`;
        if (typeof raw.id !== 'string' || seen.has(raw.id)) throw new Error(`${place}: an id of its own`);
        seen.add(raw.id);
        return { raw, file: name.slice(0, -'.yaml'.length), place };
      });
    });
}

function isObject(value: unknown): value is Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function pick(raw: Raw, keys: readonly string[]): Raw {
  return Object.fromEntries(Object.entries(raw).filter(([key]) => keys.includes(key)));
}

function refuseUnknown(raw: Raw, known: readonly string[], place: string): void {
  const unknown = Object.keys(raw).filter((key) => !known.includes(key));
  if (unknown.length > 0) throw new Error(`${place}: unknown ${unknown.join(', ')}; known are ${known.join(', ')}`);
}

function text(raw: Raw, key: string, place: string): string {
  const value = raw[key];
  if (typeof value !== 'string' || value === '') throw new Error(`${place}: ${key}: a text`);
  return value;
}

function texts(raw: Raw, key: string, place: string): readonly string[] {
  const value = raw[key];
  if (!Array.isArray(value) || !value.every((entry) => typeof entry === 'string'))
    throw new Error(`${place}: ${key}: a list of texts`);
  return value as readonly string[];
}

function number(raw: Raw, key: string, place: string): number {
  const value = raw[key];
  if (typeof value !== 'number') throw new Error(`${place}: ${key}: a number`);
  return value;
}
