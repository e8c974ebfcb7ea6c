import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import type { PageData } from '../../grafana/render/src/types.ts';

const RENDER = join(import.meta.dirname, '..', '..', 'grafana', 'render');
/** Legible on a small screen is legible everywhere. */
const WIDTH = 1280;
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Installs Grafana's components into grafana/render where they are missing: some 450 MB, for this command only. */
function install(): void {
  if (existsSync(join(RENDER, 'node_modules', '@grafana', 'ui'))) return;
  console.error('screenshots: installing @grafana/ui below grafana/render (about 450 MB, once)');
  const { status } = spawnSync('npm', ['install', '--ignore-scripts', '--no-save'], { cwd: RENDER, stdio: 'inherit' });
  if (status !== 0) throw new Error('npm could not install grafana/render/package.json');
}

interface Esbuild {
  build(options: Record<string, unknown>): Promise<{ outputFiles: { path: string; text: string }[] }>;
}

interface Bundle {
  readonly script: string;
  readonly style: string;
}

/** The page as one script and one style sheet. */
async function bundle(): Promise<Bundle> {
  const esbuild = createRequire(join(RENDER, 'package.json'))('esbuild') as Esbuild;
  const { outputFiles } = await esbuild.build({
    entryPoints: [join(RENDER, 'src', 'main.tsx')],
    bundle: true,
    write: false,
    format: 'esm',
    outdir: 'out',
    logLevel: 'error',
    define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
    loader: { '.svg': 'dataurl', '.png': 'dataurl', '.woff2': 'dataurl', '.woff': 'dataurl', '.ttf': 'dataurl' },
  });
  const text = (suffix: string) => {
    const file = outputFiles.find(({ path }) => path.endsWith(suffix));
    if (file === undefined) throw new Error(`esbuild made no ${suffix}`);
    return file.text;
  };
  return { script: text('.js'), style: text('.css') };
}

const HTML = `<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="/main.css">
<body style="margin:0"><div id="root"></div><script type="module" src="/main.js"></script>`;

const MODULES = join(RENDER, 'node_modules');
const FONT_FILES: Readonly<Record<string, string>> = {
  Regular: '400-normal',
  Medium: '500-normal',
  Italic: '400-italic',
};

/** Icons and fonts, which Grafana's components fetch one by one by paths of their own. */
function asset(url: string): readonly [string, Buffer | undefined] {
  const icon = /\/img\/icons\/((?:\w+\/)?[\w-]+\.svg)$/.exec(url)?.[1];
  const font = FONT_FILES[/\/fonts\/inter\/Inter-(\w+)\.woff2$/.exec(url)?.[1] ?? ''];
  const file =
    icon !== undefined
      ? join(MODULES, '@grafana', 'ui', 'dist', 'public', 'img', 'icons', icon)
      : font !== undefined
        ? join(MODULES, '@fontsource', 'inter', 'files', `inter-latin-${font}.woff2`)
        : undefined;
  const type = icon !== undefined ? 'image/svg+xml' : 'font/woff2';
  return [type, file !== undefined && existsSync(file) ? readFileSync(file) : undefined];
}

function serve({ script, style }: Bundle, page: () => PageData): Promise<{ server: Server; url: string }> {
  const server = createServer(({ url }, response) => {
    const answers: Record<string, () => readonly [string, string]> = {
      '/': () => ['text/html', HTML],
      '/favicon.ico': () => ['image/x-icon', ''],
      '/main.js': () => ['text/javascript', script],
      '/main.css': () => ['text/css', style],
      '/page.json': () => ['application/json', JSON.stringify(page())],
    };
    const [type, body] = answers[url ?? '']?.() ?? asset(url ?? '');
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': type }).end(body);
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve({ server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }),
    );
  });
}

/** Draws each page into its file. Throws if a page does not draw all of its panels. */
export async function draw(pages: readonly { readonly page: PageData; readonly file: string }[]): Promise<void> {
  install();
  const bundled = await bundle();
  let current: PageData | undefined;
  const { server, url } = await serve(bundled, () => {
    if (current === undefined) throw new Error('no page');
    return current;
  });
  const profile = mkdtempSync(join(tmpdir(), 'bpfwarden-chromium-'));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    headless: true,
    args: FLAGS,
    viewport: { width: WIDTH, height: 1000 },
    // Sharp also where the page is shown larger.
    deviceScaleFactor: 1.25,
  });
  try {
    for (const { page, file } of pages) {
      current = page;
      const tab = await browser.newPage();
      const errors: string[] = [];
      tab.on('pageerror', (error) => errors.push(error.message));
      tab.on('console', (message) => {
        if (message.type() === 'error') errors.push(`${message.text()} ${message.location().url}`);
      });
      // As high as the page: what scrolls into view only for the picture is not painted.
      const rows = Math.max(...page.panels.map(({ panel }) => panel.gridPos.y + panel.gridPos.h));
      await tab.setViewportSize({ width: WIDTH, height: 100 + rows * 38 });
      await tab.goto(url);
      const expected = page.panels.filter(({ panel }) => panel.type !== 'row').length;
      await tab
        .waitForFunction(`document.querySelectorAll('.drawn').length === ${expected}`, undefined, { timeout: 30_000 })
        .catch(async () => {
          throw new Error(`${page.title} was not drawn: ${await tab.title()} ${errors.join('; ')}`);
        });
      // uPlot and the table measure themselves once more after they are placed.
      await tab.waitForTimeout(1500);
      await tab.screenshot({ path: file, fullPage: true });
      for (const error of errors) console.error(`screenshots: ${page.title}: ${error}`);
      await tab.close();
    }
  } finally {
    await browser.close();
    server.closeAllConnections();
    server.close();
    rmSync(profile, { recursive: true, force: true });
  }
}
