/**
 * docs/img/alert.png: what a terminal shows when the daemon starts and sees a
 * few harmless behaviours. The daemon really runs, under script(1), which
 * gives it a terminal. Part of `npm run screenshots`.
 */
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { COMMAND, eventually, freePort } from '../test/e2e/support/daemon.ts';

const ROOT = join(import.meta.dirname, '..');
const COLORS: Readonly<Record<string, string>> = {
  '31': '#e06c75',
  '91': '#e06c75',
  '32': '#98c379',
  '33': '#e5c07b',
  '36': '#56b6c2',
  '90': '#7f848e',
  '35': '#c678dd',
  '34': '#61afef',
};
/** What a terminal has that nobody made wider. */
const COLUMNS = 80;
const WANTED = [
  'attached',
  'rules loaded',
  'metrics at',
  'suspicious_temp_execution',
  'credential_file_read',
  'fileless_execution',
  'setuid_bit_set',
];

const CONTROL = new RegExp(`${String.fromCharCode(27)}\\[([0-9;]*)([A-Za-z])`, 'g');
const escapeHtml = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** SGR colours as spans; every other control sequence goes. */
function toHtml(text: string): string {
  let open = false;
  return (
    escapeHtml(text).replace(CONTROL, (_, codes: string, final: string) => {
      if (final !== 'm') return '';
      const close = open ? '</span>' : '';
      const color = codes
        .split(';')
        .map((code) => COLORS[code])
        .find((value) => value !== undefined);
      open = color !== undefined;
      return close + (color === undefined ? '' : `<span style="color:${color}">`);
    }) + (open ? '</span>' : '')
  );
}

/** Draws the picture into the file. */
export async function drawTerminal(file: string): Promise<void> {
  const directory = mkdtempSync('/tmp/bpfwarden-picture-');
  try {
    const url = `127.0.0.1:${await freePort()}`;
    const child = spawn(
      'script',
      ['-qfec', `stty cols ${COLUMNS}; exec ${COMMAND.join(' ')} --web.listen-address=${url}`, '/dev/null'],
      {
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    await eventually('the daemon is ready', async () => (await fetch(`http://${url}/-/ready`)).ok || undefined, 60_000);
    copyFileSync('/bin/true', join(directory, 'x'));
    const call = join(ROOT, 'test', 'triggers', 'call.py');
    execFileSync(
      'bash',
      ['-c', `./x; cat /etc/shadow > /dev/null; python3 ${call} memfd-exec /bin/true; touch s; chmod u+s s`],
      { cwd: directory },
    );
    await eventually(
      'the alerts',
      () =>
        ['suspicious_temp_execution', 'credential_file_read', 'fileless_execution', 'setuid_bit_set'].every((rule) =>
          text.includes(rule),
        ) || undefined,
    );
    const gone = new Promise((resolve) => child.once('exit', resolve));
    // script(1) hands the signal's effect on by closing the terminal; the daemon itself is its child.
    execFileSync('pkill', ['-TERM', '-P', String(child.pid)]);
    await gone;
    const lines = text.split(/\r?\n/);
    // Others on this host may raise the same rules: the first line of each will do.
    const chosen = WANTED.map((pattern) => lines.find((line) => line.includes(pattern))).filter(
      (line) => line !== undefined,
    );
    const shown = ['<span style="color:#7f848e">#</span> npm start', ...chosen.map(toHtml)];
    const browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
    const page = await browser.newPage({ viewport: { width: 760, height: 400 }, deviceScaleFactor: 2 });
    await page.setContent(
      `<body style="margin:0;background:#1e2127"><pre id="t" style="margin:0;padding:18px 22px;color:#d7dae0;font:14px/1.55 'DejaVu Sans Mono',monospace;white-space:pre-wrap;word-break:break-all">${shown.join('\n')}</pre></body>`,
    );
    await page.locator('#t').screenshot({ path: file });
    await browser.close();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
