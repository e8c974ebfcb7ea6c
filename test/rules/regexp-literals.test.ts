/** What every match of a regular expression has, and where: rules are found by it, and the kernel drops what does not have it. */
import { expect } from 'chai';
import fc from 'fast-check';
import { foldCase } from '../../src/rules/predicate/fold.ts';
import { compileRegexp } from '../../src/rules/predicate/regexp.ts';
import { placedWays, type Run } from '../../src/rules/predicate/regexp-literals.ts';

const MANY = `(${[...'abcdefghij0123456789'].join('|')})`;
const item = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('a', 'b', 'ab', '/', '\\.', 'k', 'S', 'ſ', 'é', '😀') },
  { weight: 3, arbitrary: fc.constantFrom('^', '$', '\\A', '\\z', '\\b', '\\B') },
  { weight: 3, arbitrary: fc.constantFrom('.', '[^/]', '[ab]', '\\d', '(?m)', '(?i)', '(^|/)', '($|/)', '()') },
  { weight: 1, arbitrary: fc.constantFrom(MANY, `${MANY}${MANY}`) },
);
const count = fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{0,3}', '*?', '+?');
const regexp: fc.Arbitrary<string> = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    { weight: 3, arbitrary: item },
    { weight: 4, arbitrary: fc.tuple(tie('node'), tie('node')).map(([a, b]) => a + b) },
    { weight: 1, arbitrary: fc.tuple(tie('node'), tie('node')).map(([a, b]) => `(${a}|${b})`) },
    { weight: 1, arbitrary: fc.tuple(tie('node'), count).map(([a, many]) => `(${a})${many}`) },
    { weight: 1, arbitrary: tie('node').map((a) => `(?m:${a})`) },
  ),
})).node;
const text = fc
  .array(fc.constantFrom('a', 'b', 'A', '/', '.', '1', '\n', 'k', 's', 'K', 'ſ', '\u212a', 'é', '😀'), { maxLength: 6 })
  .map((parts) => parts.join(''));

function has(whole: string, { text: run, begins, ends }: Run): boolean {
  const [folded, part] = [foldCase(whole), foldCase(run)];
  if (begins && ends) return folded === part;
  if (begins) return folded.startsWith(part);
  return ends ? folded.endsWith(part) : folded.includes(part);
}

const placed = (pattern: string, kept?: 'endings') =>
  placedWays(pattern, '', kept)?.map((runs) =>
    runs.map((run) => `${run.begins ? '^' : ''}${run.text}${run.ends ? '$' : ''}`).join(' '),
  );

describe('the literals of a regular expression', () => {
  for (const kept of ['beginnings', 'endings'] as const) {
    it(`are in every text that matches, at their place (more ways than are followed: their ${kept})`, () => {
      let found = 0;
      let anchored = 0;
      fc.assert(
        fc.property(
          regexp,
          fc.constantFrom('', '', 'i', 'm', 's'),
          fc.array(text, { minLength: 20, maxLength: 20 }),
          (pattern, flags, texts) => {
            const ways = placedWays(pattern, flags, kept);
            if (ways === undefined) return;
            const compiled = compileRegexp(pattern, flags);
            for (const one of texts) {
              if (!compiled.test(one)) continue;
              const said = `${flags}/${pattern}/ on ${JSON.stringify(one)}`;
              expect(
                ways.some((runs) => runs.every((run) => has(one, run))),
                said,
              ).to.equal(true);
              found++;
              if (ways.some((runs) => runs.some(({ begins, ends }) => begins || ends))) anchored++;
            }
          },
        ),
        { numRuns: 5000 },
      );
      expect(found).to.be.greaterThan(5000);
      expect(anchored).to.be.greaterThan(500);
    });
  }

  it('know the beginning and the end of the text', () => {
    expect(placed('^/etc/(ssh|ssl)/')).to.deep.equal(['^/etc/ssh/', '^/etc/ssl/']);
    expect(placed('(^|/)id_rsa(\\.pub)?$')).to.deep.equal(['^id_rsa$', '^id_rsa.pub$', '/id_rsa$', '/id_rsa.pub$']);
    expect(placed('^a.*b$|c+$')).to.deep.equal(['^a b$', 'c']);
    // Of lines, not of the text.
    expect(placed('(?m)^a$')).to.deep.equal(['a']);
    expect(placed('(?m)\\Aa\\z')).to.deep.equal(['^a$']);
  });

  it('keep the ends of an expression that has too many ways', () => {
    expect(placed(`${MANY}.*x\\.${MANY}$`, 'endings')).to.deep.equal(
      [...'abcdefghij0123456789'].map((end) => `x.${end}$`),
    );
    expect(placed(`${MANY}.*x\\.${MANY}$`)).to.deep.equal([...'abcdefghij0123456789'].map((begin) => `${begin} x.`));
  });
});
