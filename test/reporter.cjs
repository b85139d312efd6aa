/** Dots; and the files of the tests that failed, a line each, into the file that FAILED_FILE names: `.ci/run` asks them again alone. */
const { appendFileSync } = require('node:fs');
const { reporters, Runner } = require('mocha');

module.exports = class DotsAndFailedFiles extends reporters.Dot {
  constructor(runner, options) {
    super(runner, options);
    const { FAILED_FILE } = process.env;
    if (!FAILED_FILE) return;
    runner.on(Runner.constants.EVENT_TEST_FAIL, ({ file, parent }) => {
      appendFileSync(FAILED_FILE, `${file ?? parent?.file ?? 'unknown'}\n`);
    });
  }
};
