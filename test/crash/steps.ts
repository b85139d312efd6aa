/** One killing: a move is stopped at a step, one of the three nodes (or its store) is killed there, and everything has to come right. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Http } from '../../bench/harness/http.js';
import type { NodeProcess } from '../../bench/harness/node-process.js';
import type { Random } from '../../bench/harness/random.js';
import type { Tree } from '../../bench/harness/tree.js';
import { FAULTS, type FaultCode } from '../../runtime/model/faults.js';
import type { MoveStepName } from '../../runtime/offload/move.js';
import { CartClient, emptyTally, faultsOf } from '../stress/cart-client.js';
import { unsettled } from '../stress/run.js';
import { killOne } from '../stress/trouble.js';

export const STEPS: MoveStepName[] = [
  'reserved', 'serving', 'copying', 'copied', 'departing', 'left', 'departed', 'committed', 'confirmed',
];
export const ROLES = ['source', 'target', 'home'] as const;
export type Role = (typeof ROLES)[number];

/** Home is the leaf, the session lies at its parent, and the root takes it: three roles, three nodes. */
export const PLANS = [
  { name: 'cloud', level: 'cloud' },
  { name: 'milan', level: 'city', parent: 'cloud' },
  { name: 'milan-001', level: 'edge', parent: 'milan' },
];
const NODE_OF: Record<Role, string> = { source: 'milan', target: 'cloud', home: 'milan-001' };
/** Steps that happen at the source; all others happen at the target. */
const AT_SOURCE = new Set<MoveStepName>(['serving', 'left']);

export interface Killing {
  step: MoveStepName;
  role: Role;
  /** The node's store server dies with it. */
  withStore: boolean;
}

export interface Scene {
  tree: Tree;
  http: Http;
  random: Random;
  /** Makes session ids. */
  count: number;
}

const PRODUCTS_BEFORE = 5;
const PRODUCTS_AFTER = 3;
/** A node that starts again asks for what it left behind at once; the others wait for reservations to run out. */
const PATIENCE_MS = 120_000;

/** @returns what is wrong afterwards; empty when nothing is */
export async function killAt(scene: Scene, { step, role, withStore }: Killing): Promise<string[]> {
  const { tree } = scene;
  scene.count += 1;
  const session = `crash-${scene.count}-${step}-${role}`;
  const client = cartClient(scene, session);
  await bringToSource(scene, client, session);
  const { client: writer, writing } = startWriting(scene, session);
  const victim = tree.node(NODE_OF[role]);
  const stopped = stopAt(tree, step, session);
  const { move, reached } = await moveUntil(stopped.reached, tree, session);
  if (reached) {
    const storePid = await victim.storePid();
    await victim.kill();
    if (withStore && storePid !== undefined) killOne(storePid);
  }
  stopped.goOn();
  await sleep(scene.random.below(50));
  if (reached) await victim.start();
  await move;
  await tree.healthy();
  writing.stop();
  await writing.ended;
  for (let n = 0; n < PRODUCTS_AFTER; n += 1) await client.add(`after-${n}`);
  const faults = [...client.options.tally.violations, ...writer.options.tally.violations, ...faultsOf(session, await client.read(), [client, writer])];
  faults.push(...await unsettled(tree, PATIENCE_MS));
  if (!reached) faults.push(`the move never reached ${step}`);
  return faults.map((fault) => `${role} killed at ${step}${withStore ? ' with its store' : ''}: ${fault}`);
}

/** Has the session taken until the move is at its step; one that a busy machine is too slow for is given up before, and asked for again. */
async function moveUntil(stopped: Promise<boolean>, tree: Tree, session: string): Promise<{ move: Promise<unknown>; reached: boolean }> {
  for (const untilMs = Date.now() + PATIENCE_MS; ; await sleep(100)) {
    const move = tree.admin(tree.node('cloud'), 'POST', `/api/v1/sessions/${session}/migrate`, { to: 'cloud' }, true).catch(() => undefined);
    const answer = await Promise.race([stopped, move]);
    if (answer === true || !isGivenUp(answer) || Date.now() > untilMs) return { move, reached: answer === true };
  }
}

function isGivenUp(answer: { status: number; json: unknown } | false | undefined): boolean {
  return Boolean(answer && answer.status !== 200 && FAULTS[(answer.json as { code: FaultCode }).code]?.retryable);
}

/** Kills a node at any moment of a move. */
export async function killSometime(scene: Scene, role: Role, withStore: boolean): Promise<string[]> {
  const { tree, random } = scene;
  scene.count += 1;
  const session = `crash-${scene.count}-sometime-${role}`;
  const client = cartClient(scene, session);
  await bringToSource(scene, client, session);
  const { client: writer, writing } = startWriting(scene, session);
  const victim = tree.node(NODE_OF[role]);
  const storePid = await victim.storePid();
  const noLongerWatched = letThrough(tree, session);
  const move = tree.admin(tree.node('cloud'), 'POST', `/api/v1/sessions/${session}/migrate`, { to: 'cloud' }, true).catch(() => undefined);
  await sleep(random.next() * 25);
  await victim.kill();
  if (withStore && storePid !== undefined) killOne(storePid);
  await sleep(random.below(50));
  await victim.start();
  await move;
  noLongerWatched();
  await tree.healthy();
  writing.stop();
  await writing.ended;
  for (let n = 0; n < PRODUCTS_AFTER; n += 1) await client.add(`after-${n}`);
  const faults = [...client.options.tally.violations, ...writer.options.tally.violations, ...faultsOf(session, await client.read(), [client, writer])];
  return [...faults, ...await unsettled(tree, PATIENCE_MS)].map((fault) => `${role} killed sometime: ${fault}`);
}

/** Home serves the first requests; then the session goes one up. */
async function bringToSource({ tree }: Scene, client: CartClient, session: string): Promise<void> {
  for (let n = 0; n < PRODUCTS_BEFORE; n += 1) await client.add(`before-${n}`);
  const watched = letThrough(tree, session);
  const untilMs = Date.now() + PATIENCE_MS;
  try {
    // On a busy machine a hand-over may be so slow that it is given up: no fault, it is asked for again.
    for (;;) {
      const { status, json } = await tree.admin(tree.node('milan-001'), 'POST', `/function/force-offload?session=${session}`, undefined, true);
      if (status === 200) return;
      if (!FAULTS[(json as { code: FaultCode }).code]?.retryable || Date.now() > untilMs) throw new Error(`${session} did not come to its source: ${status} ${JSON.stringify(json)}`);
      await sleep(100);
    }
  } finally {
    watched();
  }
}

function cartClient({ tree, http, random }: Scene, session: string): CartClient {
  return new CartClient({ session, origin: tree.node('milan-001').url, http, random, tally: emptyTally(), toleratesLoss: true });
}

/** A second client goes on writing through the crash. */
function startWriting(scene: Scene, session: string): { client: CartClient; writing: { stop(): void; ended: Promise<void> } } {
  const client = cartClient(scene, session);
  let isOver = false;
  const ended = (async () => {
    for (let n = 0; !isOver; n += 1) await client.add(`during-${n}`);
  })();
  // Awaited at the end; until then a failure must not end the process.
  ended.catch(() => undefined);
  return { client, writing: { stop: () => { isOver = true; }, ended } };
}

/** Lets every step pass. @returns ends it */
function letThrough(tree: Tree, session: string): () => void {
  for (const node of tree.all) node.onStep = (step, of) => { if (of === session) node.goOn(step, of); };
  return () => { for (const node of tree.all) node.onStep = undefined; };
}

function stopAt(tree: Tree, wanted: MoveStepName, session: string): { reached: Promise<boolean>; goOn(): void } {
  let waiting: NodeProcess | undefined;
  let isOver = false;
  const reached = new Promise<boolean>((resolve) => {
    for (const node of tree.all) {
      node.onStep = (step, of) => {
        const isThere = node.name === (AT_SOURCE.has(wanted) ? NODE_OF.source : NODE_OF.target);
        if (isOver || of !== session || step !== wanted || !isThere) return node.goOn(step, of);
        waiting = node;
        resolve(true);
      };
    }
  });
  return {
    reached,
    goOn() {
      isOver = true;
      waiting?.goOn(wanted, session);
    },
  };
}
