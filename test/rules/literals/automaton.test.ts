import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import fc from 'fast-check';
import { Alphabet, Automaton, Hits, type Pattern } from '../../../src/rules/literals/automaton.ts';
import { foldCase } from '../../../src/rules/predicate/fold.ts';

const HOWS = ['equal', 'contains', 'startsWith', 'endsWith'] as const;

function has(text: string, { how, text: literal }: Pattern): boolean {
  if (how === 'equal') return text === literal;
  if (how === 'startsWith') return text.startsWith(literal);
  return how === 'endsWith' ? text.endsWith(literal) : text.includes(literal);
}

function automatonOf(patterns: readonly Pattern[]): Automaton {
  const alphabet = new Alphabet();
  for (const { text } of patterns) alphabet.add(text);
  alphabet.close();
  return new Automaton(patterns, alphabet);
}

/** Of a text, then of its bytes, which are only looked at where they are ASCII. */
function scans(automaton: Automaton, text: string): readonly number[][] {
  const targetsOf = ({ targets, count }: Hits) => [...new Set(targets.slice(0, count))].sort((a, b) => a - b);
  const found = new Hits();
  automaton.scan(text, found);
  const inBytes = new Hits();
  const bytes = Buffer.from(`x${text}x`);
  const looked = automaton.scanBytes({ bytes, at: 1, length: bytes.length - 2 }, inBytes);
  return looked ? [targetsOf(found), targetsOf(inBytes)] : [targetsOf(found)];
}

const piece = fc.constantFrom('a', 'b', 'ab', 'ba', '/', 'A', 'é', 'aa');
const text = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));
const pattern = fc.record({
  how: fc.constantFrom(...HOWS),
  text: fc
    .oneof(
      text,
      text.map((one) => one.repeat(4)),
    )
    .map(foldCase),
  target: fc.nat(5),
});

describe('automaton', () => {
  it('finds in each text what it has, whatever texts came before', () => {
    let hits = 0;
    let ascii = 0;
    const patterns = fc
      .array(pattern, { minLength: 1, maxLength: 12 })
      .map((all) => all.filter((one) => one.how === 'equal' || one.text !== ''));
    fc.assert(
      fc.property(patterns, fc.array(text, { minLength: 1, maxLength: 12 }), (known, texts) => {
        const automaton = automatonOf(known);
        // Twice: the second time nothing is unknown.
        for (const one of [...texts, ...texts]) {
          const wanted = new Set(known.filter((each) => has(foldCase(one), each)).map(({ target }) => target));
          hits += wanted.size;
          const [inText = [], inBytes] = scans(automaton, one);
          if (inBytes !== undefined) {
            ascii++;
            expect(inBytes).to.deep.equal(inText);
          } else expect(one).to.match(/é/);
          // A long literal is looked for by a part of it.
          const exact = known.every((each) => each.text.length <= 24);
          if (exact) expect(inText).to.deep.equal([...wanted].sort((a, b) => a - b));
          else expect(inText).to.include.members([...wanted]);
        }
      }),
      { numRuns: 2000 },
    );
    expect(hits).to.be.above(2000);
    expect(ascii).to.be.above(2000);
  });

  it('makes no more of its table than texts get to', () => {
    const patterns = Array.from({ length: 3000 }, (_, at) => ({
      how: 'startsWith' as const,
      text: `/opt/${at * 7919}/${at}`,
      target: at,
    }));
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const inTables = () => {
      collect();
      return process.memoryUsage().arrayBuffers;
    };
    const before = inTables();
    const automaton = automatonOf(patterns);
    const made = () => inTables() - before;
    for (let at = 0; at < 1000; at++) expect(scans(automaton, `/usr/lib/${at}`)).to.deep.equal([[], []]);
    expect(made()).to.be.below(500_000);
    // All of them, and what is near.
    for (const { text: each, target } of patterns) {
      expect(scans(automaton, each)[1]).to.include(target);
      scans(automaton, `/opt/${each}`);
    }
    expect(made()).to.be.within(500_000, 10 << 20);
    // Still needed: else it would be collected before that.
    expect(scans(automaton, '')).to.deep.equal([[], []]);
  });
});
