/** Something in a file is not as its format demands. */
export class FormatError extends Error {
  override readonly name = 'FormatError';
}

/** Little-endian numbers of untrusted bytes: each access is checked and throws a FormatError outside. */
export class Bytes {
  readonly #view: DataView;
  readonly #what: string;
  readonly data: Uint8Array;

  constructor(data: Uint8Array, what: string) {
    this.data = data;
    this.#what = what;
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  #check(at: number, length: number): void {
    if (
      !Number.isSafeInteger(at) ||
      !Number.isSafeInteger(length) ||
      at < 0 ||
      length < 0 ||
      at + length > this.data.length
    )
      throw new FormatError(`${this.#what}: ${length} bytes at ${at} lie outside of its ${this.data.length} bytes`);
  }

  u16(at: number): number {
    this.#check(at, 2);
    return this.#view.getUint16(at, true);
  }

  u32(at: number): number {
    this.#check(at, 4);
    return this.#view.getUint32(at, true);
  }

  i32(at: number): number {
    this.#check(at, 4);
    return this.#view.getInt32(at, true);
  }

  /** A 64-bit number; one that a Number cannot hold exactly is outside of every file. */
  u64(at: number): number {
    this.#check(at, 8);
    return this.#view.getUint32(at + 4, true) * 2 ** 32 + this.#view.getUint32(at, true);
  }

  slice(at: number, length: number, what: string): Bytes {
    this.#check(at, length);
    return new Bytes(this.data.subarray(at, at + length), what);
  }

  /** Text up to the next zero byte. */
  text(at: number): string {
    this.#check(at, 1);
    const end = this.data.indexOf(0, at);
    if (end < 0) throw new FormatError(`${this.#what}: text at ${at} has no end`);
    return Buffer.from(this.data.buffer, this.data.byteOffset + at, end - at).toString('utf8');
  }
}
