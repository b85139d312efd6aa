/**
 * `npm run bench:telemetry -- [--rounds N] [--only put,large,redis] [--redis URL] [--size MB] [--json FILE] [--prof FOLDER]`: a node's telemetry, its HTTP
 * door in a process of its own, beside a Redis sorted set and beside one row per statement into the same database.
 */
import { fork } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { NODE_FLAGS } from '../../cli/up/child.js';
import { Random } from '../harness/random.js';
import { drive, keepWriting, post, requestOf } from './drive.js';
import { Figures } from './figures.js';
import { redisBaseline } from './redis-baseline.js';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, only: { type: 'string' }, redis: { type: 'string' }, size: { type: 'string', default: '640' }, json: { type: 'string' }, prof: { type: 'string' } },
});
const rounds = Number(values.rounds);
const BATCH = 1_000;
const BATCHES = 600;
const WARM_UP_BATCHES = 200;
const SENDERS = 8;
const READERS = 32;
const START_MS = 1_700_000_000_000;
/** Of each of two questions, each round; and once before the first. */
const ASKING_MS = 5_000;
const WARM_UP_MS = 3_000;
/** Between two batches that come while others ask. */
const PAUSE_MS = 10;
const DEEP_MS = 10_000_000;
const SERVER = fileURLToPath(new URL('./server.js', import.meta.url));

const figures = new Figures();
const isWanted = (part: string) => values.only === undefined || values.only.split(',').includes(part);
const p99 = (list: number[]) => list.toSorted((left, right) => left - right)[Math.floor(list.length * 0.99)]!;
const median = (list: number[]) => list.toSorted((left, right) => left - right)[list.length >> 1]!;

type Server = Awaited<ReturnType<typeof start>>;

async function start(folder: string, durability: string) {
  const beganMs = performance.now();
  const profiling = values.prof === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.prof}`];
  const child = fork(SERVER, [folder, durability, values.size], { stdio: 'inherit', execArgv: [...NODE_FLAGS, ...profiling] });
  const url = await new Promise<string>((resolve, reject) => {
    child.once('message', (message) => resolve((message as { url: string }).url));
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
  const readyMs = performance.now() - beganMs;
  const ask = <T>(what: string) => new Promise<T>((resolve) => {
    child.once('message', (message) => resolve(message as T));
    child.send(what);
  });
  const stop = () => new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.send('stop');
  });
  /** Greatest resident memory so far, MB. */
  const peak = async () => Number(/VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => ''))?.[1] ?? NaN) * 1024 / 1e6;
  return { port: Number(new URL(url).port), readyMs, ask, stop, peak };
}

function bodyOf(batch: number): string {
  const items = Array.from({ length: BATCH }, (_, at) => ({ entityID: `entity-${at}`, metricID: 'load', val: (batch * BATCH + at) % 997, timestamp: START_MS + batch * 1_000 }));
  return JSON.stringify({ monitoring: items });
}

const bodies = Array.from({ length: BATCHES }, (_, batch) => bodyOf(batch));
const puts = bodies.map((body) => requestOf('/put', body));
const inTurn = (list: readonly string[]) => {
  let next = 0;
  return () => list[next++];
};

/** A single point, put beside the batches and looked for in the history at once, again and again. */
function probing(port: number): { end(): Promise<number[]> } {
  const took: number[] = [];
  let isOver = false;
  const probes = (async () => {
    for (let number = 1; !isOver; number += 1) {
      const beganMs = performance.now();
      await post(port, '/put', { monitoring: [{ entityID: 'probe', metricID: 'm', val: number, timestamp: number }] });
      if (!(await post(port, '/get', { entityID: ['probe'], from: number, to: number })).includes(`"val":${number}}`)) throw new Error('an acknowledged point is not in the history');
      took.push(performance.now() - beganMs);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  return {
    async end() {
      isOver = true;
      await probes;
      return took;
    },
  };
}

/** Also by the time of its processor that the node took: that says something on a machine that others use as well. */
async function putAll(node: Server, what: string, least: number): Promise<void> {
  const before = await node.ask<{ cpuMs: number }>('cpu');
  const probe = probing(node.port);
  const beganMs = performance.now();
  await drive(node.port, SENDERS, inTurn(puts));
  const tookMs = performance.now() - beganMs;
  figures.note(`/put, acknowledged ${what}`, 'points/s', BATCHES * BATCH / tookMs * 1_000, { least });
  figures.note(`/put, acknowledged ${what}, for each second of a core`, 'points', BATCHES * BATCH / ((await node.ask<{ cpuMs: number }>('cpu')).cpuMs - before.cpuMs) * 1_000);
  figures.note(`put ${what} and read from the history meanwhile, p99`, 'ms', p99(await probe.end()), { most: 200 });
}

async function putting(folder: string, round: number): Promise<void> {
  for (const [durability, what, least] of [['buffer', 'from memory', 250_000], ['flush', 'from the disk', 100_000]] as const) {
    const node = await start(join(folder, `${durability}-${round}`), durability);
    // The first points are those that the compiler learns from.
    await drive(node.port, SENDERS, inTurn(puts.slice(0, WARM_UP_BATCHES)));
    await putAll(node, what, least);
    if (durability === 'buffer') {
      const { rate, cpuRate } = await node.ask<{ rate: number; cpuRate: number }>('in-process');
      figures.note('in process', 'points/s', rate, { least: 1_000_000 });
      figures.note('in process, for each second of a core', 'points', cpuRate);
      figures.note('baseline: one statement a row into DuckDB', 'points/s', (await node.ask<{ rate: number }>('single-rows')).rate);
    }
    await node.stop();
  }
}

/** No two questions are the same. */
function questions(dice: Random): { get(): string; query(): string } {
  return {
    get: () => requestOf('/get', JSON.stringify({ metricID: ['one'], entityID: [`wide-${dice.below(100_000)}`] })),
    query: () => {
      const from = START_MS + dice.below(DEEP_MS * 0.9);
      return requestOf('/query', JSON.stringify({ metricID: ['deep'], agg: ['avg', 'sum', 'max', 'min', 'count'][dice.below(5)], from, to: from + DEEP_MS / 10 - 1 }));
    },
  };
}

function during(ms: number, next: () => string): () => string | undefined {
  const untilMs = performance.now() + ms;
  return () => performance.now() < untilMs ? next() : undefined;
}

async function reading(node: Server): Promise<void> {
  const { get, query } = questions(new Random(7));
  const counted = JSON.parse(await post(node.port, '/query', { metricID: ['deep'], agg: 'count', from: START_MS + 1_000_000, to: START_MS + 1_999_999 })) as { value: number };
  if (counted.value !== 1_000_000) throw new Error(`${counted.value} points in a tenth of ten million`);
  const writing = keepWriting(node.port, puts, BATCH, PAUSE_MS);
  for (const next of [get, query]) await drive(node.port, READERS, during(WARM_UP_MS, next));
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, next, most] of [['/get latest of one of 100,000 series', get, 5], ['/query of 10 % of 10 M points', query, 50]] as const) {
      const before = await node.ask<{ cpuMs: number }>('cpu');
      const took = await drive(node.port, READERS, during(ASKING_MS, next));
      figures.note(`${name}, ${READERS} at once, p99`, 'ms', p99(took), { most });
      figures.note(`${name}, ${READERS} at once, p50`, 'ms', median(took));
      figures.note(`${name}, of the processor with the writing`, 'ms a call', ((await node.ask<{ cpuMs: number }>('cpu')).cpuMs - before.cpuMs) / took.length);
    }
  }
  figures.note('written meanwhile', 'points/s', await writing.end());
}

async function large(folder: string): Promise<void> {
  let node = await start(join(folder, 'large'), 'buffer');
  const memory = () => node.ask<{ rss: number; heapUsed: number; external: number }>('memory');
  figures.note('resident memory, without any points', 'MB', (await memory()).rss / 1e6);
  await node.ask('fill');
  await node.ask('settle');
  await reading(node);
  const { rss, heapUsed, external } = await memory();
  figures.note('resident memory with 10 M points', 'MB', rss / 1e6, { most: Number(values.size) });
  figures.note('of it in the heap and in buffers', 'MB', (heapUsed + external) / 1e6);
  figures.note('resident memory, the most at any time', 'MB', await node.peak());
  await node.stop();
  for (let round = 0; round < rounds; round += 1) {
    node = await start(join(folder, 'large'), 'buffer');
    figures.note('start with 10 M points, ready after', 'ms', node.readyMs, { most: 2_000 });
    figures.note('start with 10 M points, of the processor', 'ms', (await node.ask<{ cpuMs: number }>('cpu')).cpuMs);
    if (!(await post(node.port, '/get', { metricID: ['deep'], entityID: ['deep-999'] })).includes('"val":')) throw new Error('a series is gone');
    await node.stop();
  }
}

const beganMs = performance.now();
const folder = await mkdtemp(join(tmpdir(), 'telemetry-bench-'));
console.log(`${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}, load ${loadavg()[0]!.toFixed(1)}`);
try {
  for (let round = 0; round < rounds && isWanted('put'); round += 1) await putting(folder, round);
  if (isWanted('large')) await large(folder);
  if (isWanted('redis')) await redisBaseline({ url: values.redis, bodies: bodies.slice(0, 200), rounds, figures });
} finally {
  console.log(figures.text);
  console.log(`${((performance.now() - beganMs) / 60_000).toFixed(1)} minutes, load ${loadavg()[0]!.toFixed(1)} at the end`);
  if (values.json) await writeFile(values.json, `${JSON.stringify(figures.json, undefined, 2)}\n`);
  await rm(folder, { recursive: true, force: true, maxRetries: 10 });
}
