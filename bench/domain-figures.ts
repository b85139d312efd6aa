/** What is measured on whole domains: how soon six nodes are ready, what an idle node takes, how long a move keeps a writer waiting. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { figureOf, quantile, type Figure } from './harness/figures.js';
import { headerOf, Http } from './harness/http.js';
import { SIX_NODES, Tree } from './harness/tree.js';
import { FUNCTIONS } from './subjects/subjects.js';

/** After its start a node gives memory back in the moments that follow. */
const SETTLE_MS = 12_000;
const CLI = fileURLToPath(new URL('../cli/main.js', import.meta.url));

/** The default domain, started by the command that everybody starts it with, from the first moment to its word that it is ready. */
export async function domainFigures(store: string, rounds: number, progress: (line: string) => void): Promise<Record<string, Figure>> {
  const ready: number[] = [];
  const memory: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const state = await mkdtemp(join(tmpdir(), 'bench-domain-'));
    const fromMs = performance.now();
    const args = [CLI, 'domain', 'up', '--state', state, '--store', store, '--base-port', '0', '--oracle-port', '0'];
    const domain = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
    const ended = once(domain, 'exit');
    try {
      await saysReady(domain);
      ready.push((performance.now() - fromMs) / 1000);
      await sleep(SETTLE_MS);
      memory.push(...await nodeMemories(domain.pid!));
    } finally {
      domain.kill('SIGINT');
      await ended;
      await rm(state, { recursive: true, force: true, maxRetries: 10 });
    }
    progress(`domain on ${store}: ready after ${ready.at(-1)!.toFixed(2)} s, nodes of ${memory.slice(-6).map((mb) => mb.toFixed(0)).join(' ')} MB`);
  }
  return { domain_ready_s: figureOf(ready), idle_node_rss_mb: figureOf(memory) };
}

function saysReady(domain: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    domain.stdout!.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (/^ready/m.test(said)) resolve();
    });
    domain.once('exit', () => reject(new Error(`the domain ended before it was ready: ${said}`)));
  });
}

/** Resident memory in MB of each node's process below the supervisor. */
async function nodeMemories(supervisor: number): Promise<number[]> {
  const children = (await readFile(`/proc/${supervisor}/task/${supervisor}/children`, 'utf8')).trim().split(/\s+/);
  const found = await Promise.all(children.map(async (pid) => {
    const [line, status] = await Promise.all(['cmdline', 'status'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')));
    return line!.includes('runtime/node.js') ? [Number(/VmRSS:\s+(\d+)/.exec(status!)![1]) / 1024] : [];
  }));
  return found.flat();
}

export interface PauseOptions {
  store: string;
  sizes: number[];
  moves: number;
  progress(line: string): void;
}

/**
 * One writer in a closed loop while its session goes up and down between two nodes: the longest gap
 * between two acknowledged writes around each move. That is the pause as a client sees it, redirects included.
 */
export async function movePauses({ store, sizes, moves, progress }: PauseOptions): Promise<Record<string, Figure | number>> {
  const tree = new Tree({ plans: SIX_NODES.slice(0, 2), store, functions: FUNCTIONS });
  const figures: Record<string, Figure | number> = {};
  const all: number[] = [];
  await tree.start();
  const http = new Http();
  try {
    for (const bytes of sizes) {
      const pauses = await pausesOf(tree, http, bytes, moves);
      all.push(...pauses);
      figures[`move_pause_${sizeName(bytes)}_ms`] = figureOf(pauses);
      progress(`moves of ${sizeName(bytes)} on ${store}: pause ${figureOf(pauses).median} ms, at most ${figureOf(pauses).max} ms`);
    }
  } finally {
    http.close();
    await tree.stop();
  }
  all.sort((a, b) => a - b);
  return { move_pause_p50_ms: quantile(all, 0.5), move_pause_p99_ms: quantile(all, 0.99), ...figures };
}

async function pausesOf(tree: Tree, http: Http, bytes: number, moves: number): Promise<number[]> {
  const session = `pause-${bytes}`;
  const home = tree.node('milan');
  const acknowledged: number[] = [];
  let isOver = false;
  const add = async (query: string) => {
    let url = `${home.url}/function/counter-inline${query}`;
    for (;;) {
      const answer = await http.send({ method: 'POST', url, headers: { 'x-session': session } });
      if (answer.status !== 307) {
        if (answer.status !== 200) throw new Error(`${url}: ${answer.status} ${answer.body.toString()}`);
        acknowledged.push(performance.now());
        return;
      }
      url = headerOf(answer, 'location')!;
    }
  };
  await add(`?fill=${bytes}`);
  const writing = (async () => {
    while (!isOver) await add('');
  })();
  const pauses: number[] = [];
  try {
    for (let move = 0; move < moves; move += 1) {
      await sleep(30);
      const fromMs = performance.now();
      await tree.admin(home, 'POST', `/function/force-${move % 2 === 0 ? 'offload' : 'onload'}?session=${session}`);
      await sleep(30);
      pauses.push(longestGap(acknowledged.filter((at) => at > fromMs - 30)));
    }
  } finally {
    isOver = true;
    await writing;
  }
  return pauses;
}

function longestGap(times: number[]): number {
  return times.reduce((longest, at, index) => (index === 0 ? 0 : Math.max(longest, at - times[index - 1]!)), 0);
}

function sizeName(bytes: number): string {
  return bytes >= 1 << 20 ? `${bytes >> 20}mb` : `${bytes >> 10}kb`;
}
