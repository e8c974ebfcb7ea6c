/** Options among arguments, as Falco's getopt() finds them: short ones, up to the first word that is none. */
export interface FoundOption {
  /** `?` for one that is not known. */
  readonly option: string;
  /** Of an option that takes one. */
  readonly value: string | undefined;
  /** It should have a value, and there is no further word. */
  readonly lacksValue: boolean;
}

export function findOptions(words: readonly string[], known: string): FoundOption[] {
  const takes = new Map<string, boolean>();
  for (let at = known.startsWith(':') ? 1 : 0; at < known.length; at++) {
    if (known[at] === ':') continue;
    takes.set(known.charAt(at), known[at + 1] === ':');
  }
  const found: FoundOption[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (word.startsWith('--') && word !== '--') continue;
    if (word === '--' || !/^-./s.test(word)) break;
    for (let letter = 1; letter < word.length; letter++) {
      const option = word.charAt(letter);
      const withValue = takes.get(option);
      if (withValue !== true) {
        found.push({ option: withValue === undefined ? '?' : option, value: undefined, lacksValue: false });
        continue;
      }
      const value = letter + 1 < word.length ? word.slice(letter + 1) : words[++at];
      found.push({ option, value, lacksValue: value === undefined });
      break;
    }
  }
  return found;
}
