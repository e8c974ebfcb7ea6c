/** Names by number from a text of names in order; `@n` sets the number of the name that follows. */
export function numbered(text: string): readonly (string | undefined)[] {
  const names: (string | undefined)[] = [];
  let number = 0;
  for (const word of text.split(/\s+/)) {
    if (word.startsWith('@')) number = Number(word.slice(1));
    else if (word !== '') names[number++] = word;
  }
  return names;
}

/** A word of flags as names: each set bit that has one, the rest as one hexadecimal number. */
export function flagNames(table: readonly (readonly [number, string])[], value: number): readonly string[] {
  const names: string[] = [];
  let rest = value >>> 0;
  for (const [bits, name] of table) {
    if ((rest & bits) >>> 0 !== bits >>> 0) continue;
    names.push(name);
    rest = (rest & ~bits) >>> 0;
  }
  if (rest !== 0) names.push(`0x${rest.toString(16)}`);
  return names;
}
