/** Worlds to begin with: before the first request, after moves, and in the middle of the protocol. */
import type { Slot } from '../../runtime/model/record.js';
import { blank } from '../../runtime/model/step/outcome.js';
import { FUNCTION, lifeText, NOW_MS, SESSION, slotText, storeText } from './machine.js';
import { Interner } from './intern.js';
import { rowAfter } from './senders.js';
import type { Budget, Client, Items, Memory, Message, NodeState, Process, Tree, World } from './world.js';

export const PATH: Tree = { names: ['leaf', 'middle', 'root'], parents: [1, 2, -1] };
export const FORK: Tree = { names: ['leaf', 'middle', 'root', 'other'], parents: [1, 2, -1, 1] };

const NO_BUDGET: Budget = {
  moves: 0, crash: 0, lost: 0, duplicate: 0, late: 0, lease: 0, deadline: 0, again: 0, fail: 0, expire: 0, collect: 0, discard: 0, anonymous: 0, short: 0,
};

export interface Start {
  tree: Tree;
  /** What each node knows, by name; nothing where it is left out. */
  slots: Record<string, Partial<Slot>>;
  messages?: Message[];
  /** What processes remember of sessions, by name of the node. */
  memories?: Record<string, Memory>;
  /** What nodes are in the middle of. */
  processes?: Record<string, Process[]>;
  clients: number;
  /** How many effects each sender has to deliver, and how many of them the session has taken already. */
  senders?: readonly { effects: number; taken?: number }[];
  budget: Partial<Budget>;
}

/** A stub of the session that is homed at `leaf`. */
export function stub(current: string, epoch: number): Partial<Slot> {
  return { state: 'remote', current, epoch };
}

export function resident(at: string, epoch: number, more: Partial<Slot> = {}): Partial<Slot> {
  return { state: 'resident', current: at, epoch, ...more };
}

export function worldOf(start: Start, interner: Interner): World {
  const { tree, slots, clients, senders = [], budget } = start;
  const taken = senders.flatMap((sender) => Array.from({ length: sender.taken ?? 0 }, (_, i): [number, string] => [-1 - i, rowAfter(i + 1)]));
  const items: Items = taken.length > 0 ? { E: String(taken.length), M: taken.at(-1)![1] } : { S: '0' };
  const nodes = tree.names.map((name): NodeState => {
    const given = slots[name];
    const holds = given?.state === 'resident' || given?.state === 'leaving';
    const ground = blank(SESSION, FUNCTION, { node: name, nowMs: NOW_MS });
    return {
      slot: given ? interner.the({ ...ground, home: 'leaf', incarnation: 'i0', ...given } as Slot, slotText) : undefined,
      store: interner.the({ items: holds ? items : {}, staged: {}, notes: [] }, storeText),
      life: interner.the({ boot: 1, asking: given?.state === 'leaving', paying: true, ...(start.memories?.[name] ? { memory: start.memories[name] } : {}) }, lifeText),
      processes: (start.processes?.[name] ?? []).map((process) => interner.the(process)),
    };
  });
  const alive = nodes.filter(({ slot }) => slot?.state === 'resident' || slot?.state === 'leaving').map(({ slot }) => slot!.incarnation);
  const lives = [...new Set(alive)].sort().map((incarnation) => ({ incarnation, seeded: true, log: taken }));
  return {
    nodes,
    messages: (start.messages ?? []).map((message) => interner.the(message)),
    clients: [
      ...Array.from({ length: clients }, () => interner.the<Client>({ state: 'new', got: '' })),
      ...senders.map(({ effects, taken = 0 }) => interner.the<Client>({ state: 'waiting', got: '', sends: { next: taken + 1, last: effects } })),
    ],
    left: interner.the({ ...NO_BUDGET, ...budget }),
    ghost: interner.the({ isSplit: lives.length > 1, lives }),
  };
}
