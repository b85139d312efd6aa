import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Kept, Keeping } from '../../oracle/keeping.js';
import { createLog } from '../../runtime/base/log.js';

describe('what the oracle keeps of its intents', () => {
  let folder: string;
  let kept: Kept;

  const make = (file: string) => new Keeping({ file, snapshot: () => kept, log: createLog('silent') });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'keeping-'));
    kept = { intents: [], ended: [], cordonedByPolicy: ['milan'], cordonedByOperator: [] };
  });

  afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));

  it('writes what changes in the very moment in which it is through', async () => {
    for (let turns = 0; turns < 12; turns += 1) {
      const file = join(folder, `after-${turns}.json`);
      const keeping = make(file);
      keeping.soon();
      await keeping.done();
      // Nothing has changed: this time there is nothing to wait for, and it is through within a few turns.
      keeping.soon();
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      kept.cordonedByPolicy = [`turin-${turns}`];
      keeping.soon();
      await keeping.done();
      expect((await make(file).read()).cordonedByPolicy, `after ${turns} turns`).to.deep.equal([`turin-${turns}`]);
    }
  });

  it('says whether the disk has it, and is written again when the disk takes it', async () => {
    // A file where a folder is wanted: nothing can be written below it.
    await writeFile(join(folder, 'full'), '');
    const file = join(folder, 'full', 'intents.json');
    const keeping = make(file);
    keeping.soon();
    expect(await keeping.done()).to.equal(false);
    await rm(join(folder, 'full'));
    keeping.soon();
    expect(await keeping.done()).to.equal(true);
    expect(await make(file).read()).to.deep.equal(kept);
  });
});
