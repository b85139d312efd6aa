import { expect } from 'chai';
import { createClient } from 'redis';
import { KEYS_AT_ONCE } from '../../runtime/store/redis/scripts.js';
import { openRedisStore, type RedisStore } from '../../runtime/store/redis.js';
import { append, born, commandsFor, NODE, set, START_MS } from '../store/support.js';
import { startServer, type TestServer } from './server.js';

describe('a store on Redis', () => {
  let redis: TestServer;
  let store: RedisStore;
  const client = () => createClient({ url: redis.server.url }).connect();

  before(async () => {
    redis = await startServer({ fsync: 'no' });
    store = await openRedisStore({ node: NODE, clock: { now: () => START_MS }, url: redis.server.url });
  });

  after(async () => {
    await store?.close();
    await redis.end();
  });

  it('names the keys of a session in parts, so that one of very many holds up nobody', async () => {
    const count = 2 * KEYS_AT_ONCE + 1;
    const keys = Array.from({ length: count }, (_, at) => `key ${String(at).padStart(5, '0')}`);
    await born(store, 'wide', { writes: [...keys.map((key) => set(key, 'value')), append('list', 'a', 'b')], effects: [{ id: 'e1', body: Buffer.from('x') }] });
    const watching = await client();
    try {
      await watching.configResetStat();
      const names = await store.inventory('wide');
      expect(names).to.deep.equal([
        ...keys.map((name) => ({ kind: 'data', name, bytes: name.length + 5 })), { kind: 'data', name: 'list', bytes: 6 }, { kind: 'effect', name: 'e1', bytes: 3 },
      ]);
      expect(await watching.info('commandstats')).to.match(/^cmdstat_evalsha:calls=4,/m);
      // A departure without a copy before is all in one, and what is gone has nothing to name.
      await store.depart(commandsFor('wide').depart());
      await store.run(commandsFor('wide').learn());
      expect(await store.inventory('wide')).to.deep.equal([]);
    } finally {
      watching.destroy();
    }
  });

  it('goes on with the others where its server has lost a session', async () => {
    const damaging = await client();
    for (const session of ['p1', 'p2', 'p3']) await born(store, session);
    await damaging.del([`${NODE}/s:p2`]);
    damaging.destroy();
    const first = await store.page('p', 2);
    expect([first.slots.map(({ session }) => session), first.next]).to.deep.equal([['p1'], 'p2']);
    expect((await store.page(first.next, 1)).slots.map(({ session }) => session)).to.deep.equal(['p3']);
  });
});
