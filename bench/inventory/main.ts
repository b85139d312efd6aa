/**
 * `npm run bench:inventory -- [--nodes N] [--json FILE]`: an inventory of 250,000 nodes in a process of its own,
 * measured over HTTP from this one, beside a plain JSON file of the same objects. README.md one folder up says how.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Agent, request } from 'undici';
import { basicHeader } from '../../runtime/base/credentials.js';

const { values } = parseArgs({ options: { nodes: { type: 'string', default: '250000' }, json: { type: 'string' } } });
const NODES = Number(values.nodes);
const BATCH = 1_000;
const PASSWORD = 'password-of-the-bench';
const headers = { authorization: basicHeader({ user: 'admin', password: PASSWORD }), 'content-type': 'application/json' };
const dispatcher = new Agent({ connections: 8, bodyTimeout: 0, headersTimeout: 0 });

interface Figure {
  name: string;
  value: number;
  unit: string;
  /** What is promised; a rate is met from above, everything else from below. */
  promised?: number;
}

const figures: Figure[] = [];

function note(name: string, value: number, unit: string, promised?: number): void {
  figures.push({ name, value, unit, ...(promised !== undefined && { promised }) });
  console.error(`${name}: ${value.toFixed(value < 10 ? 2 : 0)} ${unit}`);
}

/** Runs `work` and notes besides what it cost the server: a machine that does other work makes everything last longer, but costs little more. */
async function costed<T>(name: string, child: ChildProcess, times: number, unit: 'ms' | 'us', work: () => Promise<T>): Promise<T> {
  const before = await cpuMs(child);
  const result = await work();
  note(`${name}: CPU of the server`, (await cpuMs(child) - before) / times * (unit === 'us' ? 1_000 : 1), unit);
  return result;
}

/** User and system time of all its threads, in steps of 10 ms. */
async function cpuMs(child: ChildProcess): Promise<number> {
  const fields = (await readFile(`/proc/${child.pid}/stat`, 'utf8').catch(() => ') ')).split(') ').at(-1)!.split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 10;
}

function nodeAt(index: number): object {
  const hex = (value: number) => (value & 255).toString(16).padStart(2, '0');
  return {
    hostname: `nid${String(index).padStart(6, '0')}`, architecture: index % 3 === 0 ? 'aarch64' : 'x86_64',
    xname: `x${1000 + (index >> 10)}c${(index >> 7) & 7}s${(index >> 2) & 31}b0n${index & 3}`, boot_mac: `02:00:${hex(index >> 24)}:${hex(index >> 16)}:${hex(index >> 8)}:${hex(index)}`,
    ...(index % 2 === 0 && { boot_ipv4_address: `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}` }),
    boot_data: { kernel_url: 'http://boot.example/kernel', image_url: 'http://boot.example/image' },
  };
}

async function start(folder: string): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('serve.js', import.meta.url)), folder, PASSWORD], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [url] = await once(createInterface(child.stdout!), 'line') as [string];
  return { child, url };
}

async function call(url: string, method: 'GET' | 'POST', path: string, body?: string): Promise<any> {
  const answer = await request(url + path, { method, headers, dispatcher, ...(body !== undefined && { body }) });
  const text = await answer.body.text();
  if (answer.statusCode >= 300) throw new Error(`${method} ${path}: ${answer.statusCode} ${text.slice(0, 300)}`);
  return JSON.parse(text);
}

async function timed<T>(work: () => Promise<T>): Promise<[ms: number, result: T]> {
  const started = performance.now();
  const result = await work();
  return [performance.now() - started, result];
}

async function several(times: number, work: (round: number) => Promise<unknown>): Promise<number[]> {
  const all: number[] = [];
  for (let round = 0; round < times; round += 1) all.push((await timed(() => work(round)))[0]);
  return all.sort((left, right) => left - right);
}

const at = (sorted: number[], share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;

async function residentMb(child: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
}

async function create(url: string): Promise<void> {
  const bodies = Array.from({ length: Math.ceil(NODES / BATCH) }, (_, batch) => JSON.stringify(Array.from({ length: Math.min(BATCH, NODES - batch * BATCH) }, (_each, index) => nodeAt(batch * BATCH + index))));
  const [ms] = await timed(async () => {
    let next = 0;
    const sender = async () => {
      for (let mine = next++; mine < bodies.length; mine = next++) await (await request(`${url}/inventory/ComputeNode`, { method: 'POST', headers, dispatcher, body: bodies[mine]! })).body.dump({ limit: 1 << 30 });
    };
    await Promise.all([sender(), sender(), sender(), sender()]);
  });
  note('create in arrays of 1,000', NODES / (ms / 1000), 'objects/s', 20_000);
}

/** How long the slowest of small requests takes while `work` runs. */
async function slowestDuring(url: string, path: string, work: () => Promise<unknown>): Promise<[slowest: number, ms: number]> {
  let done = false;
  let slowest = 0;
  const watching = (async () => {
    while (!done) slowest = Math.max(slowest, (await timed(() => call(url, 'GET', path)))[0]);
  })();
  const [ms] = await timed(work);
  done = true;
  await watching;
  return [slowest, ms];
}

/** The engine's thread is still taking over what was written, and with this process there are three for two cores: said, but nothing is promised of it. */
async function readsMeanwhile(url: string, child: ChildProcess): Promise<void> {
  const some = await call(url, 'GET', '/inventory/ComputeNode?limit=1000') as { id: string }[];
  const byId = await costed('get by id right after the writes, one', child, 3_000, 'us', () => several(3_000, (round) => call(url, 'GET', `/inventory/ComputeNode/${some[round % 1_000]!.id}`)));
  note('get by id right after the writes, p99', at(byId, 0.99), 'ms');
}

async function reads(url: string, child: ChildProcess): Promise<void> {
  const some = await call(url, 'GET', '/inventory/ComputeNode?limit=1000') as { id: string; xname: string }[];
  await several(500, (round) => call(url, 'GET', `/inventory/ComputeNode/${some[round]!.id}`));
  const byId = await costed('get by id, one', child, 3_000, 'us', () => several(3_000, (round) => call(url, 'GET', `/inventory/ComputeNode/${some[round % 1_000]!.id}`)));
  note('get by id, p50', at(byId, 0.5), 'ms');
  note('get by id, p99', at(byId, 0.99), 'ms', 1);
  const byXname = await several(3_000, (round) => call(url, 'GET', `/inventory/ComputeNode/${some[round % 1_000]!.xname}`));
  note('get by xname, p99', at(byXname, 0.99), 'ms', 1);
  const scans = await costed('filter scan, one', child, 15, 'ms', () => several(15, () => call(url, 'GET', '/inventory/ComputeNode?arch=aarch64&missingIPV4=true&limit=100')));
  note('filter scan, median', at(scans, 0.5), 'ms', 100);
  note('filter scan, slowest', at(scans, 1), 'ms');
}

const QUERY = JSON.stringify({ query: 'SELECT architecture, count(*) AS n, count(boot_ipv4_address) AS addressed FROM ComputeNode GROUP BY architecture' });

async function queries(url: string, child: ChildProcess): Promise<void> {
  const [first] = await timed(() => call(url, 'POST', '/inventory/sql', QUERY));
  note('SQL aggregate, first after the writes', first, 'ms');
  const all = await costed('SQL aggregate, one', child, 15, 'ms', () => several(15, () => call(url, 'POST', '/inventory/sql', QUERY)));
  note('SQL aggregate, median', at(all, 0.5), 'ms', 50);
}

async function snapshots(url: string, child: ChildProcess): Promise<void> {
  const { xname } = (await call(url, 'GET', '/inventory/ComputeNode?limit=1'))[0] as { xname: string };
  const rounds: [number, number][] = [];
  await costed('snapshot with gets beside it, one', child, 3, 'ms', async () => {
    for (let round = 0; round < 3; round += 1) rounds.push(await slowestDuring(url, `/inventory/ComputeNode/${xname}`, () => call(url, 'POST', '/inventory/snapshots', '{}')));
  });
  const times = rounds.map(([, ms]) => ms).sort((left, right) => left - right);
  note('snapshot, median of three', at(times, 0.5), 'ms', 2_000);
  note('slowest get during a snapshot, best of three', Math.min(...rounds.map(([slowest]) => slowest)), 'ms', 100);
}

async function restart(folder: string, id: string): Promise<void> {
  const started = performance.now();
  const { child, url } = await start(folder);
  await call(url, 'GET', `/inventory/ComputeNode/${id}`);
  note('after a restart: get by id', performance.now() - started, 'ms', 3_000);
  note('after a restart: CPU of the server until then', await cpuMs(child), 'ms');
  await call(url, 'GET', '/inventory/ComputeNode/x1000c0s0b0n1');
  note('after a restart: get by xname', performance.now() - started, 'ms', 3_000);
  const { objects } = await call(url, 'GET', '/inventory') as { objects: Record<string, number> };
  if (objects['ComputeNode'] !== NODES) throw new Error(`${objects['ComputeNode']} nodes came back instead of ${NODES}`);
  await call(url, 'GET', '/inventory/ComputeNode?arch=aarch64&limit=10');
  await call(url, 'POST', '/inventory/sql', QUERY);
  note('after a restart: everything, queries too', performance.now() - started, 'ms', 10_000);
  note('after a restart: CPU of the server until that', await cpuMs(child), 'ms');
  note('RSS after the restart', await residentMb(child), 'MB');
  child.kill('SIGKILL');
}

async function plainFile(folder: string): Promise<void> {
  const objects = Array.from({ length: NODES }, (_, index) => nodeAt(index));
  const file = join(folder, 'plain.json');
  const [save] = await timed(async () => {
    const handle = await open(file, 'w');
    await handle.writeFile(JSON.stringify(objects));
    await handle.sync();
    await handle.close();
  });
  note('plain JSON file: save', save, 'ms');
  const [load] = await timed(async () => JSON.parse(await readFile(file, 'utf8')) as unknown);
  note('plain JSON file: load', load, 'ms');
}

const folder = await mkdtemp(join(tmpdir(), 'bench-inventory-'));
try {
  console.error(`load of the machine before: ${loadavg().map((each) => each.toFixed(1)).join(' ')}`);
  const { child, url } = await start(join(folder, 'state'));
  let id = '';
  try {
    await costed('create, an object', child, NODES, 'us', () => create(url));
    note('RSS after creating', await residentMb(child), 'MB');
    await readsMeanwhile(url, child);
    // A query waits until the engine has everything.
    await queries(url, child);
    await reads(url, child);
    await snapshots(url, child);
    note('RSS after snapshots and queries', await residentMb(child), 'MB');
    ({ id } = await call(url, 'GET', '/inventory/ComputeNode/x1000c0s3b0n2') as { id: string });
  } finally {
    child.kill('SIGKILL');
  }
  await restart(join(folder, 'state'), id);
  await plainFile(folder);
  console.error(`load of the machine after: ${loadavg().map((each) => each.toFixed(1)).join(' ')}`);
  const isMet = ({ value, unit, promised }: Figure) => (promised === undefined ? '' : (unit === 'objects/s' ? value >= promised : value <= promised) ? 'met' : 'not met');
  for (const figure of figures) console.log(`${figure.name.padEnd(46)} ${figure.value.toFixed(figure.value < 10 ? 2 : 0).padStart(8)} ${figure.unit.padEnd(10)} ${figure.promised === undefined ? '' : `promised ${figure.promised}`.padEnd(16)} ${isMet(figure)}`);
  if (values.json) await writeFile(values.json, `${JSON.stringify(Object.fromEntries(figures.map(({ name, value }) => [name, value])), undefined, 2)}\n`);
} finally {
  await dispatcher.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 10 });
}
