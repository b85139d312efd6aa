/** A sorted set for each series: what one would write without a store for it. A fiftieth of the points, because all of them would take gigabytes. */
import { createClient } from 'redis';
import { startStoreServer } from '../harness/store-server.js';
import type { Figures } from './figures.js';

export interface BaselineParts {
  /** Of a server that is empty; without it one is started, if there is a binary. */
  url: string | undefined;
  bodies: readonly string[];
  rounds: number;
  figures: Figures;
}

type Item = { entityID: string; val: number; timestamp: number };

const SERIES = 1_000;
const READERS = 32;
const GETS = 3_000;

export async function redisBaseline({ url, bodies, rounds, figures }: BaselineParts): Promise<void> {
  const server = url === undefined ? await startStoreServer() : undefined;
  if (url === undefined && !server) return;
  const client = server ? createClient({ socket: { path: server.socket, tls: false } }) : createClient({ url: url! });
  try {
    await client.connect();
    const batches = bodies.map((body) => (JSON.parse(body) as { monitoring: Item[] }).monitoring);
    for (let round = 0; round < rounds; round += 1) await oneRound(client as ReturnType<typeof createClient>, batches, figures);
  } finally {
    client.destroy();
    await server?.stop();
  }
}

async function oneRound(client: ReturnType<typeof createClient>, batches: readonly Item[][], figures: Figures): Promise<void> {
  const names = Array.from({ length: SERIES }, (_, at) => `bench:entity-${at}`);
  const points = batches.reduce((sum, { length }) => sum + length, 0);
  const beganMs = performance.now();
  for (const batch of batches) {
    const many = client.multi();
    for (const { entityID, val, timestamp } of batch) many.zAdd(`bench:${entityID}`, { score: timestamp, value: `${timestamp}:${val}` });
    await many.execAsPipeline();
  }
  figures.note('baseline: Redis, ZADD in pipelines of 1,000', 'points/s', points / (performance.now() - beganMs) * 1_000);
  let next = 0;
  const took: number[] = [];
  await Promise.all(Array.from({ length: READERS }, async () => {
    while (next < GETS) {
      const name = names[(next++ * 7919) % SERIES]!;
      const sentMs = performance.now();
      await client.zRangeWithScores(name, 0, 0, { REV: true });
      took.push(performance.now() - sentMs);
    }
  }));
  took.sort((left, right) => left - right);
  figures.note('baseline: Redis, latest of one series, 32 at once, p99', 'ms', took[Math.floor(took.length * 0.99)]!);
  const times = batches.map(([first]) => first!.timestamp);
  const [from, to] = [times[0]!, times[Math.floor(times.length / 10) - 1]!];
  const askedMs = performance.now();
  const many = client.multi();
  for (const name of names) many.zRangeByScore(name, from, to);
  const found = (await many.execAsPipeline() as unknown as string[][]).flat().map((member) => Number(member.split(':')[1]));
  if (found.length !== points / 10) throw new Error(`${found.length} points in a tenth of ${points}`);
  found.reduce((sum, value) => sum + value, 0);
  figures.note(`baseline: Redis, mean of 10 % of ${points.toLocaleString('en')} points, alone`, 'ms', performance.now() - askedMs);
  for (const name of names) await client.del(name);
}
