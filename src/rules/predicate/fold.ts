const BLOCK = 256;

/**
 * Case folding for `ignoreCase`: each UTF-16 unit alone, one to one. The whole
 * string's toLowerCase() depends on context (a final sigma) and can change the
 * length, so a part of a text need not be a part of the lowered text, and an
 * index over lowered text would lose matches. ASCII letters fold to ASCII and
 * nothing else does (U+212A, the Kelvin sign, stays itself), so that the kernel
 * can fold bytes.
 */
export const FOLD_TABLE: Uint16Array = (() => {
  const table = new Uint16Array(65536);
  for (let first = 0; first < 65536; first += BLOCK) {
    const units = Array.from({ length: BLOCK }, (_, at) => first + at);
    table.set(units, first);
    const block = String.fromCharCode(...units);
    // Most blocks have no letter that is large or small.
    if (block.toLowerCase() === block) continue;
    for (const unit of units) {
      const lower = String.fromCharCode(unit).toLowerCase();
      const folded = lower.length === 1 ? lower.charCodeAt(0) : unit;
      table[unit] = unit >= 128 && folded < 128 ? unit : folded;
    }
  }
  return table;
})();

const ASCII_ONLY = /^[\0-\x7f]*$/;

export function foldCase(text: string): string {
  if (ASCII_ONLY.test(text)) return text.toLowerCase();
  let folded = '';
  for (let at = 0; at < text.length; at++) folded += String.fromCharCode(FOLD_TABLE[text.charCodeAt(at)] ?? 0);
  return folded;
}

/** `lowerAscii` of CEL. */
export function lowerAscii(text: string): string {
  return ASCII_ONLY.test(text) ? text.toLowerCase() : text.replace(/[A-Z]+/g, (part) => part.toLowerCase());
}

export function upperAscii(text: string): string {
  return ASCII_ONLY.test(text) ? text.toUpperCase() : text.replace(/[a-z]+/g, (part) => part.toUpperCase());
}
