import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Users } from '../../src/enrich/users.ts';

describe('user names', () => {
  it('come from the file, are read again when it changes, and stay while it is replaced', () => {
    const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-users-'));
    const file = join(directory, 'passwd');
    let now = 0;
    try {
      writeFileSync(
        file,
        'root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/:/bin/sh\nbroken\nalice:x:1000:1000::/:/bin/sh\n',
      );
      const users = new Users(file, () => now);
      expect(users.name(0)).to.equal('root');
      expect(users.name(1000)).to.equal('alice');
      expect(users.name(1001)).to.equal(undefined);
      writeFileSync(file, 'root:x:0:0::/:/bin/sh\nbob-the-second:x:1001:1001::/:/bin/sh\n');
      expect(users.name(1001)).to.equal(undefined);
      now += 10_000;
      expect(users.name(1001)).to.equal('bob-the-second');
      unlinkSync(file);
      now += 10_000;
      expect(users.name(1001)).to.equal('bob-the-second');
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
