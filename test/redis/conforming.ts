import { openRedisStore } from '../../runtime/store/redis.js';
import { ManualClock, NODE, type StoreUnderTest } from '../store/conformance.js';
import { startServer } from './server.js';

/** A store on a Redis of its own, for the conformance suite. */
export async function conformingRedis(): Promise<StoreUnderTest> {
  const clock = new ManualClock();
  const { server, end } = await startServer({ fsync: 'no' });
  const open = (node = NODE) => openRedisStore({ node, clock, url: server.url });
  let store = await open();
  const restart = async () => {
    await store.close();
    store = await open();
    return store;
  };
  return {
    store, clock, restart, beside: open,
    cleanup: async () => {
      await store.close();
      await end();
    },
  };
}
