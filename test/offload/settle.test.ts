import { expect } from 'chai';
import { silentLog } from '../../runtime/base/log.js';
import type { AskReply } from '../../runtime/model/verbs.js';
import { Peers } from '../../runtime/offload/peers.js';
import { Source } from '../../runtime/offload/source.js';
import { Changes } from '../../runtime/session/changes.js';
import { WaitingLine } from '../../runtime/session/line.js';
import { createMemoryStore } from '../../runtime/store/memory.js';
import { systemClock } from '../../runtime/base/clock.js';
import { systemIds } from '../../runtime/base/ids.js';
import { commandsFor, NODE, PARENT, ROOT } from '../store/support.js';

describe('a departure that is asked about', () => {
  const c = commandsFor('s');

  /** A source whose session has departed to PARENT under epoch 1, where questions are answered so. */
  async function departed(answers: AskReply[]) {
    const store = createMemoryStore({ node: NODE, clock: systemClock });
    await store.acquire(c.create());
    await store.release(c.release(), { writes: [] });
    await store.depart(c.depart());
    const nothing = () => Promise.reject(new Error('nothing is streamed'));
    const peers = new Peers({ json: async () => answers.shift(), stream: nothing, whole: nothing });
    const line = new WaitingLine({ clock: systemClock, maxWaiting: 1, maxWaitMs: 1 });
    return { store, source: new Source({ node: NODE, store, peers, line, changes: new Changes(systemClock), clock: systemClock, ids: systemIds, log: silentLog }) };
  }

  it('stays open at a word that is not its target\'s about its own epoch, and is taken back at the one that is', async () => {
    const { store, source } = await departed([
      { kind: 'fenced', by: ROOT, epoch: 1 }, { kind: 'fenced', by: PARENT, epoch: 2 }, { kind: 'fenced', by: PARENT, epoch: 1 },
    ]);
    for (const state of ['leaving', 'leaving', 'resident']) {
      expect(await source.settle('s')).to.equal(state === 'resident');
      expect(await store.slot('s')).to.include({ state });
    }
    expect(await store.slot('s')).to.include({ epoch: 1 });
  });
});
