/**
 * The obvious alternative to a session layer: Express (preset) and the redis client, which pipelines
 * what is sent in one tick. Each request takes a lock, reads, writes and gives the lock back if it is
 * still its own. No request ids, no epochs, no moves.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';
import { serve } from '../harness/serve.js';
import { leanApp, presetServer } from './express-preset.js';

const LOCK_MS = 30_000;
const RETRY_MS = 2;
const UNLOCK = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0";

const client = createClient({ socket: { path: process.argv[2]!, tls: false } });
await client.connect();
const unlockSha = await client.scriptLoad(UNLOCK);

const app = leanApp();
app.post('/function/counter', async (request, response) => {
  const session = request.headers['x-session'] as string;
  const lock = `lock:${session}`;
  const token = randomUUID();
  while (await client.set(lock, token, { condition: 'NX', expiration: { type: 'PX', value: LOCK_MS } }) === null) await sleep(RETRY_MS);
  try {
    const n = Number((await client.hGet(`session:${session}`, 'n')) ?? 0) + 1;
    await client.hSet(`session:${session}`, 'n', String(n));
    response.json({ n });
  } finally {
    await client.evalSha(unlockSha, { keys: [lock], arguments: [token] });
  }
});
serve(presetServer(app));
