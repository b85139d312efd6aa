/** A worker or a node killed in the middle of a request: what was not acknowledged may be missing or there, but never twice. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CartClient, emptyTally, faultsOf } from '../stress/cart-client.js';
import { killOne } from '../stress/trouble.js';
import type { Scene } from './steps.js';

export type Victim = 'worker' | 'node' | 'store';

const REQUESTS = 12;

/** A cart's products added one by one while a worker, the node or its store dies at some moment; retried until acknowledged. */
export async function killInRequest(scene: Scene, victim: Victim): Promise<string[]> {
  const { tree, http, random } = scene;
  scene.count += 1;
  const session = `crash-${scene.count}-${victim}`;
  const node = tree.node('milan-001');
  const tally = emptyTally();
  const client = new CartClient({ session, origin: node.url, http, random, tally, toleratesLoss: true });
  await client.add('first');
  const adding = (async () => {
    for (let n = 0; n < REQUESTS; n += 1) await client.add(`${n}`);
  })();
  adding.catch(() => undefined);
  await sleep(random.next() * 12);
  if (victim === 'node') {
    await node.kill();
    await node.start();
  } else {
    const pids = victim === 'worker' ? await node.workerPids() : [await node.storePid()];
    for (const pid of pids) if (pid !== undefined) killOne(pid);
  }
  await adding;
  await tree.healthy();
  // A worker's second death in one request is told to the client, who may send the request again; nothing of it has taken effect.
  const violations = tally.violations.filter((violation) => !violation.includes('WORKER_LOST'));
  return [...violations, ...faultsOf(session, await client.read(), [client])].map((fault) => `${victim} killed in a request: ${fault}`);
}
