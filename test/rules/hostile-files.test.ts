/** Rule files, configuration and web configuration as somebody would write them who wants to end or fool the daemon. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { SINK_TYPES } from '../../src/alerts/sinks/registry.ts';
import { parseConfig } from '../../src/config/load.ts';
import { formatProblem, WardenError } from '../../src/errors.ts';
import { readWebConfig } from '../../src/http/web-config/read.ts';
import { loadRuleTexts } from '../../src/rules/load.ts';
import { visible } from '../../src/visible.ts';
import { names } from './support/load.ts';

/** Of CPU time: a file that costs its square, or doubles, takes minutes. */
const MOST_MS = 20_000;

function bounded<T>(act: () => T): T {
  const begin = process.cpuUsage();
  const result = act();
  expect(process.cpuUsage(begin).user / 1000, 'milliseconds').to.be.below(MOST_MS);
  return result;
}

const SOUND = 'rules:\n  - name: sound\n    condition: process.uid == 0\n';
const rule = (condition: string, name = 'r') => `rules:\n  - name: ${name}\n    condition: ${condition}\n`;
const laughs = (levels: number) =>
  `a0: &a0 [x, x]\n${Array.from({ length: levels }, (_, at) => `a${at + 1}: &a${at + 1} [*a${at}, *a${at}, *a${at}, *a${at}]`).join('\n')}\n`;

/** What is written, and what the message says. */
const RULES: readonly (readonly [what: string, text: string, message: RegExp])[] = [
  ['anchors that multiply', `${laughs(30)}${SOUND}`, /alias|anchor|unknown key/],
  ['an anchor within itself', `lists:\n  a: &a [*a]\n${SOUND}`, /alias|anchor/],
  [
    'keys merged a thousand times',
    `${Array.from({ length: 1000 }, (_, at) => `k${at}: &k${at} {<<: *k${at - 1}}`).join('\n')}\n`,
    /alias|anchor|unknown key|merge/i,
  ],
  ['lists in lists without end', `lists: ${'['.repeat(50_000)}`, /nested|levels|flow|deep/i],
  [
    'blocks in blocks without end',
    `lists:\n${Array.from({ length: 2000 }, (_, at) => `${' '.repeat(at + 1)}a:`).join('\n')}\n`,
    /nested|levels|deep/i,
  ],
  ['a tag of a language', `rules: !!js/function 'function () { process.exit() }'\n`, /tag|list/],
  ['a tag of binary data', `rules: !!binary R0lGODlhDAAMAIQAAP=\n`, /tag|list|binary/],
  ['a NUL', 'rules:\n  - name: r\0\n    condition: process.uid == 0\n', /./],
  ['another document behind', `${SOUND}---\n${SOUND}`, /document/],
  ['a key twice', `${SOUND}rules: []\n`, /twice|already|duplicate|unique/i],
  ['a prototype', `__proto__: {polluted: 1}\n${SOUND}`, /__proto__/],
  ['a name that turns the text around', rule('process.uid == 0', '"a\u202eb"'), /name/],
  ['a name with an escape', rule('process.uid == 0', '"a\\x1b[2Jb"'), /name/],
  ['a number beyond all', rule('process.pid == 99999999999999999999999999'), /./],
  ['a number of 100,000 digits', rule(`process.pid == ${'9'.repeat(60_000)}`), /./],
  [
    'operators without end',
    rule(`process.uid == 0${' || process.uid == 0'.repeat(3_000)}`),
    /^$|characters|complex|parts/,
  ],
  ['negations without end', rule(`"${'!'.repeat(5_000)}process.memfd"`), /nested deeper/],
  ['brackets without end', rule(`"${'('.repeat(5_000)}true"`), /nested deeper|syntax/],
  [
    'quantifiers in quantifiers',
    rule(
      `"process.args.exists(a, process.args.exists(b, process.args.exists(c, process.args.exists(d, a == b && c == d))))"`,
    ),
    /^|./,
  ],
  ['a text that never ends', `rules:\n  - name: r\n    condition: "process.uid == 0`, /./],
  ['an expression that explodes elsewhere', rule(`"process.path.matches('^(([a-z])+.)+[A-Z]([a-z])+$')"`), /^$/],
  ['an expression of classes without end', rule(`"process.path.matches('${'[\\\\\\\\pL]'.repeat(600)}')"`), /^|./],
];

describe('hostile files', function () {
  this.timeout(120_000);

  for (const [what, text, message] of RULES)
    it(`rules: ${what}`, () => {
      const loaded = bounded(() =>
        loadRuleTexts([
          { path: 'a.yaml', text },
          { path: 'b.yaml', text: 'rules:\n  - name: other\n    condition: process.uid == 1\n' },
        ]),
      );
      const problems = loaded.problems.map(formatProblem);
      expect(problems.join('\n')).to.match(message);
      // The other file's rule is there, whatever this one holds.
      expect(names(loaded)).to.include('other');
      expect(({} as Record<string, unknown>).polluted).to.equal(undefined);
    });

  it('rules: a byte order mark and the line ends of another system are no fault', () => {
    const loaded = loadRuleTexts([{ path: 'a.yaml', text: `\ufeff${SOUND.replaceAll('\n', '\r\n')}` }]);
    expect(loaded.problems.map(formatProblem)).to.deep.equal([]);
    expect(names(loaded)).to.deep.equal(['sound']);
  });

  const TOML: readonly (readonly [what: string, text: string])[] = [
    ['tables in tables without end', `[${'a.'.repeat(20_000)}a]\nb = 1\n`],
    ['lists in lists without end', `a = ${'['.repeat(50_000)}`],
    ['a prototype', '[__proto__]\npolluted = 1\n'],
    ['a prototype by dots', 'web.__proto__.polluted = 1\n'],
    ['a number beyond all', '[history]\nalerts = 99999999999999999999999\n'],
    ['no number', '[history]\nalerts = nan\n'],
    ['less than nothing', '[history]\nalerts = -1\n'],
    ['a NUL in a path', '[spool]\ndirectory = "/tmp/a\\u0000b"\n'],
    ['an address that is a file', '[[sinks]]\nname = "a"\ntype = "webhook"\nurl = "file:///etc/shadow"\n'],
    ['a sink of nobody', '[[sinks]]\nname = "../../a"\ntype = "__proto__"\n'],
    ['a table twice', '[web]\n[web]\n'],
    ['10,000 sinks', '[[sinks]]\nname = "a"\ntype = "webhook"\nurl = "http://h/"\n'.repeat(10_000)],
  ];
  for (const [what, text] of TOML)
    it(`configuration: ${what}`, () => {
      const refusal = bounded(() => {
        try {
          parseConfig(text, 'x.toml', SINK_TYPES);
        } catch (error) {
          return error;
        }
        return undefined;
      });
      expect(refusal).to.be.instanceOf(WardenError);
      const { message, problems } = refusal as WardenError;
      for (const line of [message, ...problems.map(formatProblem)]) expect(visible(line)).to.equal(line);
      expect(({} as Record<string, unknown>).polluted).to.equal(undefined);
    });

  const HASH = '$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG';
  const WEB: readonly (readonly [what: string, text: string])[] = [
    ['anchors that multiply', laughs(30)],
    ['a password that would take a day', `basic_auth_users:\n  a: ${HASH.replace('$10$', '$31$')}\n`],
    ['a password in the clear', 'basic_auth_users:\n  a: secret\n'],
    ['a user named like a prototype', 'basic_auth_users:\n  __proto__: x\n'],
    [
      'a header with a line in it',
      'http_server_config:\n  headers:\n    X-Frame-Options: "deny\\r\\nSet-Cookie: a=b"\n',
    ],
    ['a header of nobody', 'http_server_config:\n  headers:\n    "a b": c\n'],
    ['a key that is a directory', 'tls_server_config:\n  cert_file: /\n  key_file: /\n'],
    ['a certificate that never ends', 'tls_server_config:\n  cert_file: /dev/zero\n  key_file: /dev/zero\n'],
    ['a NUL in a path', 'tls_server_config:\n  cert_file: "a\\0b"\n  key_file: a\n'],
    ['ciphers of nothing', 'tls_server_config:\n  cert_file: a\n  key_file: b\n  cipher_suites: [NULL, EXPORT]\n'],
    ['a rate below nothing', 'rate_limit:\n  interval: -1s\n  burst: 1e99\n'],
  ];
  describe('of the web', () => {
    let directory: string;
    before(() => {
      directory = mkdtempSync(join(tmpdir(), 'bpfwarden-hostile-'));
    });
    after(() => rmSync(directory, { recursive: true, force: true }));

    for (const [what, text] of WEB)
      it(what, () => {
        const file = join(directory, 'web.yml');
        writeFileSync(file, text, { mode: 0o600 });
        const refusal = bounded(() => {
          try {
            readWebConfig(file);
          } catch (error) {
            return error;
          }
          return undefined;
        });
        expect(refusal).to.be.instanceOf(WardenError);
        expect(JSON.stringify((refusal as WardenError).problems)).to.not.contain('secret');
        expect(({} as Record<string, unknown>).polluted).to.equal(undefined);
      });
  });
});
