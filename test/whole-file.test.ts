import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { secretFrom } from '../src/alerts/sinks/secrets.ts';
import { loadConfig } from '../src/config/load.ts';
import { readRuleFiles } from '../src/rules/file/files.ts';
import { readYamlFiles } from '../src/rules/yaml-files.ts';
import { readWhole } from '../src/whole-file.ts';

describe('files that tell the daemon what to do', () => {
  let directory: string;
  const path = (name: string) => join(directory, name);
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpfwarden-whole-'));
    execFileSync('mkfifo', [path('pipe.yaml')]);
    symlinkSync(path('loop.yaml'), path('loop.yaml'));
    symlinkSync('/dev/zero', path('device.yaml'));
    symlinkSync('/proc/kmsg', path('endless.yaml'));
    symlinkSync('/proc/self/mem', path('memory.yaml'));
    writeFileSync(path('long.yaml'), 'x'.repeat(100));
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  it('are read whole', () => {
    expect(readWhole(path('long.yaml'), 100).toString()).to.equal('x'.repeat(100));
    writeFileSync(path('longer'), 'y'.repeat(200_000));
    expect(readWhole(path('longer'), 200_000)).to.have.length(200_000);
    expect(readWhole('/proc/self/status', 100_000).toString()).to.match(/^Name:/);
  });

  it('are refused where they are longer than they may be, also where they say otherwise', () => {
    expect(() => readWhole(path('long.yaml'), 99)).to.throw('larger than 99 bytes');
    expect(() => readWhole('/proc/self/status', 99)).to.throw('larger than 99 bytes');
  });

  // Each of them held whoever reads it up for ever, or until there was no memory.
  const NAMES = ['pipe', 'loop', 'device', 'endless', 'memory'];
  it('do not hold anybody up, whatever lies at their name', () => {
    for (const name of NAMES) {
      expect(() => readWhole(path(`${name}.yaml`), 1000), name).to.throw();
      expect(() => loadConfig(path(`${name}.yaml`), []), name).to.throw(/cannot read/);
      expect(() => secretFrom(path(`${name}.yaml`), '', {})?.(), name).to.throw(/cannot read/);
    }
    expect(() => readWhole(directory, 1000)).to.throw('it is a directory');
    rmSync(path('longer'));
    const read = readRuleFiles([directory]);
    expect(read.files.map((file) => file.path)).to.deep.equal([path('long.yaml')]);
    expect(read.problems).to.have.length(NAMES.length);
    expect(readYamlFiles([directory]).problems).to.have.length(NAMES.length);
  });

  it('may be what a shell hands over', () => {
    const script = `import('${join(import.meta.dirname, '..', 'src', 'whole-file.ts')}').then((m) => console.log(m.readWhole(process.argv[1], 99).toString()))`;
    const text = execFileSync(
      'bash',
      ['-c', '"$0" --disable-warning=ExperimentalWarning -e "$1" <(sleep 0.2; echo handed)', process.execPath, script],
      { encoding: 'utf8' },
    );
    expect(text.trim()).to.equal('handed');
  });
});
