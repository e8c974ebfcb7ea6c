import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';

const ROOT = join(import.meta.dirname, '..', '..');

function between(file: string, begin: string, end: string): string {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  expect(from, `${begin} in ${file}`).to.be.at.least(0);
  return text.slice(from + begin.length, to).trim();
}

describe('what it costs', () => {
  const table = between('docs/performance.md', '<!-- written by `npm run bench -- --write` -->', '<!-- end -->');

  it('is quoted in the README as it was measured', () => {
    expect(between('README.md', '<!-- bench:begin -->', '<!-- bench:end -->')).to.equal(table);
  });

  it('has a target, a limit and a verdict in each row', () => {
    const rows = table.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| What '));
    expect(rows).to.have.length.above(4);
    for (const row of rows) expect(row).to.match(/^\| [^|]+ \| [^|]+ \| [≤≥] [\d.,]+ \| (?:yes|no) \| /);
  });
});
