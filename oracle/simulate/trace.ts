/**
 * A trace: a tree with capacities, sessions, and who asked for which of them when, where, and for how
 * long a place was kept. Synthetic ones come from a seed, so that a policy can be judged on seeds that
 * nobody tuned it with.
 */
export interface TraceNode {
  name: string;
  parent: string | null;
  /** Requests it works on at once. */
  capacity: number;
  memoryLimitBytes: number;
}

export interface TraceSession {
  id: string;
  home: string;
  bytes: number;
}

export interface TraceRequest {
  atMs: number;
  session: number;
  /** Number of the node, in `nodes`, that the client is at. */
  at: number;
  serviceMs: number;
}

export interface Trace {
  name: string;
  nodes: TraceNode[];
  sessions: TraceSession[];
  /** By time. */
  requests: TraceRequest[];
  /** One way over one edge of the tree. */
  hopMs: number;
}

/** Seeded numbers from 0 to 1 (mulberry32, public domain algorithm). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export const TRACE_KINDS = ['hot-leaf', 'wave', 'flash-crowd', 'roaming', 'even', 'big-sessions'] as const;
export type TraceKind = (typeof TRACE_KINDS)[number];

export interface TraceOptions {
  kind: TraceKind;
  seed: number;
  seconds?: number;
  sessions?: number;
  /** Requests each second over the whole tree, as a share of all the leaves' capacity. */
  load?: number;
}

const HOP_MS = 8;
const SERVICE_MS = 10;
const LEAF_PLACES = 2;

/** The tree of the default domain with room growing towards the root, as edge trees have it. */
function defaultTree(): TraceNode[] {
  const node = (name: string, parent: string | null, capacity: number) => ({ name, parent, capacity, memoryLimitBytes: capacity * 64e6 });
  return [
    node('cloud', null, 16), node('milan', 'cloud', 4), node('milan-001', 'milan', LEAF_PLACES), node('milan-002', 'milan', LEAF_PLACES),
    node('turin', 'cloud', 4), node('turin-001', 'turin', LEAF_PLACES),
  ];
}

export function syntheticTrace({ kind, seed, seconds = 180, sessions: count = 300, load = 0.6 }: TraceOptions): Trace {
  const random = seeded(seed);
  const nodes = defaultTree();
  const leaves = nodes.flatMap(({ name }, at) => nodes.some(({ parent }) => parent === name) ? [] : [at]);
  const sessions = Array.from({ length: count }, (_, number) => ({
    id: `s${number}`, home: nodes[leaves[number % leaves.length]!]!.name, bytes: bytesOf(kind, random),
  }));
  // A few sessions are asked for far more often than the rest.
  const popularity = sessions.map(() => (1 - random()) ** -0.6);
  const rate = load * leaves.length * LEAF_PLACES * 1000 / SERVICE_MS;
  const requests: TraceRequest[] = [];
  const pick = picker(sessions, popularity, nodes, random);
  for (let atMs = 0; atMs < seconds * 1000;) {
    const share = atMs / (seconds * 1000);
    atMs += -Math.log(1 - random()) * 1000 / rate;
    const leaf = leafAt(kind, leaves, share, random);
    const session = pick(nodes[leaf]!.name);
    const at = kind === 'roaming' && session % 3 === 0 && share > 0.3 ? leaves[(leaves.indexOf(leaf) + 1) % leaves.length]! : leaf;
    requests.push({ atMs, session, at, serviceMs: -Math.log(1 - random()) * SERVICE_MS });
  }
  return { name: `${kind} ${seed}`, nodes, sessions, requests, hopMs: HOP_MS };
}

function bytesOf(kind: TraceKind, random: () => number): number {
  const scale = kind === 'big-sessions' ? 2e6 : 50e3;
  return Math.round(scale * (1 - random()) ** -0.5);
}

/** Where the next request arrives: this is what makes one kind of a trace differ from another. */
function leafAt(kind: TraceKind, leaves: number[], share: number, random: () => number): number {
  const hot = (weight: number, leaf: number) => random() < weight ? leaves[leaf]! : leaves[Math.floor(random() * leaves.length)]!;
  switch (kind) {
    case 'hot-leaf': return hot(0.6, 0);
    case 'big-sessions': return hot(0.5, 0);
    case 'wave': return hot(0.7, Math.floor(share * 3 * leaves.length) % leaves.length);
    case 'flash-crowd': return share > 0.4 && share < 0.6 ? hot(0.9, leaves.length - 1) : hot(0, 0);
    case 'roaming': case 'even': return hot(0, 0);
  }
}

/** Draws a session of a leaf, in proportion to how popular each is. */
function picker(sessions: TraceSession[], popularity: number[], nodes: TraceNode[], random: () => number): (home: string) => number {
  const tables = new Map(nodes.map(({ name }) => {
    let sum = 0;
    const rows = sessions.flatMap(({ home }, number) => home === name ? [{ number, upTo: sum += popularity[number]! }] : []);
    return [name, { rows, sum }] as const;
  }));
  return (home) => {
    const { rows, sum } = tables.get(home)!;
    const drawn = random() * sum;
    return (rows.find(({ upTo }) => upTo >= drawn) ?? rows.at(-1)!).number;
  };
}
