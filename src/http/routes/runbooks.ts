import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type Router from '@koa/router';

/** The shipped runbooks: /runbooks/ lists them, /runbooks/NAME is the page, as Markdown that a browser shows. */
export function runbookRoutes(router: Router, directory: string): void {
  const pages = readPages(directory);
  router.get('/runbooks/', (context) => {
    context.type = 'text/markdown; charset=utf-8';
    context.body = pages.get('README') ?? [...pages.keys()].join('\n');
  });
  router.get('/runbooks/:name', (context) => {
    // Only names that were read: no part of the request becomes a path.
    const page = pages.get(String(context.params.name).replace(/\.md$/, ''));
    if (page === undefined) {
      context.status = 404;
      context.body = { error: { message: 'there is no such runbook', remedy: '/runbooks/ lists them' } };
      return;
    }
    context.set('Content-Disposition', 'inline');
    context.type = 'text/plain; charset=utf-8';
    context.body = page;
  });
}

function readPages(directory: string): ReadonlyMap<string, string> {
  let names: string[];
  try {
    names = readdirSync(directory).filter((name) => name.endsWith('.md'));
  } catch (error) {
    // A package may leave the documentation out.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    throw error;
  }
  return new Map(names.sort().map((name) => [basename(name, '.md'), readFileSync(join(directory, name), 'utf8')]));
}
