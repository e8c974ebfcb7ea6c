/** One rule file: its text with places, and checked access to what it holds. */
import type { Problem } from '../../errors.ts';
import { nearest } from '../../nearest.ts';
import { RuleError, type TextSource } from '../source.ts';
import { Places, parseJsonText } from './json-text.ts';
import type { Key, KeyType } from './keys.ts';
import { type FileNode, FileSyntaxError, type ObjectNode, offsetInText, plain, type TextNode } from './node.ts';
import { parseYamlText } from './yaml-text.ts';

/** By its name, else by its first character: a flow map at the top of a YAML file is not worth the risk of errors about the wrong syntax. */
function isJson(file: string, text: string): boolean {
  if (/\.ya?ml$/.test(file)) return false;
  return file.endsWith('.json') || /^\uFEFF?\s*[[{]/.test(text);
}

export class RuleDocument {
  readonly file: string;
  readonly #text: string;
  readonly #places: Places;
  readonly root: ObjectNode;

  /** Throws RuleError where the text is not an object in JSON or YAML. */
  constructor(file: string, text: string) {
    this.file = file;
    this.#text = text;
    this.#places = new Places(text);
    let root: FileNode;
    try {
      root = isJson(file, text) ? parseJsonText(text) : parseYamlText(text);
    } catch (cause) {
      if (!(cause instanceof FileSyntaxError)) throw cause;
      throw new RuleError({ file, ...this.#places.at(cause.at), message: cause.message }, { cause });
    }
    if (root.kind !== 'object')
      throw new RuleError(this.problem(root, 'a rule file is an object with "rules", "lists" or "macros"'));
    this.root = root;
  }

  readonly place = (node: { readonly at: number }): { file: string; line: number; column: number } => ({
    file: this.file,
    ...this.#places.at(node.at),
  });

  problem(node: { readonly at: number }, message: string, remedy?: string): Problem {
    return { ...this.place(node), message, ...(remedy === undefined ? {} : { remedy }) };
  }

  error(node: { readonly at: number }, message: string, remedy?: string): RuleError {
    return new RuleError(this.problem(node, message, remedy));
  }

  /** The text inside a string node, with places of its characters in the file. */
  source(node: TextNode): TextSource {
    return {
      text: node.value,
      place: (index) => ({ file: this.file, ...this.#places.at(offsetInText(this.#text, node, index)) }),
    };
  }

  /** Throws RuleError for the first key that is not in the table. */
  checkKeys(object: ObjectNode, known: Readonly<Record<string, Key>>): void {
    for (const [key, entry] of object.entries) {
      if (Object.hasOwn(known, key)) continue;
      const near = nearest(key, Object.keys(known));
      const remedy = near === undefined ? `known are ${Object.keys(known).join(', ')}` : `did you mean "${near}"?`;
      throw this.error(entry, `unknown key "${key}"`, remedy);
    }
  }

  object(node: FileNode, what: string): ObjectNode {
    if (node.kind !== 'object') throw this.error(node, `${what} must be an object`);
    return node;
  }

  array(node: FileNode, what: string): readonly FileNode[] {
    if (node.kind !== 'array') throw this.error(node, `${what} must be a list`);
    return node.items;
  }

  string(node: FileNode, what: string): string {
    if (node.kind !== 'string') throw this.error(node, `${what} must be text`);
    return node.value;
  }

  /** The plain value of a node, such as an event. */
  plain(node: FileNode): unknown {
    return plain(node);
  }

  /** The value of a key, checked against its type in the table. `own` types are not for this. */
  value(node: FileNode, name: string, type: KeyType): string | number | boolean | readonly string[] {
    const what = `"${name}"`;
    switch (type.is) {
      case 'text': {
        const text = this.string(node, what);
        if (type.choices !== undefined && !type.choices.includes(text)) {
          const near = nearest(text, type.choices);
          const remedy = near === undefined ? undefined : `did you mean "${near}"?`;
          throw this.error(node, `${what} must be one of ${type.choices.join(', ')}`, remedy);
        }
        if (text.trim() === '') throw this.error(node, `${what} is empty`);
        if (text.length > (type.max ?? 65_536)) throw this.error(node, `${what} is longer than ${type.max ?? 65_536}`);
        if (type.pattern !== undefined && !new RegExp(type.pattern).test(text)) {
          throw this.error(node, `${what} is not of the form ${type.pattern}`);
        }
        return text;
      }
      case 'number': {
        if (node.kind !== 'number') throw this.error(node, `${what} must be a number`);
        const { value } = node;
        if (value < type.min || value > type.max) {
          throw this.error(node, `${what} must be between ${type.min} and ${type.max}`);
        }
        if (type.integer === true && !Number.isInteger(value)) throw this.error(node, `${what} must be an integer`);
        return value;
      }
      case 'bool':
        if (node.kind !== 'boolean') throw this.error(node, `${what} must be true or false`);
        return node.value;
      case 'texts':
        return this.array(node, what).map((item) => {
          const text = this.string(item, `each of ${what}`);
          if (type.pattern !== undefined && !new RegExp(type.pattern).test(text)) {
            throw this.error(item, `"${text}" is not of the form ${type.pattern}`);
          }
          return text;
        });
      case 'own':
        throw new TypeError(`"${name}" has a reader of its own`);
    }
  }
}
