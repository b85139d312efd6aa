import { createMemoryStore } from '../../runtime/store/memory.js';
import { ManualClock, NODE, type StoreUnderTest } from './support.js';

export async function makeMemory(): Promise<StoreUnderTest> {
  const clock = new ManualClock();
  const store = createMemoryStore({ node: NODE, clock });
  return { store, clock, cleanup: () => store.close() };
}
