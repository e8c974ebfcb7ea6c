/**
 * `npm run docs:site`: the Markdown of the repository as a website in build/site.
 * The pages are those that people read in the repository; what they link to of
 * the source becomes a page of its own, so that no link leads out of the site.
 * VitePress fails on a link that leads nowhere. `--serve=PORT` shows the result.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, extname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build, serve } from 'vitepress';

const ROOT = join(import.meta.dirname, '..');
const SITE = join(ROOT, 'build', 'site');
const SOURCE = join(ROOT, 'build', 'site-source');
const LEFT_OUT = new Set(['node_modules', 'build', 'dist', 'render', 'fixtures']);
const IMAGES = new Set(['.png', '.svg', '.jpg', '.gif']);
/** Languages of the highlighter by ending, where they differ. */
const LANGUAGES: Readonly<Record<string, string>> = { h: 'c', cc: 'cpp', mjs: 'js', yml: 'yaml', libsonnet: 'jsonnet' };

function pagesBelow(directory: string): string[] {
  return readdirSync(join(ROOT, directory), { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (LEFT_OUT.has(entry.name) || entry.name.startsWith('.')) return [];
    if (entry.isDirectory()) return pagesBelow(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

/** A folder's README is its index: with VitePress' rewrites the links to it would keep the old name. */
const placeOf = (page: string): string => page.replace(/(^|\/)README\.md$/, '$1index.md');

/** Writes the pages below build/site-source; what they link to is added as it is found. */
class Staging {
  readonly #done = new Set<string>();

  page(path: string): void {
    this.#write(path, this.#linked(readFileSync(join(ROOT, path), 'utf8').replaceAll(/<!--[\s\S]*?-->\n?/g, ''), path));
  }

  #write(path: string, text: string): void {
    const file = join(SOURCE, placeOf(path));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    this.#done.add(path);
  }

  /** The text with each link to a file of the repository leading to that file's page. */
  #linked(text: string, from: string): string {
    // Blocks of code are left as they are.
    return text
      .split(/(^```[\s\S]*?^```)/m)
      .map((part, index) =>
        index % 2 === 1
          ? part
          : part.replaceAll(/(!?)\]\(([^)\s]+)\)/g, (whole, _image: string, target: string) => {
              const to = this.#target(target, from);
              return to === undefined ? whole : whole.replace(`(${target})`, `(${to})`);
            }),
      )
      .join('');
  }

  #target(target: string, from: string): string | undefined {
    if (/^(?:[a-z]+:|#)/.test(target)) return undefined;
    const [path = '', anchor] = target.split('#');
    const wanted = relative(ROOT, resolve(ROOT, dirname(from), decodeURIComponent(path)));
    const page = this.#pageOf(wanted);
    if (page === undefined) return undefined; // VitePress says where.
    const link = relative(dirname(from), placeOf(page));
    return `${link.startsWith('.') ? link : `./${link}`}${anchor === undefined ? '' : `#${anchor}`}`;
  }

  /** The page of a file or folder of the repository; images are copied. */
  #pageOf(path: string): string | undefined {
    const file = join(ROOT, path);
    if (!existsSync(file)) return undefined;
    if (statSync(file).isDirectory()) {
      if (existsSync(join(file, 'README.md'))) return join(path, 'README.md');
      return this.#made(join(path, 'README.md'), () => this.#listing(path));
    }
    const ending = extname(path);
    if (ending === '.md') return path;
    if (IMAGES.has(ending)) {
      cpSync(file, join(SOURCE, path));
      // A link to it, rather than the picture in the page: what is below public/ keeps its name.
      cpSync(file, join(SOURCE, 'public', path));
      return path;
    }
    return this.#made(`${path}.md`, () => {
      const name = ending.slice(1);
      return `# ${path}\n\`\`\`\`${LANGUAGES[name] ?? (name === '' ? 'sh' : name)}\n${readFileSync(file, 'utf8')}\n\`\`\`\`\n`;
    });
  }

  #made(page: string, text: () => string): string {
    if (!this.#done.has(page)) {
      this.#done.add(page); // Before the text, which may lead here again.
      this.#write(page, text());
    }
    return page;
  }

  #listing(path: string): string {
    const entries = readdirSync(join(ROOT, path), { withFileTypes: true })
      .filter(({ name }) => !LEFT_OUT.has(name) && !name.startsWith('.'))
      .map((entry) => (entry.isDirectory() ? `- ${entry.name}/` : `- [${entry.name}](${entry.name})`));
    return this.#linked(`# ${path}/\n${entries.join('\n')}\n`, join(path, 'README.md'));
  }
}

/** What the pages as they were built link to and is not there. */
function deadLinks(): string[] {
  const isThere = (path: string) => [path, `${path}.html`, join(path, 'index.html')].some(isFile);
  return readdirSync(SITE, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.html'))
    .flatMap((name) => {
      const links = [...readFileSync(join(SITE, name), 'utf8').matchAll(/(?:href|src)="(?![a-z]+:|#)([^"#?]+)/g)];
      return links
        .map(([, link = '']) => decodeURIComponent(link))
        .filter((link) => !isThere(link.startsWith('/') ? join(SITE, link) : join(SITE, dirname(name), link)))
        .map((link) => `${name} -> ${link}`);
    });
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

const { values: flags } = parseArgs({ options: { serve: { type: 'string' } } });
rmSync(SOURCE, { recursive: true, force: true });
const staging = new Staging();
for (const page of pagesBelow('')) staging.page(page);
cpSync(join(ROOT, 'docs', 'site.config.ts'), join(SOURCE, '.vitepress', 'config.ts'));
await build(SOURCE);
const dead = deadLinks();
if (dead.length > 0) throw new Error(`links that lead nowhere:\n${dead.join('\n')}`);
console.error(`site: ${SITE}`);
if (flags.serve !== undefined) await serve({ root: SOURCE, port: Number(flags.serve) });
