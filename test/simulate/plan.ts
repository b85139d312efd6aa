/** Everything that is done to a domain in one run, made from a seed before the run begins: a list that can be shortened. */
import type { NodeInfo, Subtree } from '../../runtime/base/directory.js';
import { namesOf } from '../domain/trees.js';
import type { World } from '../domain/world.js';
import { mulberry32 } from './random.js';

export type Deed =
  /** `impatient`: sent once; whatever becomes of it, it is not sent again. */
  | { kind: 'add'; session: string; at: string; impatient?: boolean }
  /** Reads as a writer does. */
  | { kind: 'look'; session: string; at: string }
  /** Reads beside the writers, and sends the version that it has seen. */
  | { kind: 'read'; session: string; at: string }
  /** Up from its holder, down to its home, or to a named node. */
  | { kind: 'up' | 'down'; session: string; at?: string }
  | { kind: 'migrate'; session: string; at: string; to: string; rehome: boolean }
  | { kind: 'crash'; node: string; forMs: number }
  | { kind: 'pause'; node: string; forMs: number }
  | { kind: 'store-down'; node: string; forMs: number }
  | { kind: 'clock'; node: string; byMs: number }
  /** Nothing passes from one node to another; the other way it does. */
  | { kind: 'cut'; node: string; to: string; forMs: number }
  | { kind: 'flip'; node: string; status: 'accept' | 'reject' }
  | { kind: 'sweep' };

export type Action = Deed & {
  id: number;
  /** Actors do one thing after the other, each not before its time. */
  actor: string;
  atMs: number;
};

export interface Plan {
  seed: number;
  tree: Subtree;
  sessions: string[];
  /** Where each session is created: never at the root, which has nowhere to move it. */
  bornAt: string[];
  /** Sessions with a time to live: no promise that an item is kept. */
  shortLived: string[];
  actions: Action[];
  /** Chances of a call between nodes, or of a node on its store, to go wrong. */
  chances: { network: number; store: number };
  /** Tries of a client that does not give up; missing: more than the longest misfortune lasts. */
  tries?: number;
  /** By what receivers tell a repeated delivery. */
  deliveries: World['deliveries'];
  /** Only these faults happen (`place#count`); missing: as the dice fall. */
  faults?: string[];
}

export interface PlanOptions {
  seed: number;
  /** Actions. */
  size: number;
  sessions?: number;
  clients?: number;
  /** Most nodes of the random tree. */
  nodes?: number;
  tree?: Subtree;
  shortLived?: number;
  chances?: Plan['chances'];
  tries?: number;
  /** Every second seed's receivers have forgotten all ids. */
  deliveries?: Plan['deliveries'];
}

export const TTL_MS = 1_500;
export const MOST_NODES = 7;

/** Time between two actions, whoever's, on average. */
const PACE_MS = 25;

export function planOf(options: PlanOptions): Plan {
  const { seed, size, sessions: count = 4, clients = 6, nodes = MOST_NODES, tree: shape, shortLived: short = 1, tries } = options;
  const { chances = { network: 0.03, store: 0.004 }, deliveries = seed % 2 === 0 ? 'by both' : 'by place' } = options;
  const random = mulberry32(seed);
  const tree = shape ?? randomTree(random, nodes);
  const names = namesOf(tree);
  const sessions = Array.from({ length: count }, (_, at) => `s${at}`);
  const shortLived = sessions.slice(count - short);
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <T>(from: readonly T[]): T => from[below(from.length)]!;
  const bornAt = sessions.map((_, at) => names[names.length - 1 - (at % (names.length - 1))]!);
  /** What is born twice behind a cut path is a conflict, and that is another test: a short-lived session has one entrance. */
  const entranceOf = (session: string) => (shortLived.includes(session) ? bornAt[sessions.indexOf(session)]! : pick(names));

  const deeds: Record<string, { share: number; actors: string[]; deed: (actor: string) => Deed }> = {
    clients: {
      share: 0.6, actors: sequence('client', clients),
      deed: (actor) => {
        const session = sessions[numberOf(actor) % count]!;
        if (random() < 0.12) return { kind: 'look', session, at: entranceOf(session) };
        return { kind: 'add', session, at: entranceOf(session), ...(random() < 0.08 && { impatient: true }) };
      },
    },
    readers: {
      share: 0.12, actors: sequence('reader', 2),
      deed: (actor) => ({ kind: 'read', session: sessions[numberOf(actor) % (count - short)]!, at: pick(names) }),
    },
    movers: {
      share: 0.2, actors: sequence('mover', 2),
      deed: () => {
        const session = random() < 0.85 ? pick(sessions) : `propagate:ledger@${pick(names.slice(1))}`;
        const kind = random();
        if (kind < 0.4) return { kind: 'up', session, ...(random() < 0.1 && { at: pick(names) }) };
        if (kind < 0.8) return { kind: 'down', session, ...(random() < 0.1 && { at: pick(names) }) };
        return { kind: 'migrate', session, at: pick(names), to: pick(names), rehome: !shortLived.includes(session) && random() < 0.5 };
      },
    },
    reaper: {
      share: 0.04, actors: ['reaper'],
      deed: () => {
        const [node, kind] = [pick(names), random()];
        if (kind < 0.6) return { kind: 'crash', node, forMs: below(300) };
        if (kind < 0.85) return { kind: 'pause', node, forMs: random() < 0.1 ? below(40_000) : below(1_000) };
        return { kind: 'store-down', node, forMs: below(1_000) };
      },
    },
    clocks: { share: 0.01, actors: ['clocks'], deed: () => ({ kind: 'clock', node: pick(names), byMs: below(90_000) - 45_000 }) },
    flipper: { share: 0.02, actors: ['flipper'], deed: () => ({ kind: 'flip', node: pick(names), status: random() < 0.4 ? 'reject' : 'accept' }) },
    sweeper: { share: 0.01, actors: ['sweeper'], deed: () => ({ kind: 'sweep' }) },
    cutter: {
      share: 0.02, actors: sequence('cutter', 2),
      deed: () => {
        const node = pick(names);
        const to = pick(names.filter((name) => name !== node));
        return { kind: 'cut', node, to, forMs: random() < 0.1 ? below(45_000) : below(2_000) };
      },
    },
  };

  const actions: Action[] = [];
  for (const { share, actors, deed } of Object.values(deeds)) {
    const each = Math.max(1, Math.round((size * share) / actors.length));
    for (const actor of actors) {
      for (let nth = 0; nth < each; nth += 1) actions.push({ ...deed(actor), id: 0, actor, atMs: below(size * PACE_MS) });
    }
  }
  actions.sort((a, b) => a.atMs - b.atMs);
  actions.forEach((action, at) => (action.id = at));
  return { seed, tree, sessions, bornAt, shortLived, actions, chances, deliveries, ...(tries !== undefined && { tries }) };
}

/** A tree of two nodes to `most` of any shape; the first is the root. */
function randomTree(random: () => number, most = MOST_NODES): Subtree {
  const count = 2 + Math.floor(random() * (most - 1));
  const nodes: Subtree[] = [];
  for (let index = 0; index < count; index += 1) {
    const subtree: Subtree = { node: infoOf(`n${index}`), children: [] };
    if (index > 0) nodes[Math.floor(random() * index)]!.children.push(subtree);
    nodes.push(subtree);
  }
  return nodes[0]!;
}

/** A plan without one node: what was to be done there is left out. Undefined for the root and for homes. */
export function withoutNode(plan: Plan, name: string): Plan | undefined {
  if (plan.tree.node.name === name || plan.bornAt.includes(name)) return undefined;
  const places = (action: Action) => [action].flatMap((one) => Object.values({ ...one, actor: undefined, session: undefined }));
  const isElsewhere = (action: Action) => !places(action).includes(name) && !('session' in action && action.session.endsWith(`@${name}`));
  return { ...plan, tree: without(plan.tree, name), actions: plan.actions.filter(isElsewhere) };
}

/** Its children go to its parent. */
function without(tree: Subtree, name: string): Subtree {
  const children = tree.children.flatMap((child) => (child.node.name === name ? child.children : [child]));
  return { ...tree, children: children.map((child) => without(child, name)) };
}

function infoOf(name: string): NodeInfo {
  return { name, url: `http://${name}`, level: 'any', accepting: true };
}

function sequence(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `${name}-${at}`);
}

function numberOf(actor: string): number {
  return Number(actor.split('-')[1] ?? 0);
}
