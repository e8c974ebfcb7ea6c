/** Text that a watched program chose, made fit for a terminal and for lines of JSON. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
/** What JSON.stringify leaves as it is although a terminal acts on it: DEL, C1, line and bidi controls. */
const LEFT_BY_JSON = /[\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** Control characters could drive a terminal, and line feeds forge lines: both are made visible. */
export function visible(text: string): string {
  return text.replace(CONTROL, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** Text of several lines that are ours, each made visible. */
export function visibleLines(text: string): string {
  return text.split('\n').map(visible).join('\n');
}

/** JSON in one line without any raw control character; parsed, it is the same value. */
export function jsonLine(value: unknown): string {
  return escapedJson(JSON.stringify(value));
}

/** JSON text, however laid out, without any raw control character but its line feeds. */
export function escapedJson(json: string): string {
  return json.replace(LEFT_BY_JSON, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** What is shown of a text in a message. */
const SHOWN = 80;

/** Text of a file that somebody else wrote, inside a message: one line, bounded. */
export function quoted(text: string): string {
  const line = text.replace(/\s+/g, ' ');
  return jsonLine(line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line);
}
