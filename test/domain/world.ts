/**
 * A whole domain in one process: the real session and offload layers of every node over memory
 * stores, with a network that a test can break. Time and ids are the test's.
 */
import { directoryWithin, type Subtree } from '../../runtime/base/directory.js';
import { type Log, silentLog } from '../../runtime/base/log.js';
import { memoryShelf, type Shelf } from '../../runtime/base/shelf.js';
import type { Watermarks } from '../../runtime/model/watermarks.js';
import { Fault } from '../../runtime/model/faults.js';
import type { Guards } from '../../runtime/model/guards.js';
import { MAX_WAITING_PER_SESSION, MAX_WAIT_MS, RESERVATION_MS } from '../../runtime/model/limits.js';
import type { Caller, Commands } from '../../runtime/base/reply.js';
import { memoryArchive } from '../../runtime/offload/archive.js';
import { createCommands } from '../../runtime/offload/commands.js';
import type { MoveStepName } from '../../runtime/offload/move.js';
import { createNeighbourhood } from '../../runtime/offload/neighbourhood.js';
import { Offload } from '../../runtime/offload/offload.js';
import { createPeerCalls, type PeerCalls } from '../../runtime/offload/peer-routes.js';
import { Peers } from '../../runtime/offload/peers.js';
import type { LocalFunctions } from '../../runtime/offload/receive.js';
import type { FunctionKind, Worker } from '../../runtime/session/call.js';
import { Changes } from '../../runtime/session/changes.js';
import { createSessions, type Invocation, type Served, type Sessions } from '../../runtime/session/invoke.js';
import { WaitingLine } from '../../runtime/session/line.js';
import { createMemoryStore } from '../../runtime/store/memory.js';
import type { SessionStore } from '../../runtime/store/store.js';
import { ledgerWorker, listWorker } from './list-worker.js';
import { memoryStatus } from './memory-status.js';
import { mortalStore, type StoreWeather } from './mortal-store.js';
import { transportOf, type Weather } from './network.js';
import { Processes } from './processes.js';
import { TestClock } from './test-clock.js';
import { namesOf } from './trees.js';

export { type AskFor, ledgerWorker, listWorker } from './list-worker.js';
export type { Luck } from './network.js';
export { TestClock } from './test-clock.js';
export { defaultTree } from './trees.js';

export interface TestNode {
  name: string;
  store: SessionStore;
  offload: Offload;
  sessions: Sessions;
  commands: Commands;
  peerCalls: PeerCalls;
}

export interface InvokeExtra {
  requestId?: string;
  redirectedHome?: string;
  hops?: number;
  kind?: FunctionKind;
  worker?: Worker;
  minVersion?: number;
  ttlMs?: number;
  signal?: AbortSignal;
}

/** Nodes that may pass a request on before it is given back to its client. */
const MOST_CARRIED = 16;

export class World {
  readonly clock = new TestClock();
  /** Milliseconds that a call on the network or the store takes; 0 answers in the same turn. */
  latency: (site: string) => number = () => 0;
  /** How late a late call is. */
  lateness: () => number = () => 5_000;
  /** How far a node's clock is from the world's, in ms. */
  readonly clockOffsets = new Map<string, number>();
  /** Called after every command of a node's store, with the session it was about. */
  stored: (node: string, session: string) => void | Promise<void> = () => undefined;
  readonly processes = new Processes();
  readonly #stores = new Map<string, SessionStore>();
  readonly nodes = new Map<string, TestNode>();
  /** Functions that others may propagate to. */
  readonly receivers = new Map<string, Worker>([['ledger', ledgerWorker()]]);
  weather: Weather = () => 'fine';
  /** By what a receiving session tells a repeated delivery; `by place`: as if it had forgotten every id. */
  deliveries: 'by both' | 'by id' | 'by place' | 'by nothing' = 'by both';
  readonly archive = memoryArchive();
  /** These two of every node that starts from now on. */
  marks: Partial<Watermarks> | undefined;
  log: Log = silentLog;
  readonly #shelves = new Map<string, Shelf>();
  storeWeather: StoreWeather = () => 'fine';
  /** Called at every step of a move; throwing there is a crash of its driver. */
  reached: (step: MoveStepName, session: string) => void | Promise<void> = () => undefined;
  #uuids = 0;

  constructor(readonly tree: Subtree, readonly functions: string[] = ['list'], private readonly guards?: Guards) {
    for (const name of namesOf(tree)) this.#start(name);
  }

  /** Outlives the node, as its state folder does. */
  #shelf(name: string): Shelf {
    const shelf = this.#shelves.get(name) ?? memoryShelf();
    this.#shelves.set(name, shelf);
    return shelf;
  }

  node(name: string): TestNode {
    const node = this.nodes.get(name);
    if (!node) throw new Error(`no node ${name}`);
    return node;
  }

  uuid(): string {
    this.#uuids += 1;
    return `00000000-0000-4000-8000-${String(this.#uuids).padStart(12, '0')}`;
  }

  /** The same node again over its old store, as after a crash: volatile state is gone. */
  async restart(name: string): Promise<void> {
    this.crash(name);
    this.#start(name);
    await this.during(this.node(name).offload.resume());
  }

  /** Ends the node's process; its store stays. Peers that wait for it are told that it went away. */
  crash(name: string): void {
    this.processes.lifeOf(name)!.end();
    this.node(name).offload.close();
  }

  /** Resolves when the node's present life ends. */
  ended(name: string): Promise<void> {
    return this.processes.lifeOf(name)!.over;
  }

  /** The node's record as it stands on its disk. */
  slotAt(name: string, session: string) {
    return this.#stores.get(name)!.slot(session);
  }

  /** Adds an item to the session's list through one node, as a client does that follows redirects. */
  async add(at: string, session: string, item: string, requestId?: string): Promise<{ items: string[]; node: string; redirects: number }> {
    let [target, home, redirects] = [at, undefined as string | undefined, 0];
    for (;;) {
      const served = await this.invoke(target, session, item, { requestId, redirectedHome: home, hops: redirects });
      if (served.kind === 'answer') return { items: JSON.parse(served.response.body.toString()) as string[], node: served.node, redirects };
      [target, home, redirects] = [served.to, served.home, redirects + 1];
      if (redirects > 8) throw new Error('redirected for ever');
    }
  }

  /** Everything that a list session has, wherever it is held. */
  async itemsOf(session: string): Promise<string[]> {
    for (const store of this.#stores.values()) {
      if ((await store.slot(session))?.state !== 'resident') continue;
      const { value } = await store.readKey(session, 'items');
      return (Array.isArray(value) ? value : []).map((item) => item.toString());
    }
    return [];
  }

  /** Empty `item` only reads, but as a writer does. */
  invoke(at: string, session: string, item: string, extra: InvokeExtra = {}): Promise<Served> {
    const { kind = 'offloadable', worker = listWorker(kind), ...rest } = extra;
    return this.node(at).sessions.invoke({
      function: this.functions[0]!, worker, timeoutMs: 1_000, ttlMs: 0, callId: this.uuid(), session,
      request: { method: 'POST', path: '', query: `add=${item}`, headers: {}, body: Buffer.alloc(0) },
      signal: new AbortController().signal, ...rest,
    });
  }

  command(at: string, name: string, query = '', body?: unknown, caller: Caller = 'admin') {
    return this.node(at).commands.run(name, new URLSearchParams(query), body, { method: 'POST', accept: '', caller });
  }

  /** Lets everything that waits for time go on until nothing is left, or `done` says so. */
  async settle(done: () => boolean = () => false, limit = 2_000): Promise<void> {
    for (let turns = 0; turns < limit && !done(); turns += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
      if (!done() && !this.clock.advance()) return;
    }
  }

  /** What every node does from time to time for what a lost answer has hidden; all reservations have run out by then. */
  async sweep(): Promise<void> {
    this.clock.nowMs += RESERVATION_MS + 1;
    for (const { offload } of this.nodes.values()) await this.during(offload.sweep());
    await this.settle();
  }

  /** Waits for a promise while time goes on. */
  async during<T>(work: Promise<T>, limit?: number): Promise<T> {
    let ended = false;
    const end = () => {
      ended = true;
    };
    work.then(end, end);
    await this.settle(() => ended, limit);
    if (!ended) throw new Error('nothing is left to happen, and the work has not ended');
    return work;
  }

  /** Starts the node again over its old store, as after a crash; `resume` is the caller's to run. */
  start(name: string): TestNode {
    this.#start(name);
    return this.node(name);
  }

  #start(name: string): void {
    const clock = this.processes.clockOf(name, this.clock, () => this.clockOffsets.get(name) ?? 0);
    const life = this.processes.begin(name);
    const kept = this.#stores.get(name) ?? createMemoryStore({ node: name, clock, guards: this.guards });
    this.#stores.set(name, kept);
    const store = mortalStore(this, name, kept, life);
    const directory = directoryWithin(this.tree, name);
    const peers = new Peers(transportOf(this, name));
    const line = new WaitingLine({ clock, maxWaiting: MAX_WAITING_PER_SESSION, maxWaitMs: MAX_WAIT_MS });
    const changes = new Changes(clock);
    const ids = { uuid: () => this.uuid() };
    const offload = new Offload({
      node: name, store, peers, directory, status: memoryStatus(), line, changes, clock, ids, log: this.log,
      random: () => 0.5, shelf: (kind) => this.#shelf(`${name} ${kind}`), archive: this.archive, marks: this.marks, functions: this.#functionsOf(name), reached: (step, session) => this.reached(step, session),
    });
    const neighbourhood = createNeighbourhood(offload, (call, to, home) => this.#carry(call, to, home));
    const sessions = createSessions({ node: name, boot: this.uuid(), store, line, changes, neighbourhood, clock, ids, guards: this.guards });
    this.nodes.set(name, { name, store, offload, sessions, commands: createCommands(offload), peerCalls: createPeerCalls(offload) });
  }

  /** What a node does for a client that was redirected often enough: it asks the next one itself. */
  #carry(call: Invocation, to: string, home: string): Promise<Served> {
    const hops = (call.hops ?? 0) + 1;
    const next = this.nodes.get(to);
    if (!next || hops > MOST_CARRIED) return Promise.reject(new Fault('MOVING'));
    return next.sessions.invoke({ ...call, redirectedHome: home, hops, forward: true });
  }

  /** Every node has every function; those that receive are `receivers`. */
  #functionsOf(name: string): LocalFunctions {
    const names = () => [...this.functions, ...this.receivers.keys()];
    return {
      names,
      find: (asked) => (names().includes(asked) ? { isStateful: this.receivers.get(asked)?.kind !== 'stateless', receives: this.receivers.has(asked) } : undefined),
      call: async ({ function: called, id, place, session, request, redirectedHome, hops }) => {
        const worker = this.receivers.get(called) ?? listWorker('offloadable');
        const call = { function: called, callId: this.uuid(), request, timeoutMs: 1_000, signal: new AbortController().signal };
        const [byId, byPlace] = [['by both', 'by id'].includes(this.deliveries), ['by both', 'by place'].includes(this.deliveries)];
        const known = { requestId: byId ? id : undefined, place: byPlace ? place : undefined };
        if (session !== undefined) return this.node(name).sessions.invoke({ ...call, worker, ttlMs: 0, session, ...known, redirectedHome, hops });
        const { response } = await worker.run(call);
        return { kind: 'answer', response, node: name, epoch: 0, version: 0, replayed: false };
      },
    };
  }

  /** Lets the time pass that a call on the network or the store takes there. */
  async pass(site: string): Promise<void> {
    const ms = this.latency(site);
    if (ms > 0) await new Promise<void>((resolve) => void this.clock.setTimeout(resolve, ms));
  }
}
