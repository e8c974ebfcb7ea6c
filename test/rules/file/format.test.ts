import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { formatExamples, formatRules } from '../../../scripts/format-pack.ts';

const RULES = join(import.meta.dirname, '..', '..', '..', 'rules');
const texts = (directory: string) =>
  readdirSync(directory)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => readFileSync(join(directory, name), 'utf8'));

describe('the form of the shipped rules', () => {
  it('keeps them readable: at most 10,000 lines with their examples', () => {
    const all = [...texts(RULES), ...texts(join(RULES, 'examples'))];
    expect(all.join('').split('\n').length).to.be.at.most(10_000);
    for (const text of texts(RULES)) expect(formatRules(text)).to.equal(text);
    for (const text of texts(join(RULES, 'examples'))) expect(formatExamples(text)).to.equal(text);
  });

  it('changes no word of a list, of a rating and of an example', () => {
    const list = Array.from({ length: 40 }, (_, index) => `/usr/bin/program-${index}`);
    const odd = ['a, b', '[x]', '# no comment', 'c: d', '-', '0x10', 'true', "it's", '"quoted"', '*.sh'];
    const block = `lists:\n  long:\n${[...list, ...odd.map((one) => JSON.stringify(one))].map((one) => `    - ${one}\n`).join('')}`;
    const plain = 'lists:\n  p:\n    - -x\n    - a b\n    - http://x\n    - 5\n    - x # why\n';
    const commented = 'lists:\n  c:\n    - a\n    # why\n    - b\n';
    const rule =
      'rules:\n  - name: r\n    severity: info\n    risk_score: 0.5\n    confidence: 0.9\n    recommendation: look, then decide\n';
    for (const text of [block, plain, commented, rule, `${rule}    mitre: [T1]\n    severity_of: no\n`]) {
      const rated = parse(formatRules(text)) as { rules?: { rating?: object }[] };
      for (const one of rated.rules ?? []) {
        const { rating } = one;
        delete one.rating;
        Object.assign(one, rating);
      }
      expect(rated).to.deep.equal(parse(text));
      expect(formatRules(formatRules(text))).to.equal(formatRules(text));
    }
    expect(formatRules(block).split('\n').length).to.be.below(20);
    expect(formatExamples('examples:\n  a:\n    - x\n\n  b:\n    - y\n')).to.equal(
      'examples:\n  a:\n    - x\n  b:\n    - y\n',
    );
  });

  it('breaks a line of a condition that is too long, and changes nothing but white space', () => {
    const names = (at: number) =>
      `process.program in ['one-${at}', 'two-${at}'] && process.args.exists(a, a == 'a  ||  b')`;
    const long = `!(${[1, 2, 3, 4].map(names).join(' || ')})`;
    const text = `macros:\n  m: |\n    ${long}\nrules:\n  - name: r\n    description: |\n      ${long}\n    condition: |\n      spawned\n      && ${long}\n      // why\n    tags: [t]\n`;
    const formatted = formatRules(text);
    expect(formatRules(formatted)).to.equal(formatted);
    expect(formatted).to.contain(
      `description: |\n      ${long}\n    condition: |\n      spawned\n      && !(\n        process`,
    );
    expect(formatted).to.contain('      // why\n    tags: [t]\n').and.to.contain("'a  ||  b'");
    const rest = formatted.split('\n').filter((line) => line !== `      ${long}`);
    expect(Math.max(...rest.map((line) => line.length))).to.be.at.most(160);
    expect(formatted.replaceAll(/\s/g, '')).to.equal(text.replaceAll(/\s/g, ''));
  });
});
