import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';

const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'main.js');

describe('bpfwarden check, without root', function () {
  this.timeout(60_000);
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpfwarden-check-'));
    chmodSync(directory, 0o755);
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  const put = (name: string, text: string, mode = 0o644) => {
    const file = join(directory, name);
    writeFileSync(file, text);
    chmodSync(file, mode);
    return file;
  };
  const bpfwarden = (...args: string[]) => spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
  const RULE = '{"rules":[{"name":"a","condition":"process.uid == 0"}]}';

  it('says that all is well of the shipped configuration and rules', () => {
    const { status, stdout } = bpfwarden('check');
    expect(stdout).to.contain('all is well').and.contain('built-in heuristics').and.not.contain('BPF programs');
    expect(status).to.equal(0);
  });

  it('looks at the files that it is given, each for what it is', () => {
    const files = [
      put('good.toml', '[monitoring]\nenable_network = false\n'),
      put('good.json', RULE),
      put('web.yml', 'basic_auth_users:\n  a: $2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi\n'),
    ];
    const good = bpfwarden('check', ...files);
    expect(good.stdout).to.contain('all is well');
    expect(good.status).to.equal(0);
    const bad = bpfwarden(
      'check',
      put('bad.json', '{bad'),
      put('bad.toml', '[web]\nlisten_adress = ""\n'),
      files[0] ?? '',
    );
    expect(bad.status).to.equal(1);
    expect(bad.stdout)
      .to.match(/bad\.json:1:\d+/)
      .and.match(/bad\.toml:2: unknown key.*listen_address/);
    expect(bpfwarden('check', join(directory, 'missing.json')).status).to.equal(1);
  });

  it('reads a file that changes shipped rules, or uses their macros, behind them', () => {
    const local = put(
      'local.yaml',
      [
        'rules:',
        '  - name: suspicious_temp_execution',
        '    merge: append',
        '    exceptions: [{ name: ours, fields: { process.path: /opt/ours } }]',
        '  - name: mine',
        "    condition: spawned && process.path == '/opt/mine'",
        '    examples: [{ match: { event.type: process_exec, process.path: /opt/mine } }]',
      ].join('\n'),
    );
    const checked = bpfwarden('check', local);
    expect(checked.stdout).to.contain('2 loaded, 0 disabled').and.contain('all is well');
    const tested = bpfwarden('test', local);
    expect(tested.stderr).to.equal('');
    expect(tested.stdout).to.match(/^2 rules, \d+ examples, 0 failed/);
    const shipped = bpfwarden('check', join(dirname(MAIN), '..', 'rules', 'execution.yaml'));
    expect(shipped.stdout).to.contain('all is well');
    const wrong = bpfwarden(
      'test',
      put('wrong.yaml', 'rules: [{ name: suspicious_tmp_execution, merge: append, tags: [a] }]'),
    );
    expect(wrong.stderr).to.match(/wrong\.yaml:1:\d+: .*no earlier rule.*suspicious_temp_execution/);
    expect(wrong.status).to.equal(1);
  });

  it('finds what `run` would refuse', () => {
    const config = put('wrong.toml', '[web]\nlisten_address = "abc"\n[output]\nevents_kinds = ["process_exce"]\n');
    const { status, stdout } = bpfwarden('check', `--config.file=${config}`);
    expect(stdout)
      .to.match(/wrong\.toml: web\.listen_address: expected host:port/)
      .and.contain('there are problems');
    expect(stdout).to.contain('did you mean "process_exec"');
    expect(status).to.equal(1);
    mkdirSync(join(directory, 'empty'), { recursive: true });
    const empty = bpfwarden('check', `--rules.path=${join(directory, 'empty')}`);
    expect(empty.stdout).to.contain('no rule file');
    expect(empty.status).to.equal(1);
  });

  it('refuses files that everybody may write, unless told', () => {
    const rules = put('open.json', RULE, 0o666);
    const refused = bpfwarden('check', `--rules.path=${rules}`);
    expect(refused.status).to.equal(1);
    expect(refused.stdout).to.contain('everybody may write it').and.contain('chmod o-w');
    expect(bpfwarden('check', `--rules.path=${rules}`, '--allow-unsafe-files').status).to.equal(0);
    const config = put('open.toml', '', 0o666);
    expect(bpfwarden('check', `--config.file=${config}`).status).to.equal(1);
  });

  it('answers in JSON', () => {
    const { stdout, status } = bpfwarden('check', put('bad.json', '{bad'), '--format=json');
    const answer = JSON.parse(stdout) as { ok: boolean; sections: { problems: { file: string; line: number }[] }[] };
    expect(answer.ok).to.equal(false);
    expect(answer.sections[0]?.problems[0]).to.deep.include({ file: join(directory, 'bad.json'), line: 1 });
    expect(status).to.equal(1);
  });
});

describe('the directory of local rules', () => {
  it('may be empty, as a package makes it', () => {
    const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-local-'));
    try {
      const check = (...flags: string[]) =>
        spawnSync(process.execPath, [MAIN, 'check', ...flags], { encoding: 'utf8' });
      const local = check(`--rules.local-path=${directory}`);
      expect(local.stdout).to.not.contain('there is no rule file in it');
      expect(local.status).to.equal(0);
      expect(check(`--rules.local-path=${directory}/none`).stdout).to.contain('none: cannot be read');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe('bpfwarden run with nothing to watch for', () => {
  it('does not start, and says why', () => {
    const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-empty-'));
    try {
      const run = (...args: string[]) =>
        spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', timeout: 20_000 });
      const empty = run('run', `--rules.path=${directory}`);
      expect(empty.status).to.equal(1);
      expect(empty.stderr).to.contain('there is no rule file in it');
      const missing = run(`--rules.path=${directory}/none.json`);
      expect(missing.status).to.equal(1);
      expect(missing.stderr).to.contain('none.json: cannot be read');
      writeFileSync(
        join(directory, 'off.json'),
        '{"rules":[{"name":"a","condition":"process.uid == 0","enabled":false}]}',
      );
      const off = run(`--rules.path=${directory}`);
      expect(off.status).to.equal(1);
      expect(off.stderr).to.contain('no rule is in force');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('refuses arguments that it would ignore', () => {
    for (const [args, said] of [
      [['run', 'nonsense'], 'run does not take "nonsense"'],
      [['rules', 'x.json', 'y', 'z', 'w'], 'rules does not take'],
      [['run', '--duration=5'], '--duration does not go with run, only with record'],
      [['replay'], 'replay takes FILE'],
    ] as const) {
      const { status, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
      expect(stderr).to.contain(said);
      expect(status).to.equal(1);
    }
  });

  it('has help for every command, and a version', () => {
    const run = (...args: string[]) => spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
    for (const args of [
      ['help', 'check'],
      ['check', '--help'],
      ['check', '-h'],
    ]) {
      expect(run(...args).stdout)
        .to.contain('usage: bpfwarden check [FILE…]')
        .and.contain('--kernel');
    }
    expect(run('help', 'chek').status).to.equal(1);
    expect(run('version').stdout)
      .to.equal(run('--version').stdout)
      .and.match(/^bpfwarden \d+\.\d+/);
  });
});
