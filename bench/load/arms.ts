/** One arm of the load test: a domain of real node processes with one policy, and the same load on its one hot leaf. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { KnownIntent, OraclePlan, OracleProcess } from '../harness/oracle-process.js';
import { Tree } from '../harness/tree.js';
import { type LoadPlan, type LoadResult, openSessions, runLoad, sessionName } from './clients.js';

export interface Arm {
  name: string;
  oracle: OraclePlan;
  /** Share of the sessions that an operator moves to the parent before the load begins. */
  offloaded: number;
}

export interface ArmResult extends LoadResult {
  /** Times of the moves that ended well, since the beginning of the load. */
  movesMs: number[];
  /** Of those, the ones away from the leaf, and the ones back to it. */
  leftMs: number[];
  backMs: number[];
  /** Sessions that live elsewhere than at the leaf when the load is over. */
  away: number;
}

const LEAF = 'milan-001';
const PARENT = 'milan';

export const ARMS: Arm[] = [
  { name: 'none', oracle: { policy: 'none' }, offloaded: 0 },
  { name: 'fixed-50', oracle: { policy: 'none' }, offloaded: 0.5 },
  { name: 'balanced', oracle: { policy: 'balanced' }, offloaded: 0 },
];

const LIMITED = {
  name: 'limited', folder: fileURLToPath(new URL('../../../bench/functions/limited', import.meta.url)), annotations: { worker: 'inline' },
};

/** The default domain's two upper levels and one of its cities: every node with the same small machine. */
function loadTree({ oracle }: Pick<Arm, 'oracle'>, { places }: Pick<LoadPlan, 'places'>, store: string): Tree {
  return new Tree({
    plans: [
      { name: 'cloud', level: 'cloud', capacity: places }, { name: PARENT, level: 'city', parent: 'cloud', capacity: places },
      { name: LEAF, level: 'edge', parent: PARENT, capacity: places },
    ],
    store, functions: [LIMITED], oracle,
  });
}

export async function runArm(arm: Arm, plan: LoadPlan, store: string): Promise<ArmResult> {
  const tree = loadTree(arm, plan, store);
  await tree.start();
  try {
    const leaf = tree.node(LEAF);
    await openSessions(leaf.url, plan);
    const { oracle } = tree;
    await oracle.deciding();
    // What the sessions' making cost is forgotten first: the arms begin with idle nodes.
    while ((await loadOf(oracle, LEAF)).busy > 0.01) await sleep(200);
    for (let at = 0; at < plan.clients * arm.offloaded; at += 1) {
      await tree.admin(leaf, 'POST', `/api/v1/sessions/${sessionName(at)}/migrate`, { to: PARENT });
    }
    const fromMs = Date.now();
    const heard = new Map<string, KnownIntent>();
    const listening = listen(oracle, heard);
    const result = await runLoad(leaf.url, plan);
    await listening.end();
    const done = [...heard.values()].filter(({ state, wish, createdMs }) => state === 'done' && wish.kind === 'migrate' && createdMs >= fromMs);
    if (process.env['EXPLAIN']) console.error(explained([...heard.values()], fromMs));
    // The books are as old as the last report; a node knows what it holds.
    const { slots } = await hereOf(tree);
    const timesOf = (moves: KnownIntent[]) => moves.map(({ endedMs }) => endedMs! - fromMs).sort((left, right) => left - right);
    const [left, back] = [done.filter(({ from }) => from === LEAF), done.filter(({ wish }) => wish.to === LEAF)];
    return { ...result, movesMs: timesOf(done), leftMs: timesOf(left), backMs: timesOf(back), away: plan.clients - slots };
  } finally {
    await tree.stop();
  }
}

async function hereOf(tree: Tree): Promise<{ slots: number }> {
  const { json } = await tree.admin(tree.node(LEAF), 'GET', '/api/v1/sessions?limit=1000');
  const { sessions } = json as { sessions: { current: string }[] };
  return { slots: sessions.filter(({ current }) => current === LEAF).length };
}

/** The node's load by its last report. */
async function loadOf(oracle: OracleProcess, node: string): Promise<{ busy: number; waiting: number }> {
  const { load } = await oracle.call<{ load: { busy: number; waiting: number } | null }>('GET', `/api/v1/nodes/${node}/load`);
  return load ?? { busy: Infinity, waiting: 0 };
}

/** The oracle remembers a bounded number of intents; this hears of them all. */
function listen(oracle: OracleProcess, heard: Map<string, KnownIntent>): { end(): Promise<void> } {
  let isOver = false;
  const hear = async () => {
    for (const intent of (await oracle.intents()).toReversed()) heard.set(intent.id, intent);
  };
  const hearing = (async () => {
    for (; !isOver; await sleep(1_000)) await hear();
  })();
  return {
    async end() {
      isOver = true;
      await hearing;
      await hear();
    },
  };
}

/** Every intent on a line, in the order in which they were asked for. */
function explained(intents: KnownIntent[], fromMs: number): string {
  return intents.map(({ createdMs, endedMs, wish, state, reason, answer }) => (
    `${createdMs - fromMs} to ${(endedMs ?? 0) - fromMs} ms: ${wish.kind} ${wish.session ?? wish.node} ${wish.to ?? ''}: ${state}, ${reason}, ${answer}`
  )).join('\n');
}
