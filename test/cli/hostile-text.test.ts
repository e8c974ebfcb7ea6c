/** Whatever a file, a path or an argument holds: no command writes a raw control character. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';

const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'main.js');
/** A title of the window, a colour, C1's CSI and a right-to-left override. */
const HOSTILE = '\u001b]0;x\u0007\u001b[31m\u009b1m\u202e';
const JSON_HOSTILE = JSON.stringify(HOSTILE).slice(1, -1);
const RATING = '{severity: warning, risk_score: 0.5, confidence: 0.5, recommendation: investigate}';

describe('text of others, in what commands write', function () {
  this.timeout(300_000);
  let directory: string;
  const file = (name: string) => join(directory, `${HOSTILE}${name}`);

  before(() => {
    directory = join(mkdtempSync(join(tmpdir(), 'bpfwarden-hostile-')), HOSTILE);
    mkdirSync(directory);
    const rule = (name: string, condition: string) =>
      `  - name: "${name}"\n    label: "x${JSON_HOSTILE}"\n    condition: '${condition}'\n    rating: ${RATING}\n    tags: ["${JSON_HOSTILE}"]\n`;
    const name = `process.name == "${JSON_HOSTILE}"`;
    writeFileSync(file('rules.yaml'), `rules:\n${rule('fine', name)}`);
    writeFileSync(file('bad.yaml'), `rules:\n${rule(`bad${JSON_HOSTILE}`, name)}${rule('worse', `proc${HOSTILE}`)}`);
    writeFileSync(file('config.toml'), `[rules]\npaths = ["/x${JSON_HOSTILE}"]\n"f${JSON_HOSTILE}" = 1\n`);
    writeFileSync(
      file('events.ndjson'),
      `{"event":{"type":"process_exec","id":"1"},"timestamp":1,"process":{"name":"${JSON_HOSTILE}","pid":1}}\n{"bad ${HOSTILE}\n{"event":{"type":"${JSON_HOSTILE}"}}\n`,
    );
  });
  after(() => rmSync(join(directory, '..'), { recursive: true, force: true }));

  const COMMANDS: readonly (readonly [name: string, args: () => string[]])[] = [
    ['check of files', () => ['check', file('bad.yaml'), file('rules.yaml'), file('config.toml'), file('none')]],
    ['check of files, as JSON', () => ['check', '--json', file('bad.yaml'), file('config.toml')]],
    ['check', () => ['check', `--config.file=${file('config.toml')}`, `--rules.path=${file('bad.yaml')}`]],
    ['rules', () => ['rules', `--rules.path=${directory}`]],
    ['rules, as JSON', () => ['rules', '--json', `--rules.path=${directory}`]],
    ['test', () => ['test', directory]],
    ['replay', () => ['replay', `--rules.path=${file('rules.yaml')}`, file('events.ndjson')]],
    [
      'explain',
      () => ['explain', `--rules.path=${file('rules.yaml')}`, '--rule=fine', `--event=${file('rules.yaml')}`],
    ],
    ['a rule that there is not', () => ['explain', `--rule=${HOSTILE}`, `--event=${file('events.ndjson')}`]],
    ['alerts', () => ['alerts', file('events.ndjson')]],
    ['a command that there is not', () => [HOSTILE]],
    ['a flag that there is not', () => [`--${HOSTILE}=1`]],
    ['a value that is none', () => ['check', `--web.listen-address=${HOSTILE}`]],
    ['log, as JSON', () => ['record', '--log.format=json', `--config.file=${file('config.toml')}`, file('no/no')]],
  ];
  for (const [name, args] of COMMANDS)
    it(name, () => {
      const { stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args()], { encoding: 'utf8' });
      const raw = `${stdout}${stderr}`.replaceAll('\n', '').match(/.{0,20}[\p{Cc}\p{Cf}].{0,20}/u);
      expect(raw === null ? '' : JSON.stringify(raw[0])).to.equal('');
      expect(`${stdout}${stderr}`).to.have.length.above(0);
    });
});
