/** What is explored: each scenario a start, who may wish for what, and how much may go wrong. */
import type { Slot } from '../../runtime/model/record.js';
import { ALL_GUARDS, type Guards } from '../../runtime/model/guards.js';
import { createStep } from '../../runtime/model/step/step.js';
import type { Wishes } from './actions.js';
import { explore, type Bounds, type Explored } from './explore.js';
import { Interner } from './intern.js';
import type { Setting } from './machine.js';
import { FORK, PATH, resident, stub, worldOf } from './starts.js';
import type { Budget, Memory, Message, Process, Tree, World } from './world.js';

export interface Scenario {
  name: string;
  tree?: Tree;
  /** Left out: nobody knows the id. */
  slots?: Record<string, Partial<Slot>>;
  messages?: Message[];
  memories?: Record<string, Memory>;
  processes?: Record<string, Process[]>;
  leasesRepeat?: boolean;
  /** Ancestors offer what is not homed below the asker, too. */
  isCareless?: boolean;
  budget: Partial<Budget>;
  entries: number[][];
  /** Where each sender delivers, and how many effects it has. */
  senders?: { to: number[]; effects: number; taken?: number }[];
  moves?: [number, number][];
  rehomes?: [number, number][];
}

const LEAF = 0;
const MIDDLE = 1;
const ROOT = 2;
const OTHER = 3;
const EVERY_MOVE: [number, number][] = [[LEAF, MIDDLE], [LEAF, ROOT], [MIDDLE, LEAF], [MIDDLE, ROOT], [ROOT, LEAF], [ROOT, MIDDLE]];
const AT_BOTH_ENDS = [[LEAF], [ROOT]];

const atHome = { leaf: resident('leaf', 0), middle: stub('leaf', 0), root: stub('leaf', 0) };

/** Home has departed for the middle, which has committed: nobody has been told yet. */
const updateOwed = {
  leaf: { state: 'leaving', current: 'leaf', epoch: 0, leaving: { to: 'middle', epoch: 1, attempt: 'a9' } } as Partial<Slot>,
  middle: resident('middle', 1, { bornBy: 'a9', owed: [{ to: 'leaf', kind: 'update', epoch: 1 }] }),
  root: stub('leaf', 0),
};

/** Out to the middle and home again, while messages of the first move are still on their way. */
const backHome = { leaf: resident('leaf', 2, { bornBy: 'a8' }), middle: stub('leaf', 2), root: stub('leaf', 0) };
const strays: Message[] = [
  {
    kind: 'call', to: LEAF, from: MIDDLE, for: 'depart a9',
    command: { verb: 'depart', session: 's', to: 'middle', epoch: 1, attempt: 'a9', incarnation: 'i0' },
  },
  {
    kind: 'call', to: LEAF, from: MIDDLE, for: '',
    command: { verb: 'learn', session: 's', function: 'f', home: 'leaf', current: 'middle', epoch: 1, incarnation: 'i0' },
  },
];
const strayAsk: Message[] = [{ kind: 'call', to: MIDDLE, from: LEAF, for: 'ask a9', command: { verb: 'ask', session: 's', epoch: 1 } }];

/** Home again, but the last holder does not know that it arrived. */
const lostConfirm = {
  leaf: resident('leaf', 2, { bornBy: 'a9' }),
  middle: { state: 'leaving', current: 'middle', epoch: 1, leaving: { to: 'leaf', epoch: 2, attempt: 'a9' } } as Partial<Slot>,
  root: stub('leaf', 0),
};

/** Up to the root and down to the middle: home's stub is one move behind. */
const chain = { leaf: stub('root', 1), middle: resident('middle', 2, { owed: [{ to: 'leaf', kind: 'update', epoch: 2 }] }), root: stub('middle', 2) };

/** A former life ended at home; an old message of it is on its way. */
const ended = { leaf: { state: 'tombstone', current: 'leaf', epoch: 3 } as Partial<Slot>, middle: { state: 'tombstone', current: 'leaf', epoch: 3 } as Partial<Slot> };

/** The middle was cut off when it was asked for the id, and made a life of its own. */
const twoLives = {
  leaf: resident('leaf', 0),
  middle: resident('middle', 0, { home: 'middle', incarnation: 'i9', owed: [{ to: 'root', kind: 'claim', epoch: 0 }] }),
  root: stub('leaf', 0),
};

/** The same, where the first has been away since. */
const twoMovedLives = { ...twoLives, leaf: resident('leaf', 2, { bornBy: 'a8' }), root: stub('leaf', 2) };

const atMiddle = { leaf: stub('middle', 1), middle: resident('middle', 1), root: stub('leaf', 0) };

/** The root was cut off when the session was born, and is still to be told. */
const claimOwed = { leaf: resident('leaf', 0, { owed: [{ to: 'root', kind: 'claim', epoch: 0 }] }), middle: stub('leaf', 0) };
const redirected: Message[] = [{ kind: 'request', to: ROOT, client: 0, mark: 'leaf' }];

/** Home's process has committed nothing since it was asked to remember the session. */
const remembered: Record<string, Memory> = { leaf: { epoch: 0, incarnation: 'i0', version: 0, seen: '' } };

/** Home was at the leaf once, and is at its sibling now. */
const movedHome = (epoch: number): Partial<Slot> => ({ state: 'remote', home: 'other', current: 'other', epoch });
const atOther = {
  leaf: { ...movedHome(1), knownBy: ['middle', 'root'] }, middle: movedHome(1), root: movedHome(1),
  other: resident('other', 1, { home: 'other', knownBy: ['leaf', 'middle', 'root'] }),
};

/** Home came back to the leaf, which was asking whether anybody needs its stub: its sibling does not know yet what became of the move. */
const backAtLeaf = {
  leaf: resident('leaf', 2, { bornBy: 'a9', knownBy: ['middle', 'other', 'root'] }), middle: stub('leaf', 2), root: stub('leaf', 2),
  other: { ...movedHome(1), state: 'leaving', current: 'other', leaving: { to: 'leaf', epoch: 2, attempt: 'a9' } } as Partial<Slot>,
};
const checking: Process = { kind: 'check', epoch: 1, incarnation: 'i0', home: 'other', current: 'other', knownBy: ['middle', 'root'], step: 2 };

const move = (name: string, budget: Partial<Budget>, entries = AT_BOTH_ENDS): Scenario =>
  ({ name, slots: atHome, budget: { moves: 1, ...budget }, entries, moves: EVERY_MOVE });
const birth = (name: string, budget: Partial<Budget>): Scenario => ({ name, budget, entries: [[LEAF], [LEAF, MIDDLE, ROOT]], moves: EVERY_MOVE });

const SESSIONS: readonly Scenario[] = [
  birth('a birth with a crash and a lost message', { lost: 1, crash: 1 }),
  birth('a birth with a late and a duplicated message', { late: 1, duplicate: 1 }),
  birth('a birth and a move, with a lost message', { moves: 1, lost: 1 }),
  birth('a birth, an end and another birth, with a lost message', { expire: 1, lost: 1 }),
  birth('a birth, an end and another birth, with a crash', { expire: 1, crash: 1 }),
  birth('a birth, a move and an end', { moves: 1, expire: 1 }),
  move('two moves', { moves: 2 }, [[ROOT]]),
  move('a move with a crash and a lost message', { crash: 1, lost: 1 }),
  move('a move with a duplicated and a lost message', { duplicate: 1, lost: 1 }),
  move('a move with a late message and a passed deadline', { late: 1, deadline: 1 }),
  move('a move with a lost lease, a failing handler and a request sent again', { lease: 1, fail: 1, again: 1 }, [[LEAF], [LEAF]]),
  { name: 'an update owed, then a move with a crash', slots: updateOwed, budget: { moves: 1, crash: 1 }, entries: [[LEAF]], moves: EVERY_MOVE },
  { name: 'an update owed, then a move with a lost message', slots: updateOwed, budget: { moves: 1, lost: 1 }, entries: [[LEAF]], moves: EVERY_MOVE },
  { name: 'home again with a lost confirm, and an end', slots: lostConfirm, budget: { expire: 1, lost: 1 }, entries: [[LEAF], [LEAF]] },
  { name: 'an update owed, and an end', slots: updateOwed, budget: { expire: 1, collect: 1, lost: 1 }, entries: [[LEAF], [MIDDLE]], moves: EVERY_MOVE },
  { name: 'stray messages of an earlier move', slots: backHome, messages: strays, budget: { moves: 1, late: 1 }, entries: AT_BOTH_ENDS, moves: EVERY_MOVE },
  { name: 'a stray question of an earlier move', slots: backHome, messages: strayAsk, budget: { moves: 1, crash: 1 }, entries: AT_BOTH_ENDS, moves: EVERY_MOVE },
  { name: 'a chain of stubs', slots: chain, budget: { moves: 1, crash: 1 }, entries: [[LEAF], [ROOT]], moves: EVERY_MOVE },
  { name: 'two moves with a crash', slots: atHome, budget: { moves: 2, crash: 1 }, entries: [[LEAF]], moves: EVERY_MOVE },
  { name: 'two moves at once', slots: atHome, budget: { moves: 2, crash: 1 }, entries: [], moves: [[LEAF, MIDDLE], [LEAF, ROOT]] },
  { name: 'two lives of one id', slots: twoLives, budget: { moves: 2 }, entries: [], moves: [[LEAF, MIDDLE], [LEAF, ROOT], [MIDDLE, ROOT]] },
  { name: 'two requests and a lost lease', slots: atHome, budget: { lease: 1 }, entries: [[LEAF], [LEAF]] },
  { name: 'a redirected request at a root that was not told yet', slots: claimOwed, messages: redirected, budget: { lost: 1 }, entries: [[LEAF]] },
  { name: 'an end and something to forget', slots: atHome, budget: { expire: 1, collect: 1, again: 1 }, entries: AT_BOTH_ENDS, moves: EVERY_MOVE },
  { name: 'a stray message of an ended life', slots: ended, messages: [strays[1]!], budget: { lost: 1 }, entries: [[LEAF], [MIDDLE]] },
  { name: 'a departure without a name', slots: atHome, budget: { anonymous: 1, crash: 1 }, entries: AT_BOTH_ENDS },
  {
    name: 'two leaves below one parent', isCareless: true, tree: FORK, slots: atMiddle, messages: [{ ...(strays[1] as Message & { kind: 'call' }), to: OTHER }], budget: { moves: 1, lost: 1 }, entries: [[LEAF], [OTHER]],
    moves: [[LEAF, MIDDLE], [MIDDLE, OTHER], [MIDDLE, LEAF], [LEAF, ROOT], [ROOT, OTHER]],
  },
  {
    name: 'the short way beside a move and the long way', slots: atHome, memories: remembered, budget: { moves: 1, short: 2, again: 1 },
    entries: [[LEAF], [LEAF]], moves: [[LEAF, MIDDLE], [MIDDLE, LEAF]],
  },
  {
    name: 'the short way with a move there and back', slots: backHome, memories: remembered, budget: { moves: 1, short: 2, lost: 1 },
    entries: [[LEAF], [LEAF]], moves: [[LEAF, MIDDLE]],
  },
  {
    name: 'the short way with a crash and a duplicated message', slots: atHome, memories: remembered, budget: { short: 2, crash: 1, duplicate: 1, lease: 1 },
    entries: [[LEAF], [LEAF]],
  },
  {
    name: 'the short way beside an end and a rebirth', slots: atHome, memories: remembered, budget: { short: 2, expire: 1 }, entries: [[LEAF], [LEAF]],
  },
  {
    name: 'a re-home with a crash', slots: atHome, budget: { moves: 1, crash: 1 }, entries: [[LEAF], [ROOT]], rehomes: [[LEAF, MIDDLE], [LEAF, ROOT]],
  },
  {
    name: 'a re-home to a sibling with a lost message', tree: FORK, slots: atHome, budget: { moves: 1, lost: 1 }, entries: [[LEAF]], rehomes: [[LEAF, OTHER]],
  },
  {
    name: 'a re-home and a move', slots: atHome, budget: { moves: 2 }, entries: [], moves: [[MIDDLE, ROOT], [ROOT, MIDDLE], [LEAF, MIDDLE]], rehomes: [[LEAF, MIDDLE], [MIDDLE, LEAF]],
  },
  {
    name: 'a re-home, and stubs that nobody needs', tree: FORK, slots: atOther, budget: { moves: 1, collect: 1 }, entries: [[LEAF]], rehomes: [[OTHER, LEAF]],
  },
  {
    name: 'home again by a re-home while it is asked whether anybody needs the stub', tree: FORK, slots: backAtLeaf, processes: { leaf: [checking] },
    budget: { moves: 1 }, entries: [], rehomes: [[LEAF, ROOT]],
  },
  { name: 'two lives of one id, of which one is ended', slots: twoMovedLives, budget: { discard: 1, duplicate: 1, moves: 1 }, entries: [], moves: [[LEAF, MIDDLE]] },
  { name: 'two clients with two requests each, and a lost lease', slots: atHome, budget: { lease: 1 }, entries: [[LEAF], [LEAF], [ROOT], [ROOT]] },
  {
    name: 'lease ids that come again in another residency', slots: atHome, leasesRepeat: true, budget: { moves: 1, lease: 1 },
    entries: [[LEAF], [LEAF], [LEAF]], moves: [[LEAF, MIDDLE]],
  },
];

/** Another session that has two effects for this one, which it delivers to the home that it knows. */
const SENDER = [{ to: [LEAF], effects: 2 }];

/** Deliveries of a sender: each is to take effect once, wherever the session is by then. */
const EFFECTS: readonly Scenario[] = [
  {
    name: 'effects that come twice and late, beside a move', slots: atHome, budget: { moves: 1, duplicate: 1, late: 1 },
    entries: [], senders: SENDER, moves: [[LEAF, MIDDLE]],
  },
  {
    name: 'a late effect at the old place after a move', slots: { ...atMiddle, middle: resident('middle', 1, { version: 1 }) },
    messages: [{ kind: 'request', to: LEAF, client: 0, mark: '', effect: 1 }], budget: { moves: 1, duplicate: 1 },
    entries: [], senders: [{ to: [LEAF], effects: 2, taken: 1 }], moves: [[MIDDLE, LEAF]],
  },
  {
    name: 'effects for a home that is not home any more', slots: atHome, budget: { moves: 1, duplicate: 1 },
    entries: [], senders: SENDER, rehomes: [[LEAF, MIDDLE]],
  },
  {
    name: 'effects on the short way, beside a request', slots: atHome, memories: remembered, budget: { short: 2, late: 1 },
    entries: [[LEAF]], senders: SENDER,
  },
  {
    name: 'effects on the short way, beside a move', slots: atHome, memories: remembered, budget: { moves: 1, short: 1, duplicate: 1 },
    entries: [], senders: SENDER, moves: [[LEAF, MIDDLE]],
  },
  {
    name: 'effects with a crash, a lost lease and a failing handler', slots: atHome, budget: { crash: 1, lease: 1, fail: 1, late: 1 },
    entries: [], senders: SENDER,
  },
];

export const SCENARIOS: readonly Scenario[] = [...SESSIONS, ...EFFECTS];

const EVERYTHING: Partial<Budget> = { moves: 2, crash: 1, lost: 1, duplicate: 1, late: 1, lease: 1, deadline: 1 };
/** Both clients may start at either end, so that they are interchangeable. */
const ANYWHERE = [[LEAF, ROOT], [LEAF, ROOT]];

/** The whole bounds at once: two clients with a request each, two moves, and everything that may go wrong once. */
export const WHOLE: readonly Scenario[] = [
  { name: 'whole: two moves and two clients', slots: atHome, budget: { moves: 2 }, entries: ANYWHERE, moves: EVERY_MOVE },
  { name: 'whole: a move and two clients with two requests each', slots: atHome, budget: { moves: 1 }, entries: [...AT_BOTH_ENDS, ...AT_BOTH_ENDS], moves: [[LEAF, MIDDLE]] },
  { name: 'whole: two moves with a crash and a lost message', slots: atHome, budget: { moves: 2, crash: 1, lost: 1 }, entries: [[ROOT]], moves: EVERY_MOVE },
  { name: 'whole: two moves with a duplicated message', slots: atHome, budget: { moves: 2, duplicate: 1 }, entries: [[ROOT]], moves: EVERY_MOVE },
  { name: 'whole: everything at home', slots: atHome, budget: EVERYTHING, entries: ANYWHERE, moves: EVERY_MOVE },
  { name: 'whole: everything from nothing', budget: EVERYTHING, entries: ANYWHERE, moves: EVERY_MOVE },
  { name: 'whole: everything with an update owed', slots: updateOwed, budget: EVERYTHING, entries: ANYWHERE, moves: EVERY_MOVE },
  { name: 'whole: everything with stray messages of an earlier move', slots: backHome, messages: strays, budget: EVERYTHING, entries: ANYWHERE, moves: EVERY_MOVE },
  { name: 'whole: everything along a chain of stubs', slots: chain, budget: EVERYTHING, entries: ANYWHERE, moves: EVERY_MOVE },
  { name: 'whole: everything with two requests of each client', slots: atHome, budget: EVERYTHING, entries: [...ANYWHERE, ...ANYWHERE], moves: EVERY_MOVE },
  { name: 'whole: everything with a sender of effects', slots: atHome, budget: EVERYTHING, entries: [[LEAF, ROOT]], senders: SENDER, moves: EVERY_MOVE },
];

export function scenario(name: string): Scenario {
  const found = [...SCENARIOS, ...WHOLE].find((one) => one.name === name);
  if (!found) throw new RangeError(`no scenario is called ${name}`);
  return found;
}

export interface ScenarioRun extends Explored {
  coverage: Map<string, number>;
}

export function startOf({ tree = PATH, slots = {}, messages = [], memories, processes, budget, entries, senders = [] }: Scenario, interner: Interner): World {
  return worldOf({ tree, slots, messages, memories, processes, clients: entries.length, senders, budget }, interner);
}

export function wishesOf({ entries, moves = [], rehomes, senders = [], isCareless }: Scenario): Wishes {
  return { entries, moves, isCareless, rehomes, senders: senders.map(({ to }) => to) };
}

export function runScenario(one: Scenario, bounds: Bounds, guards: Guards = ALL_GUARDS, coverage = new Map<string, number>()): ScenarioRun {
  const interner = new Interner();
  const setting: Setting = { tree: one.tree ?? PATH, step: createStep(guards), guards, interner, coverage, leasesRepeat: one.leasesRepeat };
  return { ...explore(setting, [startOf(one, interner)], wishesOf(one), bounds), coverage };
}
