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
