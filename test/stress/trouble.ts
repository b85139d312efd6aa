/** What goes on while clients work: sessions moved about at random, nodes and stores killed and started again. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeProcess } from '../../bench/harness/node-process.js';
import type { Random } from '../../bench/harness/random.js';
import type { Tree } from '../../bench/harness/tree.js';

export interface TroubleTally {
  moved: Record<string, number>;
  /** Refused moves by code. */
  refused: Record<string, number>;
  nodesKilled: number;
  storesKilled: number;
}

export interface TroubleOptions {
  tree: Tree;
  sessions: { id: string; home: string }[];
  random: Random;
  signal: AbortSignal;
  tally: TroubleTally;
  /** Most time between two moves, or two kills. */
  everyMs: number;
}

export function emptyTroubleTally(): TroubleTally {
  return { moved: {}, refused: {}, nodesKilled: 0, storesKilled: 0 };
}

/** Offloads, onloads and migrations at random nodes, until told to stop. */
export async function moveAbout(options: TroubleOptions): Promise<void> {
  const { tree, random, signal, sessions, everyMs } = options;
  while (!signal.aborted) {
    const session = random.pick(sessions);
    const id = encodeURIComponent(session.id);
    const path = pathUp(tree, session.home);
    const node = random.pick(random.next() < 0.9 ? path : tree.all);
    switch (random.below(4)) {
      case 0: await attempt(options, 'offload', node, `/function/force-offload?session=${id}`); break;
      case 1: await attempt(options, 'onload', node, `/function/session-offloading-manager?command=force-onload&session=${id}`); break;
      case 2: await attempt(options, 'migrate', random.pick(tree.all), `/api/v1/sessions/${id}/migrate`, { to: random.pick(path).name }); break;
      default: await attempt(options, random.next() < 0.5 ? 'offload' : 'onload', node, `/function/force-${random.next() < 0.5 ? 'offload' : 'onload'}?choose=random`);
    }
    await sleep(random.below(everyMs));
  }
}

async function attempt({ tree, tally, signal }: TroubleOptions, kind: string, node: NodeProcess, path: string, body?: object): Promise<void> {
  try {
    const { status, json } = await tree.admin(node, 'POST', path, body, true);
    if (status < 300) tally.moved[kind] = (tally.moved[kind] ?? 0) + 1;
    else count(tally.refused, (json as { code?: string })?.code ?? String(status));
  } catch (error) {
    if (!signal.aborted) count(tally.refused, (error as Error).name === 'TimeoutError' ? 'no answer in 120 s' : 'no connection');
  }
}

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

/** The home and its ancestors. */
function pathUp(tree: Tree, home: string): NodeProcess[] {
  const path: NodeProcess[] = [];
  for (let name: string | undefined = home; name !== undefined; name = tree.node(name).options.parent) path.push(tree.node(name));
  return path;
}

/** Kills a random node, or a random node's store server, and starts the node again; one at a time. */
export async function killAbout({ tree, random, signal, tally, everyMs }: TroubleOptions): Promise<void> {
  while (!signal.aborted) {
    await sleep(everyMs / 2 + random.below(everyMs), undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const node = random.pick(tree.all);
    const storePid = await node.storePid();
    if (storePid !== undefined && random.next() < 0.4) {
      if (killOne(storePid)) tally.storesKilled += 1;
      continue;
    }
    await node.kill();
    tally.nodesKilled += 1;
    // Sometimes the store dies with its node, as when a machine loses power.
    if (storePid !== undefined && random.next() < 0.3 && killOne(storePid)) tally.storesKilled += 1;
    await sleep(random.below(400));
    await node.start();
  }
}

/** False when it has ended by itself. */
export function killOne(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}
