/** A fault in a Sigma document: what is wrong and, where it is known, in which line. */
export class SigmaFault extends Error {
  override readonly name = 'SigmaFault';
  readonly line: number | undefined;
  readonly remedy: string | undefined;

  constructor(message: string, line?: number, remedy?: string) {
    super(message);
    this.line = line;
    this.remedy = remedy;
  }
}

/** Text of a rule file as it may stand in a message: one line, at most 80 characters. */
export function quoted(text: string): string {
  const shown = text.length > 80 ? `${text.slice(0, 77)}...` : text;
  return JSON.stringify(shown);
}
