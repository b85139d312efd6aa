/** A process that commits to an embedded store for ever, and says after each commit which one it was. Killed by the test that starts it. */
import { writeSync } from 'node:fs';
import { openEmbeddedStore } from '../../runtime/store/embedded.js';
import { append, born, commandsFor, ManualClock, NODE, set } from './support.js';

const SESSION = 'committed';
const store = openEmbeddedStore({ node: NODE, clock: new ManualClock(), path: process.argv[2]! });
await born(store, SESSION);
const c = commandsFor(SESSION);
for (let count = 1; ; count += 1) {
  const leaseId = `lease ${count}`;
  await store.acquire(c.acquire({ leaseId }));
  const writes = [set('first', String(count)), append('all', String(count)), set('padding', Buffer.alloc(40_000, count)), set('last', String(count))];
  await store.release(c.release({ leaseId }), { writes, effects: [{ id: `effect ${count}`, body: Buffer.alloc(0) }] });
  writeSync(1, `${count}\n`);
}
