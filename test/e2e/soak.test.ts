/** The short form of `npm run soak`: no event goes uncounted. How fast it is is not judged here. */
import { expect } from 'chai';
import { soak } from './support/soak.ts';

describe('soak', function () {
  this.timeout(240_000);

  it('accounts for every event in a mixed flood, also while the daemon is stopped', async () => {
    const report = await soak({
      seconds: 20,
      stopEverySeconds: 7,
      stopSeconds: 3,
      floods: 2,
      busy: 1,
      burst: 100,
      tell: () => undefined,
    });
    expect(report.unaccounted).to.equal(0);
    expect([...report.done.keys()]).to.have.length(6);
    for (const [kind, done] of report.done) {
      expect(done, kind).to.be.greaterThan(0);
      expect(report.counted.get(kind), kind).to.be.at.least(done);
    }
    expect(report.recoveries).to.have.length.above(0);
    expect(report.memory).to.have.length.above(0);
  });
});
