import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect } from 'chai';
import { parseCommandLine } from '../../src/cli/flags.ts';
import { pages, ROOT } from './support/pages.ts';

/** Lines of shell blocks, continued lines joined. */
function commandsOf(text: string): string[] {
  return [...text.matchAll(/^```(?:sh|bash|console)\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) =>
    block.replaceAll('\\\n', ' ').split('\n'),
  );
}

/** The invocations of bpfwarden in a line, up to what the shell takes for itself. */
function invocations(line: string): string[][] {
  const plain = line.replace(/(?:^|\s)#.*$/, '');
  return [...plain.matchAll(/(?:^|[|;&(]\s*|\s)(?:sudo )?bpfwarden(?: ([^|;&>#)]*))?/g)].map(([, words = '']) =>
    words
      .trim()
      .split(/\s+/)
      .filter((word) => word !== ''),
  );
}

/** GitHub's anchor of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[`*]/g, '')
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-');

describe('the website', () => {
  const config = readFileSync(join(ROOT, 'docs', 'site.config.ts'), 'utf8');
  const menu = [...config.matchAll(/page\('[^']+', '\/([^']*)'\)/g)].map(([, link = '']) =>
    link === '' || link.endsWith('/') ? `${link}README.md` : `${link}.md`,
  );

  it('has every page of docs/ in its menu, and nothing that is not there', () => {
    for (const page of menu) expect(existsSync(join(ROOT, page)), page).to.equal(true);
    for (const name of readdirSync(join(ROOT, 'docs')))
      if (name.endsWith('.md')) expect(menu).to.include(`docs/${name}`);
  });
});

describe('the documentation', () => {
  for (const page of pages()) {
    const text = readFileSync(page, 'utf8');
    const name = relative(ROOT, page);

    it(`${name} gives only commands that bpfwarden takes`, () => {
      for (const line of commandsOf(text)) {
        for (const words of invocations(line)) {
          // "bpfwarden" as the name of a package or service, and text with placeholders for whole lines.
          if (
            words.length === 0 ||
            /[[…$]/.test(words.join(' ')) ||
            /(?:systemctl|journalctl|helm|apt|kubectl)/.test(line)
          )
            continue;
          expect(() => parseCommandLine(words), `${name}: ${line}`).to.not.throw();
        }
      }
    });

    it(`${name} links to what is there`, () => {
      for (const [, target = ''] of text.replaceAll(/```[\s\S]*?```/g, '').matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^(?:[a-z]+:|#)/.test(target)) continue;
        const [path = '', anchor] = target.split('#');
        const file = join(dirname(page), decodeURIComponent(path));
        expect(existsSync(file), `${name} -> ${target}`).to.equal(true);
        if (anchor === undefined || anchor === '' || statSync(file).isDirectory() || !file.endsWith('.md')) continue;
        const anchors = [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
          anchorOf(heading),
        );
        expect(anchors, `${name} -> ${target}`).to.include(anchor);
      }
    });
  }
});
