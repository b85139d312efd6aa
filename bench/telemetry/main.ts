/**
 * `node dist/bench/telemetry/main.js [--points N] [--rounds N] [--only put|large|redis] [--redis URL]`: a node's telemetry, its HTTP door in a process of its
 * own, beside a Redis sorted set and beside one row per statement into the same database.
 */
import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Agent, request } from 'undici';

const { values } = parseArgs({ options: { points: { type: 'string', default: '1000000' }, rounds: { type: 'string', default: '3' }, redis: { type: 'string' }, only: { type: 'string' } } });
const rounds = Number(values.rounds);
const total = Number(values.points);
const BATCH = 1_000;
const START_MS = 1_700_000_000_000;
const agent = new Agent({ connections: 64 });
const median = (list: number[]) => list.toSorted((a, b) => a - b)[list.length >> 1]!;
const p99 = (list: number[]) => list.toSorted((a, b) => a - b)[Math.floor(list.length * 0.99)]!;
const say = (name: string, list: number[], unit: string) => console.log(`${name.padEnd(44)} ${median(list).toFixed(2).padStart(14)} ${unit}  (${Math.min(...list).toFixed(2)} – ${Math.max(...list).toFixed(2)})`);

const SERVER = fileURLToPath(new URL('./server.js', import.meta.url));

async function start(folder: string, durability: string) {
  const beganMs = performance.now();
  const child = fork(SERVER, [folder, durability], { stdio: 'inherit' });
  const url = await new Promise<string>((resolve) => child.once('message', (message) => resolve((message as { url: string }).url)));
  const readyMs = performance.now() - beganMs;
  const ask = <T>(what: string) => new Promise<T>((resolve) => {
    child.once('message', (message) => resolve(message as T));
    child.send(what);
  });
  return { url, readyMs, ask, stop: () => new Promise((resolve) => { child.once('exit', resolve); child.send('stop'); }) };
}

function bodyOf(batch: number, series: number): string {
  const items = Array.from({ length: BATCH }, (_, at) => {
    const index = batch * BATCH + at;
    return { entityID: `entity-${index % series}`, metricID: 'load', val: index % 997, timestamp: START_MS + Math.floor(index / series) * 1_000 };
  });
  return JSON.stringify({ monitoring: items });
}

async function post(url: string, path: string, body: string): Promise<string> {
  const { statusCode, body: answer } = await request(url + path, { method: 'POST', body, dispatcher: agent });
  const text = await answer.text();
  if (statusCode !== 200) throw new Error(text);
  return text;
}

async function inParallel(width: number, bodies: string[], send: (body: string) => Promise<unknown>): Promise<number[]> {
  const took: number[] = [];
  let next = 0;
  await Promise.all(Array.from({ length: width }, async () => {
    while (next < bodies.length) {
      const body = bodies[next++]!;
      const beganMs = performance.now();
      await send(body);
      took.push(performance.now() - beganMs);
    }
  }));
  return took;
}

const folder = await mkdtemp(join(tmpdir(), 'telemetry-bench-'));
const bodies = Array.from({ length: Math.min(total / BATCH, 500) }, (_, batch) => bodyOf(batch, 1_000));
const figures: Record<string, number[]> = {};
const note = (name: string, value: number) => {
  (figures[name] ??= []).push(value);
  // One by one too, so that a run that is broken off has said something.
  process.stderr.write(`${name}: ${value.toFixed(2)}\n`);
};
const isWanted = (part: string) => values.only === undefined || values.only === part;

/** Also by the time of its processor that the node took: that says something on a machine that others use as well. */
async function putAll(node: Awaited<ReturnType<typeof start>>, durability: string): Promise<void> {
  const before = await node.ask<{ cpuMs: number }>('cpu');
  const beganMs = performance.now();
  await inParallel(8, bodies, (body) => post(node.url, '/put', body));
  const points = bodies.length * BATCH;
  note(`/put, acknowledged after ${durability}, points/s`, points / (performance.now() - beganMs) * 1_000);
  note(`/put, acknowledged after ${durability}, points by second of processor`, points / ((await node.ask<{ cpuMs: number }>('cpu')).cpuMs - before.cpuMs) * 1_000);
}

async function puts(round: number): Promise<void> {
  for (const durability of ['buffer', 'flush']) {
    const node = await start(join(folder, `${durability}-${round}`), durability);
    // The first points are those that the compiler learns from.
    await inParallel(8, bodies.slice(0, 100), (body) => post(node.url, '/put', body));
    await putAll(node, durability);
    const seen = performance.now();
    await post(node.url, '/put', JSON.stringify({ monitoring: [{ entityID: 'seen', metricID: 'm', val: 1, timestamp: 1 }] }));
    if (!(await post(node.url, '/get', JSON.stringify({ entityID: ['seen'], from: 0 }))).includes('"val":1')) throw new Error('not in history');
    note(`acknowledged after ${durability} and read from history, ms`, performance.now() - seen);
    if (durability === 'buffer') {
      const { rate, cpuRate } = await node.ask<{ rate: number; cpuRate: number }>('in-process');
      note('in process, points/s', rate);
      note('in process, points by second of processor', cpuRate);
      note('one statement a row into DuckDB, points/s', (await node.ask<{ rate: number }>('single-rows')).rate);
    }
    await node.stop();
  }
}

async function large(): Promise<void> {
  const node = await start(join(folder, 'large'), 'buffer');
  note('resident memory, empty, MB', (await node.ask<{ rss: number }>('memory')).rss / 1e6);
  await node.ask('fill');
  const writing = { isOver: false };
  const writer = (async () => {
    for (let batch = 0; !writing.isOver; batch += 1) {
      await post(node.url, '/put', bodies[batch % bodies.length]!);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  for (let round = 0; round < rounds; round += 1) {
    const gets = Array.from({ length: 3_000 }, (_, at) => JSON.stringify({ metricID: ['one'], entityID: [`wide-${(at * 7919) % 100_000}`] }));
    note('/get latest of one of 100,000 series, 32 at once, p99 ms', p99(await inParallel(32, gets, (body) => post(node.url, '/get', body))));
    const queries = Array.from({ length: 500 }, (_, at) => JSON.stringify({ metricID: ['deep'], agg: 'avg', from: START_MS + (at % 90) * 100_000, to: START_MS + (at % 90) * 100_000 + 999_999 }));
    note('/query of 10 % of 10 M points, 32 at once, p99 ms', p99(await inParallel(32, queries, (body) => post(node.url, '/query', body))));
  }
  writing.isOver = true;
  await writer;
  note('resident memory with 10 M points, MB', (await node.ask<{ rss: number }>('memory')).rss / 1e6);
  await node.stop();
  for (let round = 0; round < rounds; round += 1) {
    const again = await start(join(folder, 'large'), 'buffer');
    note('start with 10 M points, ready after ms', again.readyMs);
    note('start with 10 M points, ms of processor', (await again.ask<{ cpuMs: number }>('cpu')).cpuMs);
    await again.stop();
  }
}

/** A sorted set for each series: what one would write without a store for it. A tenth of the points, because all of them would take gigabytes. */
async function redis(url: string): Promise<void> {
  const { createClient } = await import('redis');
  const client = await createClient({ url }).connect();
  const key = (entityID: string) => `bench:${entityID}`;
  const names = Array.from({ length: 1_000 }, (_, at) => `entity-${at}`);
  for (let round = 0; round < rounds; round += 1) {
    const beganMs = performance.now();
    for (const body of bodies) {
      const many = client.multi();
      for (const { entityID, val, timestamp } of JSON.parse(body).monitoring) many.zAdd(key(entityID), { score: timestamp, value: `${timestamp}:${val}` });
      await many.execAsPipeline();
    }
    note('Redis, ZADD in pipelines of 1,000, points/s', bodies.length * BATCH / (performance.now() - beganMs) * 1_000);
    const latest = Array.from({ length: 3_000 }, (_, at) => names[(at * 7919) % 1_000]!);
    note('Redis, latest of one series, 32 at once, p99 ms', p99(await inParallel(32, latest, (name) => client.zRangeWithScores(key(name), 0, 0, { REV: true }))));
    const span = bodies.length / 10;
    const ranges = Array.from({ length: 20 }, (_, at) => String(START_MS + (at % 9) * span * 1_000));
    note('Redis, mean of 10 % of all points, one at a time, p99 ms', p99(await inParallel(1, ranges, async (from) => {
      const many = client.multi();
      for (const name of names) many.zRangeByScore(key(name), Number(from), Number(from) + span * 1_000 - 1);
      const values = (await many.execAsPipeline() as unknown as string[][]).flat().map((member) => Number(member.split(':')[1]));
      return values.reduce((sum, value) => sum + value, 0) / values.length;
    })));
    await client.flushDb();
  }
  await client.close();
}

try {
  for (let round = 0; round < rounds && isWanted('put'); round += 1) await puts(round);
  if (isWanted('large')) await large();
  if (values.redis && isWanted('redis')) await redis(values.redis);
} finally {
  for (const [name, list] of Object.entries(figures)) say(name, list, '');
  await agent.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 10 });
}
