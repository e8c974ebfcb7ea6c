import { expect } from 'chai';
import fc from 'fast-check';
import { SINK_TYPES } from '../../src/alerts/sinks/registry.ts';
import { defaultConfig, parseConfig } from '../../src/config/load.ts';
import { ARRAY_TABLES, SINK_OPTIONS, TABLES } from '../../src/config/options.ts';
import { WardenError } from '../../src/errors.ts';

const CONTRACT = `
[monitoring]
enable_process = true
enable_network = true
enable_filesystem = true
[threat_detection]
provider = "rule_engine"
enable_heuristics = true
confidence_threshold = 0.6
[response]
enable_alerts = true
alert_webhook = "https://example.com/webhook"
log_level = "info"
`;

function problemsOf(source: string) {
  try {
    parseConfig(source, 'x.toml', SINK_TYPES);
  } catch (error) {
    if (error instanceof WardenError) return error.problems;
    throw error;
  }
  return [];
}

describe('configuration', () => {
  it('reads the smallest file that people write', () => {
    const config = parseConfig(CONTRACT, 'x.toml', SINK_TYPES);
    expect(config.response.alert_webhook).to.equal('https://example.com/webhook');
    expect(config.threat_detection.confidence_threshold).to.equal(0.6);
    expect(config.web.listen_address).to.equal('127.0.0.1:9477');
  });

  it('names line and nearest key of an unknown key', () => {
    const [problem] = problemsOf('[monitoring]\nenable_proces = true\n');
    expect(problem).to.include({ file: 'x.toml', line: 2 });
    expect(problem?.message).to.contain('enable_proces');
    expect(problem?.remedy).to.contain('enable_process');
  });

  it('names the nearest of the names that a list may have', () => {
    const [problem] = problemsOf('[kernel]\nkeep_capabilities = ["CAP_KILL", "CAP_NET_ADMN"]\n');
    expect(problem).to.include({ line: 2, subject: 'kernel.keep_capabilities' });
    expect(problem?.message).to.contain('CAP_NET_ADMN').and.to.contain('did you mean "CAP_NET_ADMIN"?');
    expect(problemsOf('[kernel]\nkeep_capabilities = ["CAP_KILL"]\n')).to.deep.equal([]);
  });

  it('names the nearest table of an unknown table', () => {
    const [problem] = problemsOf('\n[respnse]\nx = 1\n');
    expect(problem).to.include({ line: 2, remedy: 'did you mean "response"?' });
  });

  it('says what form a value should have', () => {
    const problems = problemsOf(
      '[threat_detection]\nprovider = "llm"\nconfidence_threshold = 7\n[kernel]\nring_bytes = 100000\n',
    );
    expect(problems.map((problem) => problem.line)).to.deep.equal([2, 3, undefined]);
    expect(problems[0]?.message).to.contain('"rule_engine"');
    expect(problems[1]?.message).to.contain('from 0 to 1');
    expect(problems[2]?.remedy).to.contain('131072');
  });

  it('reports a syntax error with its line', () => {
    const [problem] = problemsOf('[monitoring]\nenable_process = \n');
    expect(problem?.line).to.equal(2);
  });

  it('finds the right one of several tables of a name', () => {
    const source =
      '[[sinks]]\nname = "a"\ntype = "webhook"\nurl = "http://127.0.0.1/"\n[[sinks]]\nname = "b"\ntype = "webhok"\n';
    expect(problemsOf(source)[0]).to.include({ line: 7 });
  });

  it('refuses two sinks of one name and a sink without what it needs', () => {
    const sink = '[[sinks]]\nname = "a"\ntype = "webhook"\n';
    const messages = problemsOf(sink + sink).map((problem) => problem.message);
    expect(messages).to.include('two entries are named "a"');
    expect(messages).to.include('a sink of type "webhook" needs "url"');
    expect(
      problemsOf(sink.replace('webhook', 'alertmanager')).map(({ line, message }) => [line, message]),
    ).to.deep.equal([[1, 'a sink of type "alertmanager" needs "urls" or "url"']]);
  });

  it('refuses the keys of another type of sink, and says whose they are', () => {
    const sink =
      '[[sinks]]\nname = "a"\ntype = "webhook"\nurl = "http://127.0.0.1/"\nprotocol = "tls"\nadress = "x:1"\n';
    expect(
      problemsOf(sink).map(({ line, subject, message, remedy }) => [line, subject, message, remedy]),
    ).to.deep.equal([
      [5, 'sinks.a', 'a sink of type "webhook" has no key "protocol"', 'it belongs to type "syslog"'],
      [
        6,
        'sinks.a',
        'a sink of type "webhook" has no key "adress"',
        'known here: name, type, min_severity, timeout_seconds, url, format, template, secret_file, secret_env, headers, bearer_token_file, ca_file, cert_file, key_file, allow_link_local',
      ],
    ]);
    for (const { type, options } of SINK_TYPES) {
      for (const other of SINK_TYPES) {
        for (const [key, option] of Object.entries(other.options)) {
          const found = problemsOf(
            `[[sinks]]\nname = "a"\ntype = "${type}"\n${key} = ${JSON.stringify(option.default)}\n`,
          );
          const isForeign = found.some(
            ({ message, remedy }) =>
              message.includes(`has no key "${key}"`) && remedy?.includes(`"${other.type}"`) === true,
          );
          expect(isForeign, `${key} of ${other.type} in ${type}`).to.equal(
            !Object.hasOwn(options, key) && !Object.hasOwn(SINK_OPTIONS, key),
          );
        }
      }
    }
  });

  it('refuses keys of a sink that have no effect beside its others, and says what they need', () => {
    const found = (type: string, ...keys: string[]) =>
      problemsOf(`[[sinks]]\nname = "a"\ntype = "${type}"\n${keys.join('\n')}\n`).map(
        ({ line, subject, message }) => `${line} ${subject} ${message}`,
      );
    const idle = (line: number, key: string, what: string) =>
      `${line} sinks.a "${key}" has no effect here: it works only with ${what}`;
    const plain = 'url = "http://127.0.0.1/"';
    const secure = 'url = "https://example.org/"';
    const pair = ['cert_file = "/c"', 'key_file = "/k"'];

    expect(found('webhook', plain, 'template = "{{line}}"')).to.deep.equal([
      idle(5, 'template', 'format = "template"'),
    ]);
    expect(found('webhook', plain, 'template = "{{line}}"', 'format = "template"')).to.deep.equal([]);
    expect(found('webhook', plain, 'format = "template"')).to.deep.equal([
      idle(5, 'format', 'a template where it is "template"'),
    ]);
    expect(found('webhook', plain, 'ca_file = "/ca"')).to.deep.equal([idle(5, 'ca_file', 'an https URL')]);
    expect(found('webhook', secure, ...pair, 'ca_file = "/ca"')).to.deep.equal([]);
    expect(found('webhook', secure, 'key_file = "/k"')).to.deep.equal([idle(5, 'key_file', 'a cert_file')]);
    expect(found('webhook', plain, 'secret_env = "X"', 'secret_file = "/s"')).to.deep.equal([
      idle(5, 'secret_env', 'no secret_file'),
    ]);
    expect(found('alertmanager', 'urls = ["http://a/", "https://b/"]', ...pair)).to.deep.equal([]);
    expect(found('otlp', plain, ...pair)).to.deep.equal([
      idle(5, 'cert_file', 'an https URL'),
      idle(6, 'key_file', 'an https URL'),
    ]);
    expect(found('syslog', 'address = "x:1"', 'ca_file = "/ca"')).to.deep.equal([
      idle(5, 'ca_file', 'protocol = "tls"'),
    ]);
    expect(found('syslog', 'address = "x:1"', 'ca_file = "/ca"', 'protocol = "tls"')).to.deep.equal([]);
    expect(found('file', 'path = "-"', 'rotate_bytes = 1000')).to.deep.equal([
      idle(5, 'rotate_bytes', 'a path other than "-"'),
    ]);
    expect(found('file', 'path = "/f"', 'rotate_keep = 3', 'rotate_bytes = 0')).to.deep.equal([
      idle(5, 'rotate_keep', 'rotate_bytes or rotate_seconds'),
    ]);
    expect(found('file', 'path = "/f"', 'rotate_keep = 3')).to.deep.equal([]);
  });

  it('is frozen all the way down', () => {
    const config = defaultConfig();
    expect(Object.isFrozen(config)).to.equal(true);
    expect(Object.isFrozen(config.enrich.environment)).to.equal(true);
  });

  it('takes every default as a valid value', () => {
    for (const [table, options] of Object.entries({ ...TABLES })) {
      for (const [key, option] of Object.entries(options)) {
        const literal = JSON.stringify(option.default);
        if (literal === '""') continue;
        expect(problemsOf(`[${table}]\n${key} = ${literal}\n`), `${table}.${key}`).to.deep.equal([]);
      }
    }
    for (const { type, options } of SINK_TYPES) {
      for (const [key, option] of Object.entries({ ...SINK_OPTIONS, ...options })) {
        const literal = JSON.stringify(option.default);
        if (literal === '""' || literal === '[]') continue;
        const found = problemsOf(`[[sinks]]\nname = "a"\ntype = "${type}"\n${key} = ${literal}\n`);
        expect(
          found.filter(({ subject }) => subject === `sinks.${key}`),
          `${type}.${key}`,
        ).to.deep.equal([]);
      }
    }
    expect(Object.keys(ARRAY_TABLES)).to.include('silences');
  });

  it('never throws anything but a WardenError, whatever the file holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (source) => {
        problemsOf(source);
      }),
    );
    expect(problemsOf('[__proto__]\npolluted = true\n').length).to.be.greaterThan(0);
    expect(({} as Record<string, unknown>).polluted).to.equal(undefined);
  });
});
