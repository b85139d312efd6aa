import { expect } from 'chai';
import { systemClock } from '../../runtime/base/clock.js';
import { silentLog } from '../../runtime/base/log.js';
import { Meter } from '../../runtime/handler/meter.js';
import { processorMsNow, processorMsOf } from '../../runtime/handler/processor-time.js';
import { createWorkers } from '../../runtime/handler/workers.js';
import { call, deployment, Functions } from './support.js';

const BUSY = `export default (request) => {
  let sum = 0;
  for (let each = 0; each < 1e7; each += 1) sum += each % 7;
  return String(sum);
};`;

describe('The time that functions take of the processors', () => {
  const functions = new Functions();
  after(() => functions.close());

  for (const worker of ['process', 'thread']) it(`grows with the calls of a function in a ${worker}, and never falls`, async () => {
    const workers = createWorkers({ clock: systemClock, log: silentLog });
    const bundle = await functions.bundleFolder(await functions.folder(`busy-${worker}`, { 'handler.js': BUSY }));
    const loaded = await workers.load(deployment('busy', { annotations: { worker } }), bundle);
    await loaded.run(call());
    let last = (await loaded.processorMs!())!;
    const first = last;
    for (let left = 3; left > 0; left -= 1) {
      await loaded.run(call());
      const now = (await loaded.processorMs!())!;
      expect(now).to.be.at.least(last);
      last = now;
    }
    expect(last).to.be.greaterThan(first);
    await loaded.scale!(0);
    expect(await loaded.processorMs!()).to.be.at.least(last);
    await workers.close();
  });

  it('is known of a process while there is one', async () => {
    expect(await processorMsOf(process.pid)).to.be.greaterThan(0);
    expect(processorMsNow(process.pid)).to.be.greaterThan(0);
    expect([await processorMsOf(2 ** 30), processorMsNow(2 ** 30)]).to.deep.equal([undefined, undefined]);
  });

  it('is summed up over those that come and go', async () => {
    const took = new Map([['a', 10], ['b', 100]]);
    const meter = new Meter((one: string) => Promise.resolve(took.get(one)));
    expect(await meter.read(['a', 'b'])).to.equal(0);
    took.set('a', 15).set('b', 130);
    expect(await meter.read(['a', 'b'])).to.equal(35);
    took.set('b', 20).set('a', 16);
    expect(await meter.read(['a', 'b'])).to.equal(36);
    expect(await meter.read(['b', 'unknown'])).to.equal(36);
    const own = new Meter((one: string) => Promise.resolve(took.get(one)), true);
    expect(await own.read(['a'])).to.equal(16);
  });
});
