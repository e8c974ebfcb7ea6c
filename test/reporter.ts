/**
 * Mocha's `spec`, and a second run for a test that watches a live kernel and failed:
 * it shares the kernel with whatever else the machine does. The first failure is
 * printed; what fails twice has failed.
 */
import Mocha from 'mocha';

const LIVE = /\/test\/(?:kernel|e2e)\//;
const { EVENT_TEST_BEGIN, EVENT_TEST_RETRY } = Mocha.Runner.constants;

export default class Reporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options?: Mocha.MochaOptions) {
    super(runner, options);
    runner.on(EVENT_TEST_BEGIN, (test) => {
      if (LIVE.test(test.file ?? '')) test.retries(1);
    });
    runner.on(EVENT_TEST_RETRY, (test, error: Error) => {
      console.log(`    failed, once more: ${test.fullTitle()}\n${error.stack ?? error.message}`);
    });
  }
}
