/** A name that is changed while the kernel is held up in the middle of copying it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { fieldOf } from '../cases/matcher.ts';
import { observe, script, select, trigger } from './support.ts';

describe('a copy that is held up', function () {
  this.timeout(120_000);

  for (const how of ['fault', 'notify'])
    it(`the opened file is the kernel's, by ${how}`, async () => {
      const { directory } = await script('echo x > real; echo x > other');
      const [real, other] = [join(directory, 'real'), join(directory, 'other')];
      const { events, code, output } = await observe(trigger('held_copy'), [how, 'open', real, other]);
      if (code === 3) return; // This kernel does not allow it: nobody can do it here.
      expect(code).to.equal(0);
      const opened = select(events, { 'event.type': 'file_open', 'file.directory': directory, 'event.error': '' });
      expect(opened.map((event) => fieldOf(event, 'file.path'))).to.deep.equal([output.trim()]);
      expect(opened.map((event) => fieldOf(event, 'event.unverified'))).to.deep.equal([false]);
    });

  it('a removed file is the kernel’s, or the name is marked as the program’s word', async () => {
    const { directory } = await script('echo x > real; echo x > other');
    const [real, other] = [join(directory, 'real'), join(directory, 'other')];
    const { events, code } = await observe(trigger('held_copy'), ['fault', 'unlink', real, other]);
    if (code === 3) return; // This kernel does not allow it: nobody can do it here.
    const gone = [real, other].filter((path) => !existsSync(path));
    expect(gone).to.have.length(1);
    const [removed] = select(events, { 'event.type': 'file_unlink', 'file.directory': directory });
    expect(removed).to.not.equal(undefined);
    if (fieldOf(removed, 'file.path') !== gone[0]) expect(fieldOf(removed, 'event.unverified')).to.equal(true);
  });
});
