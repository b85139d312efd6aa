/** One stress run: a domain, clients, trouble, and in the end every cart compared with what was acknowledged. */
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { Http } from '../../bench/harness/http.js';
import { Random } from '../../bench/harness/random.js';
import { SIX_NODES, Tree } from '../../bench/harness/tree.js';
import { CartClient, emptyTally, faultsOf, type Tally } from './cart-client.js';
import { COUNTER, COUNTER_LEVEL, counterFaults } from './counters.js';
import { emptyTroubleTally, killAbout, moveAbout, type TroubleTally } from './trouble.js';

export interface StressOptions {
  sessions: number;
  adds: number;
  kill: boolean;
  seed: number;
  store: string;
  /** Clients that write to every fifth session. */
  writers?: number;
  /** Rounds of `adds` go on for so long; 0: one round. */
  minutes?: number;
  movers?: number;
  /** The clients pause up to so long between two products, so that there is time for trouble. */
  thinkMs?: number;
  killEveryMs?: number;
  keep?: boolean;
  /** Kinds of moves that have to succeed: whoever moves goes on until each has, however soon the clients are through. */
  kinds?: readonly string[];
  /** Compare the counters too (default). */
  counters?: boolean;
  progress?: (line: string) => void;
}

export interface StressReport {
  seed: number;
  store: string;
  seconds: number;
  tally: Tally;
  trouble: TroubleTally;
  /** Evidence; empty when all is well. */
  violations: string[];
  /** Set when the state folder was kept. */
  folder?: string;
}

export const CART = { name: 'shopping-cart', folder: fileURLToPath(new URL('../../../functions/shopping-cart', import.meta.url)) };

export async function runStress(options: StressOptions): Promise<StressReport> {
  const { seed, store, kill } = options;
  const tree = new Tree({ plans: SIX_NODES, store, storeFsync: 'no', functions: [COUNTER, { ...CART, annotations: { worker: 'process' }, envVars: { COUNTER_LEVEL } }] });
  await tree.start();
  let report: StressReport | undefined;
  try {
    options.progress?.(`the domain runs on ${tree.all[0]!.store!.kind} stores below ${tree.folder}`);
    report = await stress(options, tree);
    return report;
  } finally {
    const isKept = options.keep === true && (!report || report.violations.length > 0);
    if (isKept && report) report.folder = tree.folder;
    await tree.stop({ keep: isKept });
    options.progress?.(`ended (seed ${seed}${kill ? ', with kills' : ''})`);
  }
}

async function stress(options: StressOptions, tree: Tree): Promise<StressReport> {
  const { sessions, seed, kill, movers = 3, killEveryMs = 1_500 } = options;
  const random = new Random(seed);
  const http = new Http();
  const tally = emptyTally();
  const trouble = emptyTroubleTally();
  const stop = new AbortController();
  const leaves = tree.all.filter(({ options: { level } }) => level !== 'cloud');
  const plan = Array.from({ length: sessions }, (_, at) => ({ id: `s-${seed}-${at}`, home: random.pick(leaves).name }));
  const startedMs = Date.now();

  const shared = { tree, sessions: plan, signal: stop.signal, tally: trouble };
  const busy = Array.from({ length: movers }, (_, at) => moveAbout({ ...shared, random: new Random(seed * 31 + at), everyMs: 30 }));
  if (kill) busy.push(killAbout({ ...shared, random: new Random(seed * 17), everyMs: killEveryMs }));
  const said = setInterval(() => options.progress?.(lineOf(tally, trouble, startedMs)), 10_000);
  try {
    const carts = plan.map((session, at) => fillCart(options, tree, http, tally, session, at, startedMs));
    const filled = await Promise.allSettled(carts);
    while (options.kinds?.some((kind) => !trouble.moved[kind])) await sleep(20);
    stop.abort();
    await Promise.all(busy);
    await tree.healthy();
    for (const outcome of filled) if (outcome.status === 'rejected') tally.violations.push((outcome.reason as Error).message);
    for (const [at, outcome] of filled.entries()) {
      if (outcome.status === 'rejected') continue;
      const cart = await outcome.value[0]!.read();
      tally.violations.push(...faultsOf(plan[at]!.id, cart, outcome.value));
    }
    tally.violations.push(...await unsettled(tree));
    const clients = filled.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []));
    const added = clients.flatMap(({ acknowledged }) => acknowledged.map(({ product }) => product));
    if (options.counters !== false) tally.violations.push(...await counterFaults(tree, added));
  } finally {
    stop.abort();
    clearInterval(said);
    http.close();
    await Promise.allSettled(busy);
  }
  const seconds = (Date.now() - startedMs) / 1000;
  return { seed, store: tree.all[0]!.store!.kind, seconds, tally, trouble, violations: tally.violations };
}

/** The clients of one session, until each has added its products. */
async function fillCart(
  options: StressOptions, tree: Tree, http: Http, tally: Tally, session: { id: string; home: string }, at: number, startedMs: number,
): Promise<CartClient[]> {
  const { adds, seed, kill, writers = 2, minutes = 0, thinkMs = 0 } = options;
  const home = tree.node(session.home);
  const clients = Array.from({ length: at % 5 === 4 ? writers : 1 }, (_, writer) => new CartClient({
    session: session.id, origin: home.url, http, random: new Random(seed * 1_000_003 + at * 7 + writer), tally, toleratesLoss: kill,
  }));
  const untilMs = startedMs + minutes * 60_000;
  await Promise.all(clients.map(async (client, writer) => {
    for (let n = 0; n < adds || Date.now() < untilMs; n += 1) {
      await client.add(`${writer}-${n}`);
      if (thinkMs > 0) await sleep(client.options.random.below(thinkMs));
    }
  }));
  return clients;
}

/** Once nobody moves anything, every move has to end by itself. */
export async function unsettled(tree: Tree, withinMs = 120_000): Promise<string[]> {
  const untilMs = Date.now() + withinMs;
  for (;;) {
    const open: string[] = [];
    for (const node of tree.all) {
      for (const state of ['leaving', 'arriving']) {
        const { json } = await tree.admin(node, 'GET', `/api/v1/sessions?state=${state}&limit=1000`);
        for (const { session } of (json as { sessions: { session: string }[] }).sessions) open.push(`${session} is ${state} at ${node.name}`);
      }
    }
    if (open.length === 0) return [];
    if (Date.now() > untilMs) return open.map((what) => `unfinished after ${withinMs} ms: ${what}`);
    await sleep(200);
  }
}

function lineOf(tally: Tally, { moved, refused, nodesKilled, storesKilled }: TroubleTally, startedMs: number): string {
  const sum = (counts: Record<string, number>) => Object.values(counts).reduce((total, count) => total + count, 0);
  return `${((Date.now() - startedMs) / 1000).toFixed(0)} s: ${tally.acknowledged} added, ${tally.requests} requests, ${sum(moved)} moves, `
    + `${sum(refused)} refused, ${nodesKilled} nodes and ${storesKilled} stores killed, ${tally.violations.length} violations`;
}
