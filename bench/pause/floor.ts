/**
 * The bare floor of a pause: freeze, one 4 KB delta, two flips, with no server around it. Two stores, a socket between two ends,
 * one command at each store; what any live move has to do at least.
 */
import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import type { RedisClientType } from 'redis';

const DELTA_BYTES = 4 * 1024;
const FREEZE = "redis.call('HSET', KEYS[1], 'state', 'leaving') return redis.call('HGET', KEYS[1], 'n')";
const TAKE = "redis.call('HSET', KEYS[1], 'state', 'resident', 'n', ARGV[1]) return 1";

type Client = Pick<RedisClientType, 'eval' | 'hSet' | 'del'>;

export async function floorMs(source: Client, target: Client, times: number): Promise<number[]> {
  const key = 'bench:floor';
  await source.hSet(key, 'n', 'x'.repeat(DELTA_BYTES));
  const wire = await openWire();
  const measured: number[] = [];
  try {
    for (let time = 0; time < times; time += 1) {
      const fromNs = process.hrtime.bigint();
      const delta = await source.eval(FREEZE, { keys: [key] }) as string;
      const carried = await wire.carry(Buffer.from(delta, 'latin1'));
      await target.eval(TAKE, { keys: [key], arguments: [carried.toString('latin1')] });
      measured.push(Number(process.hrtime.bigint() - fromNs) / 1e6);
    }
  } finally {
    await wire.close();
    await Promise.all([source.del(key), target.del(key)]);
  }
  return measured;
}

async function openWire(): Promise<{ carry(delta: Buffer): Promise<Buffer>; close(): Promise<void> }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const sender = connect((server.address() as { port: number }).port, '127.0.0.1').setNoDelay(true);
  const [receiver] = await accepted;
  return {
    carry: (delta) => new Promise((resolve) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      const onData = (part: Buffer) => {
        parts.push(part);
        bytes += part.length;
        if (bytes < delta.length) return;
        receiver.off('data', onData);
        resolve(Buffer.concat(parts));
      };
      receiver.on('data', onData);
      sender.write(delta);
    }),
    async close() {
      sender.destroy();
      receiver.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
