import { mkdtemp, readdir, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Engine } from '../../oracle/inventory/engine/engine.js';
import { Follower } from '../../oracle/inventory/keep/follower.js';
import { openJournalFile } from '../../oracle/inventory/keep/journal.js';
import { fill } from '../../oracle/inventory/keep/rows.js';
import { Sources } from '../../oracle/inventory/sources/sources.js';
import { WorkingSet } from '../../oracle/inventory/state/working-set.js';
import { type Clock, systemClock } from '../../runtime/base/clock.js';
import { silentLog } from '../../runtime/base/log.js';
import { nodeAt, startInventory, type TestInventory } from './support.js';

describe('what meets in an inventory', function () {
  // Each starts engines, several of them.
  this.timeout(180_000);
  let inventory: TestInventory | undefined;

  afterEach(async () => {
    await inventory?.close();
    inventory = undefined;
  });

  const post = async (path: string, body: unknown = {}) => {
    const answer = await inventory!.call('POST', `/inventory${path}`, body);
    expect(answer.status, answer.text).to.be.oneOf([200, 201]);
    return answer.body;
  };
  const hostnames = async () => (await inventory!.call('GET', '/ComputeNode')).body.map(({ hostname }: { hostname: string }) => hostname);

  it('going back and a snapshot: the newest is never one of before', async () => {
    let asked: Promise<unknown> | undefined;
    const clock: Clock = {
      ...systemClock,
      now() {
        const keeping = inventory?.running.keeping;
        // What was there is kept already, and the copy of the wanted one is being made.
        if (asked === undefined && keeping?.snapshots.at(-1)?.reason === 'restore') asked = keeping.snapshot('request');
        return systemClock.now();
      },
    };
    inventory = await startInventory({ clock });
    await post('/ComputeNode', nodeAt(0));
    const { name } = await post('/snapshots');
    await post('/ComputeNode', nodeAt(1));
    await post(`/snapshots/${name}/restore`);
    await (asked ??= inventory.running.keeping.snapshot('request'));
    const { snapshots } = inventory.running.keeping;
    expect(snapshots.map(({ reason }) => reason)).to.deep.equal(['request', 'restore', 'restore', 'request']);
    for (const told of [snapshots.map(({ name: each }) => each), snapshots.map(({ seq }) => seq)]) expect(told).to.deep.equal(told.toSorted());
    expect(snapshots.at(-1)!.tables.ComputeNode.rows).to.equal(1);
  });

  it('a copy that was gone back to and is torn, and what was changed since: that is not put onto what was before', async () => {
    inventory = await startInventory();
    await post('/ComputeNode', nodeAt(0));
    const { name } = await post('/snapshots');
    await post('/ComputeNode', nodeAt(1));
    const restored = await post(`/snapshots/${name}/restore`);
    await post('/ComputeNode', nodeAt(2));
    await truncate(join(inventory.folder, 'snapshots', restored.name, 'ComputeNode.parquet'), 50);
    await inventory.crash();
    expect(await hostnames()).to.deep.equal(['nid000000', 'nid000001']);
    expect(await readdir(join(inventory.folder, 'journal', 'damaged'))).to.have.length(1);
  });

  it('two that need the engine at once: one is started', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'inventory-'));
    const sources = new Sources({ folder, remote: [], clock: systemClock, log: silentLog });
    const follower = new Follower({ folders: [folder], remote: [], log: silentLog, clock: systemClock, snapshots: () => [], sources, rotate: async () => [] });
    const used: Engine[] = [];
    try {
      await Promise.all([1, 2].map(() => follower.use(async (engine) => void used.push(engine))));
      expect(used[0] === used[1]).to.equal(true);
    } finally {
      await Promise.all(used.map((engine) => engine.close()));
      await follower.close();
      await rm(folder, { recursive: true });
    }
  });

  it('rows that cannot be read and an engine that ends: one error, and no other that nobody waits for', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown) => void unhandled.push(error);
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection').on('unhandledRejection', note);
    try {
      let calls = 0;
      const bytes = (text: string) => new TextEncoder().encode(text);
      const engine = {
        async call(verb: string) {
          calls += 1;
          if (verb === 'next' && calls > 2) throw new Error('the engine has ended');
          return verb === 'next' ? { object: 'Component', heads: bytes('nonsense'), values: bytes('') } : undefined;
        },
      };
      const failed = await fill(new WorkingSet(), engine as unknown as Engine, { name: 'a', folder: 'a' }).then(() => undefined, (error: Error) => error);
      expect(failed).to.be.instanceOf(SyntaxError);
      await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).to.deep.equal([]);
    } finally {
      process.removeListener('unhandledRejection', note);
      for (const each of others) process.on('unhandledRejection', each as (reason: unknown) => void);
    }
  });

  it('a disk that is full and many changes: no file is left of any of them', async () => {
    inventory = await startInventory({
      openJournalFile: async (file) => ({ ...await openJournalFile(file), write: () => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' })) }),
    });
    for (const index of [0, 1, 2]) expect((await inventory.call('POST', '/inventory/ComputeNode', nodeAt(index))).status).to.equal(507);
    expect(await readdir(join(inventory.folder, 'journal'))).to.deep.equal([]);
  });
});
