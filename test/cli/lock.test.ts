import { expect } from 'chai';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { holderOf, takeFolder } from '../../cli/up/lock.js';
import { type StateFolder, stateFolder } from '../../cli/state.js';

describe('the hold on a state folder', () => {
  let state: StateFolder;

  beforeEach(async () => {
    state = stateFolder(await mkdtemp(join(tmpdir(), 'lock-')));
  });

  afterEach(() => rm(state.path, { recursive: true, force: true, maxRetries: 10 }));

  /** As a supervisor that was killed left it: its pid is another process's now. */
  const leaveBehind = () => writeFile(state.lockFile, JSON.stringify({ pid: process.pid, birth: 'another', startedAt: '' }));

  it('is given to one of those who start at the same moment, whatever was left behind, and leaves nothing when given back', async () => {
    for (const left of [async () => undefined, leaveBehind]) {
      await left();
      const starts = await Promise.allSettled(Array.from({ length: 20 }, () => takeFolder(state)));
      const taken = starts.filter((start) => start.status === 'fulfilled');
      expect(taken).to.have.length(1);
      expect((await holderOf(state))?.pid).to.equal(process.pid);
      await taken[0]!.value();
      expect(await readdir(state.path)).to.deep.equal([]);
    }
  });

  it('does not wait for ever for one who ended while it looked at what was left behind', async () => {
    await leaveBehind();
    await writeFile(`${state.lockFile}.turn`, JSON.stringify({ pid: process.pid, birth: 'another', startedAt: '' }));
    await (await takeFolder(state))();
    expect(await readdir(state.path)).to.deep.equal([]);
  });

  it('is nobody\'s where the file names no process, or a whole group of them', async () => {
    for (const text of ['', 'rubbish', 'null', '{}', '{"pid":"a"}', '{"pid":0,"birth":""}', '{"pid":-1,"birth":""}']) {
      await writeFile(state.lockFile, text);
      expect(await holderOf(state), text).to.equal(undefined);
    }
  });
});
