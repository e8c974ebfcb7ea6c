import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Users } from '../../src/enrich/users.ts';

describe('users', () => {
  it('come from the file, are read again when it changes, and stay while it is replaced', () => {
    const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-users-'));
    const file = join(directory, 'passwd');
    let now = 0;
    try {
      writeFileSync(
        file,
        'root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/:/bin/sh\nbroken\nalice:x:1000:1000::/:/bin/sh\n',
      );
      writeFileSync(join(directory, 'group'), 'root:x:0:\nadm:x:4:alice\n');
      const users = new Users(file, () => now, join(directory, 'group'));
      expect(users.user(0)?.name).to.equal('root');
      expect(users.user(0)).to.deep.equal({ name: 'root', home: '/root', shell: '/bin/bash' });
      expect(users.user(1000)?.name).to.equal('alice');
      expect(users.groupName(4)).to.equal('adm');
      expect(users.groupName(5)).to.equal(undefined);
      expect(users.user(1001)?.name).to.equal(undefined);
      writeFileSync(file, 'root:x:0:0::/:/bin/sh\nbob-the-second:x:1001:1001::/:/bin/sh\n');
      expect(users.user(1001)?.name).to.equal(undefined);
      now += 10_000;
      expect(users.user(1001)?.name).to.equal('bob-the-second');
      unlinkSync(file);
      now += 10_000;
      expect(users.user(1001)?.name).to.equal('bob-the-second');
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
