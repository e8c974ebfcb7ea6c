/**
 * Whatever text a person, a sender or a hostile package puts before a parser: an
 * answer or an error with a code, in little time, and no prototype changed. The
 * texts are mutations of working ones. BPFWARDEN_FUZZ_RUNS makes it long.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { redactorOf } from '../../src/alerts/redact.ts';
import { SINK_TYPES } from '../../src/alerts/sinks/registry.ts';
import { defaultConfig, parseConfig } from '../../src/config/load.ts';
import { parseAnswers } from '../../src/enrich/dns.ts';
import { WardenError } from '../../src/errors.ts';
import { readWebConfig } from '../../src/http/web-config/read.ts';
import { readRecording } from '../../src/recording.ts';
import { loadRules } from '../../src/rules/load.ts';
import { serve } from '../http/support/server.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const RUNS = Number(process.env.BPFWARDEN_FUZZ_RUNS ?? 60);
/** Generous: the machine has other things to do. */
const MOST_MS = 20_000;
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

/** A working text, cut, spliced, repeated and with bytes replaced. */
function mutated(samples: readonly string[], pieces: readonly string[]): fc.Arbitrary<string> {
  const change = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.nat(40),
    text: fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: 'binary', maxLength: 12 })),
    times: fc.constantFrom(1, 1, 1, 2, 300),
  });
  return fc
    .tuple(fc.constantFrom(...samples), fc.array(change, { minLength: 1, maxLength: 6 }))
    .map(([sample, changes]) =>
      changes.reduce((text, { at, length, text: piece, times }) => {
        const place = Math.floor(at * text.length);
        return text.slice(0, place) + piece.repeat(times) + text.slice(place + length);
      }, sample),
    );
}

const YAML_PIECES = [
  '&a ',
  '*a',
  '- ',
  ': ',
  '!!js/function ',
  '<<: *a',
  '"',
  "'",
  '|\n',
  '[',
  '{',
  '\t',
  '---\n',
  '__proto__: ',
  '\u2028',
  '\0',
];
const CEL_PIECES = [
  '(',
  ')',
  '!',
  '&&',
  '||',
  "'",
  '\\',
  '.matches(',
  '.exists(x, ',
  '[',
  '==',
  ' in ',
  '__proto__',
  '1e999',
  '-9223372036854775808',
];
const SIGMA = `title: t
id: 7b434893-c57d-4f41-908d-6a17bf1ae98f
logsource: {product: linux, category: process_creation}
detection:
  selection: {Image|endswith: [/curl, /wget], CommandLine|re: 'x.*y'}
  filter: {User: root}
  condition: selection and not 1 of filter*
level: high
`;
const FALCO = `- list: shells
  items: [bash, sh]
- macro: spawned
  condition: evt.type in (execve, execveat) and evt.dir = <
- rule: Shell
  desc: d
  condition: spawned and proc.name in (shells) and not proc.pname startswith "x"
  output: "shell (user=%user.name %proc.cmdline)"
  priority: WARNING
`;
const WEB = `basic_auth_users:
  alice: $2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi
http_server_config:
  headers: {X-Frame-Options: deny}
`;
const NATIVE_RULES = `lists:
  tools: [nc, ncat]
macros:
  quiet: "process.uid == 0"
rules:
  - name: one
    condition: event.type == 'process_exec' && process.name in tools && !quiet
    severity: warning
    window: {seconds: 60, by: [process.uid], count: 3}
  - name: two
    condition: "file.path.matches('^/etc/(a|b)+$') || process.args.exists(a, a.startsWith('-e'))"
    exceptions: [{name: e, fields: [process.path], values: [[/usr/bin/x]]}]
`;
const JSON_RULES =
  '{"rules":[{"name":"t","condition":{"all":[{"fact":"process.pid","operator":"greaterThan","value":1}]}}]}';
const rules = (path: string) => (text: string) =>
  loadRules({ paths: [], read: { files: [{ path, text }], problems: [] } });

describe('parsers, fuzzed', function () {
  this.timeout(400_000);
  let directory: string;

  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpfwarden-fuzz-'));
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  /** An error without a code is a fault of ours. */
  function holds(samples: readonly string[], pieces: readonly string[], parse: (text: string) => unknown): void {
    fc.assert(
      fc.property(mutated(samples, pieces), (text) => {
        // CPU time: how long others had the machine says nothing of the parser.
        const begin = process.cpuUsage();
        try {
          parse(text);
        } catch (error) {
          if (!(error instanceof WardenError)) throw error;
          expect(error.message).to.not.equal('');
        }
        expect(process.cpuUsage(begin).user / 1000, 'milliseconds').to.be.below(MOST_MS);
        expect(({} as Record<string, unknown>).polluted).to.equal(undefined);
        expect(Object.keys(Object.prototype)).to.deep.equal([]);
      }),
      { numRuns: RUNS, examples: samples.map((sample) => [sample] as [string]) },
    );
  }

  it('rules in YAML and CEL', () => holds([NATIVE_RULES], [...YAML_PIECES, ...CEL_PIECES], rules('a.yaml')));
  it('rules in JSON', () =>
    holds([JSON_RULES], ['{', '[', '"', ',', ':', '\\u0000', '"__proto__":', '1e999'], rules('a.json')));
  it('Sigma', () =>
    holds(
      [SIGMA],
      [...YAML_PIECES, '|base64offset', '|contains', '*', '1 of ', ' and ', '(', '|re', '\\*'],
      rules('b.yml'),
    ));
  it('Falco', () =>
    holds([FALCO], [...YAML_PIECES, ...CEL_PIECES, '%', 'glob ', ' or ', 'append: true', 'pmatch '], rules('c.yaml')));

  it('the configuration', () =>
    holds(
      [
        read('packaging/bpfwarden.toml'),
        '[web]\nlisten_address = "127.0.0.1:1"\n[[sinks]]\nname = "a"\ntype = "webhook"\nurl = "http://h/"\n',
      ],
      ['[', '[[', ']', '=', '"""', "'''", '0x', '1979-05-27', 'nan', '{', '\n', '__proto__ = 1\n', '\u0000'],
      (text) => parseConfig(text, 'x.toml', SINK_TYPES),
    ));

  it('the web configuration', () =>
    holds([WEB], [...YAML_PIECES, 'tls_server_config: ', '$2y$10$'], (text) => {
      const file = join(directory, 'web.yml');
      writeFileSync(file, text, { mode: 0o600 });
      return readWebConfig(file);
    }));

  it('recordings', async () => {
    const file = join(directory, 'recording.ndjson');
    const samples = [
      '{"event":{"type":"process_exec","id":"1"},"process":{"pid":1,"args":["a","b"],"ancestors":[{"pid":1,"name":"x"}]}}\n',
      '{"event_type":"file_open","pid":3,"process":"cat","file.path":"/etc/shadow","timestamp":1.5}\n',
    ];
    await fc.assert(
      fc.asyncProperty(
        mutated(samples, ['{', '"', '[', '1e999', '"__proto__":{"polluted":1},', '\n', '\u2028', 'null']),
        async (text) => {
          writeFileSync(file, text);
          for await (const event of readRecording(file, () => undefined)) JSON.stringify(event.toJSON());
          expect(({} as Record<string, unknown>).polluted).to.equal(undefined);
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('command lines before redaction', () => {
    const redactor = redactorOf(defaultConfig());
    const pieces = ['"', "'", '\\', '$(', '`', ';', '&&', '|', '<<<', '--password=', '-p', ' ', '${', '\n', '://u:'];
    holds(
      ['sh -c "mysql -u root -p\'x y\' < a"', 'curl -u a:b https://u:p@h/?token=x', 'echo a:b | chpasswd'],
      pieces,
      (text) => {
        redactor.text(text);
        redactor.args(['sh', '-c', text]);
      },
    );
  });

  it('DNS answers', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (message) => parseAnswers(message).length >= 0),
      { numRuns: RUNS * 10 },
    );
  });

  it('HTTP: whatever is sent, the next request is answered', async () => {
    const server = await serve();
    const { hostname, port } = new URL(server.url);
    const samples = [
      'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc',
      'GET /api/v1/events?event=a&limit=5&since=%zz HTTP/1.0\r\n\r\n',
    ];
    const pieces = [
      '\r\n',
      '\n',
      '\0',
      '%00',
      '..%2f',
      'Transfer-Encoding: chunked\r\n',
      'Content-Length: 99999999999999999999\r\n',
      'Host: a\r\n',
      '?',
      'HTTP/9.9',
      '\x16\x03\x01',
    ];
    try {
      await fc.assert(
        fc.asyncProperty(mutated(samples, pieces), async (text) => {
          const answer = await exchange(hostname, Number(port), text);
          expect(answer).to.not.match(/^HTTP\/1\.1 5(?!0[135])/);
          const health = await fetch(`${server.url}/-/healthy`);
          expect(health.status).to.equal(200);
          await health.text();
        }),
        { numRuns: RUNS },
      );
    } finally {
      await server.close(0);
    }
  });
});

/** Sends, and gives what comes until the other side or a moment of silence ends it. */
function exchange(host: string, port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    let answer = '';
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      socket.destroy();
    });
    socket.on('error', () => socket.destroy());
    socket.setTimeout(100, () => socket.destroy());
    socket.on('close', () => resolve(answer));
    socket.write(Buffer.from(text, 'utf8'));
  });
}
