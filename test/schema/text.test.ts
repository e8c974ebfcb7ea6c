import { expect } from 'chai';
import fc from 'fast-check';
import { decodeText } from '../../src/schema/text.ts';

/** Few texts that differ little, so that they meet, and bytes of any kind between them. */
const piece = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom('/usr/lib/x86_64-linux-gnu/', '/srv/www/', 'libc.so.6', 'index', 'é', '😀', 'a'),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 40 }) },
);
const bytes = fc.oneof(
  { weight: 6, arbitrary: fc.array(piece, { maxLength: 12 }).map((parts) => Buffer.from(parts.join(''))) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }).map((some) => Buffer.from(some)) },
);

describe('a text of a record', () => {
  it('is what its bytes are in UTF-8, whether or not it came before', () => {
    fc.assert(
      fc.property(fc.array(bytes, { minLength: 1, maxLength: 8 }), fc.nat(2), (texts, before) => {
        for (const text of [...texts, ...texts, ...texts.toReversed()]) {
          const buffer = Buffer.concat([Buffer.alloc(before, 0xff), text, Buffer.from('xyz')]);
          expect(decodeText(buffer, before, text.length)).to.equal(text.toString('utf8'));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('is not taken for another one of the same hash that differs in a byte', () => {
    const text = Buffer.from(`/srv/${'x'.repeat(60)}/file.txt`);
    for (let round = 0; round < 4; round++) decodeText(text, 0, text.length);
    for (let at = 0; at < text.length; at++) {
      const other = Buffer.from(text);
      other[at] = 0x21;
      expect(decodeText(other, 0, other.length)).to.equal(other.toString());
    }
  });
});
