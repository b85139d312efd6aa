import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';

const MODULE = new URL('../../runtime/base/tick-shape.js', import.meta.url).href;

/** Prints how many of the entries that `begin` made in the queue of ticks outlive a full collection. */
const surviving = (begin: string) => `
  import { createHook } from 'node:async_hooks';
  import { keepTickShape } from ${JSON.stringify(MODULE)};
  const entries = [];
  const hook = createHook({ init: (id, type, trigger, entry) => { if (type === 'TickObject') entries.push(new WeakRef(entry)); } });
  hook.enable();
  ${begin}
  hook.disable();
  setTimeout(() => {
    gc();
    console.log(entries.length + ' made, ' + entries.filter((entry) => entry.deref() !== undefined).length + ' kept');
  }, 1);
`;

describe('The shape of ticks', () => {
  const said = async (begin: string) => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', '--input-type=module', '--eval', surviving(begin)]);
    return stdout.trim();
  };

  it('is kept by one entry, through collections', async () => {
    expect(await said('keepTickShape();')).to.equal('1 made, 1 kept');
  });

  it('would be lost without', async () => {
    expect(await said('process.nextTick(() => undefined);')).to.equal('1 made, 0 kept');
  });
});
