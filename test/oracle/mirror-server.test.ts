import { expect } from 'chai';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';
import { type MirrorServer, startMirrorServer } from '../../oracle/mirror/server.js';
import { systemClock } from '../../runtime/base/clock.js';
import { createLog } from '../../runtime/base/log.js';
import { processesWith, signal } from '../../runtime/base/process.js';
import { requireServer } from '../redis/server.js';

/** Of a life that ends without a word: nothing happens by its timers any more. */
const STOPPED = { now: () => 0, setTimeout: () => undefined, clearTimeout: () => undefined };

/** Outside of the range from which connections get theirs. */
async function freePort(from = 10_000 + process.pid % 10_000): Promise<number> {
  const isFree = await new Promise<boolean>((resolve) => {
    const server = createServer().once('error', () => resolve(false));
    server.listen(from, '127.0.0.1', () => server.close(() => resolve(true)));
  });
  return isFree ? from : freePort(from + 1);
}

describe('the mirror\'s own Redis', () => {
  let folder: string;
  let lives: MirrorServer[];

  beforeEach(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'mirror-')));
    lives = [];
  });

  afterEach(async () => {
    for (const life of lives) await life.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  it('outlives an oracle that is killed, goes on with the next one, and ends with it', async () => {
    const parts = { server: await requireServer(), port: await freePort(), folder, log: createLog('silent') };
    lives.push(await startMirrorServer({ ...parts, clock: STOPPED }));
    const client = createClient({ url: lives[0]!.url, socket: { reconnectStrategy: () => 20 } });
    client.on('error', () => undefined);
    const pid = async () => Number(/^process_id:(\d+)/m.exec(await client.info('server'))?.[1]);
    await client.connect();
    try {
      await client.rPush('intents', 'one that waits');
      const next = await startMirrorServer({ ...parts, clock: systemClock });
      lives.push(next);
      const first = await pid();
      expect(next.isOwn(first)).to.equal(true);
      expect(await client.lRange('intents', 0, -1)).to.deep.equal(['one that waits']);
      signal(first, 'SIGKILL');
      let second = first;
      while (second === first) second = await pid().catch(() => first);
      expect(next.isOwn(second)).to.equal(true);
      expect(next.isOwn(first)).to.equal(false);
      await next.close();
      expect(await processesWith('--pidfile', join(folder, 'store.pid'))).to.deep.equal([]);
    } finally {
      client.destroy();
    }
  });
});
