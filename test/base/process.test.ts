import { expect } from 'chai';
import { hasEnded } from '../../runtime/base/process.js';

describe('waiting for a process to end', () => {
  const { now } = Date;

  afterEach(() => {
    Date.now = now;
  });

  it('has its end, though the machine\'s clock is set back meanwhile', async () => {
    let time = now();
    Date.now = () => (time -= 1_000);
    expect(await hasEnded(process.pid, 1)).to.equal(false);
  });
});
