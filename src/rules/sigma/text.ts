/** Sigma strings while modifiers change them: literals, wildcards, and dashes that `windash` made interchangeable. */
import { parseGlob } from '../predicate/glob.ts';
import type { Glob, GlobPart } from '../tree.ts';
import { SigmaFault } from './problem.ts';

export type Part = GlobPart | { readonly dash: true };

export interface Text {
  readonly parts: readonly Part[];
  /** Literals hold one byte per character, because utf16 or wide encoded them. */
  readonly binary: boolean;
}

const STAR: Part = { wildcard: '*' };
/** Hyphen, slash, en dash, em dash, horizontal bar. */
const DASHES = ['-', '/', '\u2013', '\u2014', '\u2015'] as const;
/** A dash that begins a word, as an option's does. */
const OPTION_DASH = /(?<![\p{L}\p{N}_])[-/\u2013\u2014\u2015](?=[\p{L}\p{N}_])/u;
const MAX_EXPANDED_DASHES = 3;

export function parseText(text: string): Text {
  return { parts: parseGlob(text), binary: false };
}

export function plainText(text: string): Text {
  return { parts: text === '' ? [] : [{ literal: text }], binary: false };
}

const isStar = (part: Part | undefined) => part !== undefined && 'wildcard' in part && part.wildcard === '*';

/** Puts `*` before and/or after. */
export function surround(text: Text, before: boolean, after: boolean): Text {
  const parts = [...text.parts];
  if (before && !isStar(parts[0])) parts.unshift(STAR);
  if (after && (parts.length === 0 || !isStar(parts.at(-1)))) parts.push(STAR);
  return { ...text, parts };
}

export function hasWildcard(text: Text): boolean {
  return text.parts.some((part) => 'wildcard' in part);
}

/** The characters of a text without wildcards. */
export function literalOf(text: Text): string {
  return text.parts.map((part) => ('literal' in part ? part.literal : '')).join('');
}

function mapLiterals(text: Text, change: (literal: string) => readonly Part[]): Part[] {
  return text.parts.flatMap((part) => ('literal' in part ? change(part.literal) : [part]));
}

/** Marks the dashes that `windash` makes interchangeable. */
export function windash(text: Text): Text {
  const parts = mapLiterals(text, (literal) => {
    const pieces = literal.split(new RegExp(OPTION_DASH, 'gu'));
    return pieces.flatMap((piece, index): Part[] => {
      const own: Part[] = piece === '' ? [] : [{ literal: piece }];
      return index === 0 ? own : [{ dash: true }, ...own];
    });
  });
  return { ...text, parts };
}

/** Every spelling of a text with few dashes; undefined when there are too many, so that a pattern has to do. */
export function spellings(text: Text): Text[] | undefined {
  const dashes = text.parts.filter((part) => 'dash' in part).length;
  if (dashes > MAX_EXPANDED_DASHES) return undefined;
  let results: Part[][] = [[]];
  for (const part of text.parts) {
    const choices: readonly Part[] = 'dash' in part ? DASHES.map((literal) => ({ literal })) : [part];
    results = results.flatMap((head) => choices.map((choice) => [...head, choice]));
  }
  return results.map((parts) => ({ parts: joined(parts), binary: text.binary }));
}

function joined(parts: readonly Part[]): Part[] {
  const result: Part[] = [];
  for (const part of parts) {
    const last = result.at(-1);
    if (last !== undefined && 'literal' in last && 'literal' in part) {
      result[result.length - 1] = { literal: last.literal + part.literal };
    } else {
      result.push(part);
    }
  }
  return result;
}

/** The text as a glob; undefined when dashes are left in it. */
export function globOf(text: Text): Glob | undefined {
  const parts: GlobPart[] = [];
  for (const part of text.parts) {
    if ('dash' in part) return undefined;
    parts.push(part);
  }
  return parts;
}

/** The whole text as an RE2 pattern, for texts with many interchangeable dashes. */
export function patternOf(text: Text): string {
  const parts = text.parts.map((part) => {
    if ('dash' in part) return `[${DASHES.join('')}]`;
    if ('wildcard' in part) return part.wildcard === '*' ? '.*' : '.';
    return part.literal.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&');
  });
  return `^${parts.join('')}$`;
}

type Utf16 = 'utf16le' | 'utf16be' | 'utf16';

/** Encodes the literals; `utf16` is little endian behind a byte order mark. */
export function toUtf16(text: Text, form: Utf16): Text {
  if (text.binary) throw new SigmaFault('the text is already encoded as UTF-16');
  const parts = mapLiterals(text, (literal) => {
    const data = Buffer.from(literal, 'utf16le');
    if (form === 'utf16be') data.swap16();
    return [{ literal: data.toString('latin1') }];
  });
  const first = parts.findIndex((part) => 'literal' in part);
  const head = parts[first];
  if (form === 'utf16' && head !== undefined && 'literal' in head)
    parts[first] = { literal: `\xff\xfe${head.literal}` };
  return { parts, binary: true };
}

function bytesOf(text: Text, modifier: string): Buffer {
  if (hasWildcard(text)) throw new SigmaFault(`a text with wildcards cannot be encoded with ${modifier}`);
  return Buffer.from(literalOf(text), text.binary ? 'latin1' : 'utf8');
}

function spelled(text: Text, modifier: string): Text[] {
  const found = spellings(text);
  if (found === undefined)
    throw new SigmaFault(`more than ${MAX_EXPANDED_DASHES} dashes of windash before ${modifier}`);
  return found;
}

export function toBase64(text: Text): Text[] {
  return spelled(text, 'base64').map((one) => plainText(bytesOf(one, 'base64').toString('base64')));
}

/** What is the same in the base64 of every text that contains this one, for the three positions it can have modulo 3. */
export function toBase64Offsets(text: Text): Text[] {
  return spelled(text, 'base64offset').flatMap((one) => {
    const data = bytesOf(one, 'base64offset');
    return [0, 1, 2].map((shift) => {
      const encoded = Buffer.concat([Buffer.alloc(shift), data])
        .toString('base64')
        .replace(/=+$/, '');
      // The first 0, 2 or 3 characters hold bits of what stands before, a last incomplete one of what follows.
      const start = [0, 2, 3][shift] ?? 0;
      const end = Math.floor(((shift + data.length) * 8) / 6);
      return plainText(encoded.slice(start, end));
    });
  });
}

/** Undoes the one-byte-a-character form. Throws when the bytes are no UTF-8, which no field can hold. */
export function asCharacters(text: Text): Text {
  if (!text.binary) return text;
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const parts = mapLiterals(text, (literal) => {
    try {
      return [{ literal: decoder.decode(Buffer.from(literal, 'latin1')) }];
    } catch {
      throw new SigmaFault('the UTF-16 bytes are not text; encode them with base64 or base64offset');
    }
  });
  return { parts, binary: false };
}

/**
 * Handles `%name%` of the `expand` modifier; `\%` is a plain percent sign.
 * Throws for a placeholder: nothing defines any.
 */
export function expand(text: Text): Text {
  const parts = mapLiterals(text, (literal) => {
    let result = '';
    for (let at = 0; at < literal.length; at++) {
      const unit = literal.charAt(at);
      if (unit === '\\' && literal.charAt(at + 1) === '%') {
        result += '%';
        at++;
      } else if (unit === '%') {
        const name = /^%([^%\\\s]+)%/.exec(literal.slice(at))?.[1];
        if (name !== undefined) throw new SigmaFault(`the placeholder %${name}% has no definition`);
        result += unit;
      } else {
        result += unit;
      }
    }
    return [{ literal: result }];
  });
  return { ...text, parts };
}
