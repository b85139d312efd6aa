import { createMemoryStore } from '../../runtime/store/memory.js';
import { ManualClock, NODE, storeConformance } from './conformance.js';

storeConformance('memory', async () => {
  const clock = new ManualClock();
  const store = createMemoryStore({ node: NODE, clock });
  return { store, clock, cleanup: () => store.close() };
});
