import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { sigmaPage } from '../../../scripts/generate-sigma.ts';
import { compilePredicate } from '../../../src/rules/predicate/compile.ts';
import { loadSigmaTexts } from '../../../src/rules/sigma/load.ts';
import { recordFromJson } from '../../../src/schema/record.ts';

const MD5 = 'd41d8cd98f00b204e9800998ecf8427e';
const SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

function load(category: string, search: string, head = '') {
  const text = `title: Rule
id: r-1
${head}logsource:
    product: linux
    category: ${category}
detection:
    selection:
        ${search}
    condition: selection
`;
  return loadSigmaTexts([{ path: 'rule.yml', text }]);
}

function fires(category: string, search: string, type: string, event: object): boolean {
  const { rules, problems } = load(category, search);
  expect(problems).to.deep.equal([]);
  const [rule] = rules;
  if (rule === undefined) throw new Error('not loaded');
  return compilePredicate(rule.condition)(recordFromJson({ event: { type }, ...event }, '1'));
}

const exec = (search: string, event: object) => fires('process_creation', search, 'process_exec', event);
const connects = (search: string, network: object, type = 'net_conn') =>
  fires('network_connection', search, type, { network });

describe('fields of Sigma', () => {
  it('docs/sigma.md has the table that the loader reads', () => {
    const page = readFileSync(join(import.meta.dirname, '../../../docs/sigma.md'), 'utf8');
    expect(sigmaPage(page)).to.equal(page);
  });

  it('hashes of the executable or the file, with or without their names', () => {
    const process = { md5: MD5, sha256: SHA256 };
    for (const search of [
      `Hashes|contains: 'MD5=${MD5.toUpperCase()}'`,
      `Hashes|contains: SHA256=${SHA256}`,
      `Hashes: '*${MD5}*'`,
      `md5: ${MD5}`,
      `sha256|startswith: e3b0c442`,
      `Hashes|contains: [SHA1=da39a3ee5e6b4b0d3255bfef95601890afd80709, MD5=${MD5}]`,
    ]) {
      expect(exec(search, { process }), search).to.equal(true);
      expect(exec(search, { process: { md5: MD5.replace('d', '0'), sha256: SHA256.slice(1) } }), search).to.equal(
        false,
      );
      expect(exec(search, { file: process }), search).to.equal(false);
    }
    expect(fires('file_event', `md5: ${MD5}`, 'file_create', { file: { md5: MD5 } })).to.equal(true);
    expect(load('process_creation', 'Hashes|re: x').problems[0]?.message).to.include('Hashes');
  });

  it('Image and ParentImage are the file that runs as well as the path that was asked for', () => {
    const sh = { path: '/usr/bin/dash', invoked_path: '/bin/sh' };
    for (const [field, process] of [
      ['Image', sh],
      ['ParentImage', { parent: sh }],
    ] as const) {
      for (const value of ['/sh', '/dash', '/usr/bin/dash'])
        expect(exec(`${field}|endswith: ${value}`, { process }), value).to.equal(true);
      expect(exec(`${field}|endswith: /bash`, { process })).to.equal(false);
      expect(exec(`${field}|endswith|neq: /sh`, { process })).to.equal(false);
      expect(exec(`${field}: null`, { process })).to.equal(false);
      expect(exec(`${field}: null`, { process: { pid: 1 } })).to.equal(true);
    }
    // A recording that has only the name it was started by.
    const named = { path: '/usr/bin/vim.basic', name: 'vi' };
    expect(exec('Image|endswith: /vi', { process: named })).to.equal(true);
    expect(exec('Image|endswith: /vim.basic', { process: named })).to.equal(true);
  });

  it('LogonId is the login user, which a daemon does not have', () => {
    expect(exec('LogonId: 0', { process: { auid: 0, uid: 33 } })).to.equal(true);
    expect(exec('LogonId: 0', { process: { uid: 0 } })).to.equal(false);
    expect(exec('LogonId: 0', { process: { path: '/bin/x' } })).to.equal(false);
    expect(exec('LogonId: 0', { process: { auid: 1000, uid: 0 } })).to.equal(false);
    expect(exec('LogonId: null', { process: { auid: 1000 } })).to.equal(false);
    expect(exec('LogonId: null', {})).to.equal(true);
  });

  it('base64offset with all asks for each value at one of its three offsets', () => {
    const search = 'CommandLine|base64offset|contains|all: [import os, /bin/sh]';
    const line = (text: string) => ({ process: { command_line: `echo ${Buffer.from(text).toString('base64')}` } });
    for (const pad of ['', 'a', 'ab']) {
      expect(exec(search, line(`${pad}import os; os.system("/bin/sh")`)), pad).to.equal(true);
      expect(exec(search, line(`${pad}import os; os.system("id")`)), pad).to.equal(false);
    }
  });

  it('the rest of the map', () => {
    const process = { pid: 7, ppid: 6, name: 'n', cwd: '/w', parent: { name: 'p' }, env: { LD_PRELOAD: '/x.so' } };
    for (const search of [
      'ProcessId: 7',
      'ParentProcessId: 6',
      'ProcessName: N',
      'CurrentDirectory: /W',
      'ParentProcessName: p',
      'process.env.LD_PRELOAD|endswith: .so',
      'ComputerName: HOST',
      'process.env.HOME: null',
    ]) {
      expect(exec(search, { process, host: { name: 'host' } }), search).to.equal(true);
      const other = search.includes('null') ? { process: { env: { HOME: '/' } } } : { process: { pid: 8, name: 'm' } };
      expect(exec(search, other), search).to.equal(false);
    }
  });

  it('the two paths of a rename', () => {
    const file = { path: '/old', new_path: '/new' };
    const event = (search: string, type = 'file_rename', category = 'file_event') =>
      fires(category, search, type, { file });
    expect(event('TargetFilename: /new')).to.equal(true);
    expect(event('TargetFilename: /old')).to.equal(false);
    expect(event('SourceFilename: /old')).to.equal(true);
    expect(event('TargetFilename: /old', 'file_create')).to.equal(true);
    expect(event('TargetFilename: /new', 'file_create')).to.equal(false);
    expect(event('TargetFilename: /new', 'file_rename', 'file_rename')).to.equal(true);
    expect(event('TargetFilename: /old', 'file_unlink', 'file_delete')).to.equal(true);
  });

  it('which events are file events', () => {
    const event = (category: string, type: string, file: object, error?: string) =>
      fires(category, 'TargetFilename: /f', type, { event: { type, error }, file: { path: '/f', ...file } });
    for (const [category, type, file, expected] of [
      ['file_event', 'file_write', {}, true],
      ['file_event', 'file_open', { access: 'read' }, false],
      ['file_event', 'file_open', {}, false],
      ['file_event', 'file_open', { access: 'read_write' }, true],
      ['file_event', 'file_open', { access: 'read', flags: ['O_RDONLY', 'O_CREAT'] }, true],
      ['file_event', 'file_unlink', {}, false],
      ['file_event', 'file_chmod', {}, false],
      ['file_create', 'file_open', { access: 'write' }, false],
      ['file_create', 'file_open', { created: true }, true],
      ['file_create', 'file_write', {}, false],
      ['file_change', 'file_chmod', {}, true],
      ['file_change', 'file_open', { access: 'write' }, true],
      ['file_change', 'file_open', { access: 'read' }, false],
      ['file_access', 'file_open', { access: 'read' }, true],
      ['file_access', 'file_unlink', {}, false],
    ] as const) {
      expect(event(category, type, file), `${category} ${type} ${JSON.stringify(file)}`).to.equal(expected);
      if (expected) expect(event(category, type, file, 'ENOENT'), `${category} ${type} failed`).to.equal(false);
      if (expected) expect(event(category, type, file, ''), `${category} ${type} succeeded`).to.equal(true);
    }
  });

  it('who opened a connection', () => {
    for (const [type, network, initiated] of [
      ['net_conn', {}, true],
      ['net_send', {}, true],
      ['net_accept', {}, false],
      ['net_conn', { direction: 'outbound' }, true],
      ['net_conn', { direction: 'inbound' }, false],
      ['net_accept', { direction: 'inbound' }, false],
    ] as const) {
      expect(connects("Initiated: 'true'", network, type), `${type} true`).to.equal(initiated);
      expect(connects('Initiated: false', network, type), `${type} false`).to.equal(!initiated);
      expect(connects('Initiated|exists: true', network, type)).to.equal(true);
    }
    expect(connects("Initiated: 'true'", {}, 'net_listen')).to.equal(false);
    expect(connects('DestinationIsIpv6: true', { destination: { ip: 'fd00::1' } })).to.equal(true);
    expect(connects('DestinationIsIpv6: false', { destination: { ip: '10.0.0.1' } })).to.equal(true);
    expect(connects('Protocol: TCP', { transport: 'tcp' })).to.equal(true);
  });

  it('level, tags and status become severity, score, techniques and confidence', () => {
    const { rules } = load(
      'process_creation',
      'Image: /a',
      'status: stable\nlevel: critical\ntags: [attack.t1059.004, attack.execution, cve.2021-1]\n',
    );
    expect(rules[0]?.info).to.deep.include({
      name: 'Rule',
      id: 'r-1',
      source: 'rule.yml:1',
      severity: 'critical',
      riskScore: 0.9,
      confidence: 0.9,
      mitre: ['T1059.004'],
      tags: ['attack.t1059.004', 'attack.execution', 'cve.2021-1'],
    });
    for (const [level, severity] of [
      ['informational', 'info'],
      ['low', 'info'],
      ['medium', 'warning'],
      ['high', 'critical'],
    ]) {
      expect(load('process_creation', 'Image: /a', `level: ${level}\n`).rules[0]?.info.severity).to.equal(severity);
    }
    expect(load('process_creation', 'Image: /a').rules[0]?.info).to.deep.include({
      severity: 'warning',
      riskScore: 0.5,
    });
  });
});

describe('Sigma filters', () => {
  const rule = `title: Rule
id: r-1
name: named
logsource: {category: process_creation}
detection: {selection: {Image: /a}, condition: selection}
---
`;
  const filter = (rules: string, category = 'process_creation') => `title: Filter
logsource: {category: ${category}}
filter:
    rules: ${rules}
    selection: {User|startswith: adm_}
    condition: not selection
`;
  const run = (text: string, user: string) => {
    const { rules, problems } = loadSigmaTexts([{ path: 'f.yml', text }]);
    const matches = rules.map(({ condition }) =>
      compilePredicate(condition)(
        recordFromJson({ event: { type: 'process_exec' }, process: { path: '/a' }, user: { name: user } }, '1'),
      ),
    );
    return { matches, problems: problems.map((problem) => problem.message) };
  };

  for (const target of ['[r-1]', '[named]', 'any']) {
    it(`narrow the rules ${target}`, () => {
      expect(run(rule + filter(target), 'adm_x')).to.deep.equal({ matches: [false], problems: [] });
      expect(run(rule + filter(target), 'bob')).to.deep.equal({ matches: [true], problems: [] });
    });
  }

  it('of another log source do nothing and are reported', () => {
    const { matches, problems } = run(rule + filter('[r-1]', 'file_event'), 'adm_x');
    expect(matches).to.deep.equal([true]);
    expect(problems).to.have.lengthOf(1);
  });
});
