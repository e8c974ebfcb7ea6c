/** The sensor finds what root does to it from outside, and says who did it. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

interface Finding {
  readonly check: string;
  readonly what: string;
  readonly repaired: boolean;
}

describe('self check', function () {
  this.timeout(60_000);

  it('sees its own behaviour, emptied filters, deleted handlers and detached links', () => {
    const program = fileURLToPath(new URL('self-check.ts', import.meta.url));
    const { stdout, stderr } = spawnSync(process.execPath, ['--import=tsx', program], { encoding: 'utf8' });
    expect(stdout, stderr).not.to.equal('');
    const found = JSON.parse(stdout) as Record<string, unknown> & { errors: string[]; accesses: unknown[][] };
    expect(found.errors).to.deep.equal(['', '', '']);
    // What no rule wants is seen in the counts alone.
    expect(found.before).to.deep.equal({
      own: ['file_open', 'file_unlink', 'process_exec', 'process_exit', 'process_fork'],
      integrity: [],
      told: [],
    });
    const checks = (name: string) => (found[name] as Finding[]).map(({ check, repaired }) => [check, repaired]);
    expect(checks('zeroed')).to.deep.equal([['filter', true]]);
    expect(checks('repaired')).to.deep.equal([]);
    expect(checks('deleted')).to.deep.equal([['handlers', true]]);
    expect(checks('detached')).to.deep.equal([['links', true]]);
    expect(checks('attached')).to.deep.equal([]);
    expect(found.accesses).to.deep.include.members([
      ['BPF_MAP_GET_FD_BY_ID', 'map', true],
      ['BPF_MAP_UPDATE_ELEM', 'map', true],
      ['BPF_MAP_DELETE_ELEM', 'map', true],
      ['BPF_LINK_DETACH', 'link', true],
    ]);
  });
});
