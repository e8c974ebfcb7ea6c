interface FaultOptions {
  readonly line?: number;
  readonly remedy?: string;
  readonly unknown?: true;
  readonly wholeFile?: true;
}

/** A mistake in a Falco rule file. `line` is that of the file; the loader adds the file and the rule's name. */
export class FalcoFault extends Error {
  override readonly name = 'FalcoFault';
  readonly line: number | undefined;
  readonly remedy: string | undefined;
  /** The rule asks for a field or an event that is not there: what `skip-if-unknown-filter` lets pass. */
  readonly unknown: boolean;

  /** Nothing of the file counts. */
  readonly wholeFile: boolean;

  constructor(message: string, options: FaultOptions = {}) {
    super(message);
    this.line = options.line;
    this.remedy = options.remedy;
    this.unknown = options.unknown === true;
    this.wholeFile = options.wholeFile === true;
  }
}
