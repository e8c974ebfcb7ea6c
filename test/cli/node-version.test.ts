import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';

const ROOT = join(import.meta.dirname, '..', '..');

/** The program under a Node.js that says it is of that version. */
function startOn(node: string) {
  const pretend = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${node}' } })`;
  const flag = `--import=data:text/javascript,${encodeURIComponent(pretend)}`;
  return spawnSync(process.execPath, [flag, join(ROOT, 'dist/main.js'), '--version'], { encoding: 'utf8' });
}

describe('the version of Node.js', () => {
  it('that is too old is refused in one sentence, with what to do', () => {
    for (const node of ['18.20.8', '20.20.2', '21.7.3']) {
      const { status, stdout, stderr } = startOn(node);
      expect({ status, stdout }).to.deep.equal({ status: 2, stdout: '' });
      expect(stderr).to.match(
        /^bpfwarden: it needs Node\.js 22 or newer, and this is [\d.]+ \(.*\)\. .*npm start.*\n$/,
      );
    }
  });

  it('that package.json asks for is taken', () => {
    const { engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { engines: { node: string } };
    expect(engines.node).to.equal('>=22');
    for (const node of ['22.0.0', '24.1.0', '100.0.0']) expect(startOn(node)).to.include({ status: 0, stderr: '' });
  });
});
