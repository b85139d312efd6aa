/** Stop-and-copy of the same session by DUMP and RESTORE: nobody may write from its first key to its last, so its time is its pause. */
import type { RedisClientType } from 'redis';
import { RESP_TYPES } from 'redis';

/** @returns milliseconds; the copy is taken away again */
export async function plainMs(source: RedisClientType, target: RedisClientType, session: string): Promise<number> {
  const keys = await keysOf(source, session);
  if (keys.length === 0) throw new Error(`the source has no key of ${session}`);
  const bytes = source.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  const fromNs = process.hrtime.bigint();
  for (const key of keys) {
    const dumped = await bytes.dump(key) as unknown as Buffer | null;
    if (dumped) await target.restore(`bench:plain:${key}`, 0, dumped, { REPLACE: true });
  }
  const tookMs = Number(process.hrtime.bigint() - fromNs) / 1e6;
  for (const key of keys) await target.unlink(`bench:plain:${key}`);
  return tookMs;
}

async function keysOf(client: RedisClientType, session: string): Promise<string[]> {
  const found: string[] = [];
  for await (const keys of client.scanIterator({ MATCH: `*${session}`, COUNT: 1_000 })) found.push(...keys);
  return found;
}
