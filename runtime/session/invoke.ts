/**
 * One stateful request on its way through the store: a turn in the session's line, `acquire`, the
 * handler, `release`. Whatever else `acquire` may answer (moved, busy, on hold, unknown) is dealt
 * with here too, until the request is served or sent on.
 */
import type { Clock, Timer } from '../base/clock.js';
import type { Ids } from '../base/ids.js';
import { Fault } from '../model/faults.js';
import type { Guards } from '../model/guards.js';
import {
  LEASE_MS, MAX_KEPT_RESPONSE_BYTES, MAX_REDIRECTS, MAX_SESSION_BYTES, MAX_VALUE_BYTES, MAX_WAIT_MS,
} from '../model/limits.js';
import type { Slot } from '../model/record.js';
import type { Acquire, Release, ReleaseReply } from '../model/verbs.js';
import { requestKey, type Acquired, type Commitment, type SessionStore, type StoredReply, type Write } from '../store/store.js';
import { StoredSession } from './access.js';
import type { FunctionRequest, FunctionResponse, TelemetryEntry, Worker, WorkerAnswer } from './call.js';
import type { Changes } from './changes.js';
import { createElsewhere } from './elsewhere.js';
import type { Leave, WaitingLine } from './line.js';
import { RecentMarks, type Place } from './marks.js';
import type { Located, Neighbourhood } from './ports.js';
import { isPauseUntil } from './pause.js';
import { createReader } from './read.js';
import { applyWrites, RecentRequests, RememberedSessions, type Remembered } from './remembered.js';
import { createSeek } from './seek.js';
import { Senders, type Sender } from './senders.js';
import { decodeResponse, encodeResponse } from './stored-response.js';
import { HOLD_POLL_MS, isGone, mustBeCertain, requestOf, Work } from './work.js';

export interface Invocation {
  function: string;
  worker: Worker;
  timeoutMs: number;
  /** Idle time to live of sessions born by this function; 0 for ever. */
  ttlMs: number;
  callId: string;
  session: string;
  /** Client's UUID: the request takes effect once, and every retry gets the same answer. */
  requestId?: string;
  /** With a delivery of an effect: where it stands among its sender's. */
  place?: Place;
  /** Present when another node sent the client here: the home it knew, and the redirects so far. */
  redirectedHome?: string;
  hops?: number;
  /** The client cannot follow redirects: the node carries the request on itself. */
  forward?: boolean;
  /** Version the client has seen: nothing older is answered. */
  minVersion?: number;
  readonly request: FunctionRequest;
  /** Aborted when the client goes away. The gateway makes it when it is first looked at. */
  readonly signal: AbortSignal;
  /** The same as `signal.aborted`, without making a signal. */
  readonly isGone?: boolean;
  /** When it arrived, on the gateway's clock that only ever grows. */
  readonly arrivedMs?: number;
}

export type Served =
  | { kind: 'answer'; response: FunctionResponse; node: string; epoch: number; version: number; replayed: boolean; telemetry?: TelemetryEntry[] }
  | { kind: 'moved'; to: string; url: string; home: string; hops: number; epoch: number };

export interface Sessions {
  invoke(call: Invocation): Promise<Served>;
  /**
   * For a request whose body is still on its way: sends it, or its client, to where its session is. Undefined, and
   * nothing of the body was read, when it is to be served here.
   */
  sendOff?(call: Invocation): Promise<Served | undefined>;
}

export interface SessionLayerOptions {
  node: string;
  /** In whose name leases are taken, the node's unless several processes serve its sessions: each then needs one of its own. */
  owner?: string;
  /** False: every request takes a lease, so that a move driven by another process waits for its end. */
  remembers?: boolean;
  /** Life of this process: leases of a former one are void. */
  boot: string;
  store: SessionStore;
  line: WaitingLine;
  changes: Changes;
  neighbourhood: Neighbourhood;
  clock: Clock;
  ids: Ids;
  /** Only tests switch a guard off. */
  guards?: Guards;
}

/** Pause before a store is asked again about a lease that somebody outside this process holds. */
const BUSY_POLL_MS = 20;

/** Something to be done without the turn (a departure needs it), after which the request tries again. */
type Errand = () => Promise<unknown>;
type Next = Served | 'again' | Errand;

/** What a handler ran on: the record, and the data where it is small. */
type Known = Pick<Remembered, 'slot'> & Partial<Remembered> & { sender?: Sender };
/** By what a commit is allowed: the lease of an acquire, or a basis. */
type Right = Pick<Release, 'leaseId' | 'basis'> & Pick<Acquire, 'request'>;

export function createSessions(options: SessionLayerOptions): Sessions {
  const { node, boot, store, line, changes, neighbourhood, clock, ids } = options;
  const elsewhere = createElsewhere(options);
  const { moved, astray } = elsewhere;
  const read = createReader(options, elsewhere);
  const seek = createSeek(options, elsewhere);

  // When the store did not answer a release, its lease may still stand. Nobody in this process holds it any
  // more (the line sees to that), so the next acquire comes as another life, to which it is void.
  let life = 0;
  const orNewLife = <T>(answer: Promise<T>): Promise<T> => answer.catch((error: unknown) => {
    life += 1;
    throw error;
  });

  /** Requests whose session has expired while its home is away. */
  const revived = new WeakSet<Invocation>();
  const remembered = new RememberedSessions();
  const senders = new Senders(options);
  changes.onAny((session) => void remembered.take(session));

  async function invoke(call: Invocation): Promise<Served> {
    const served = call.worker.kind === 'read-only' ? await read(call) : await shortWay(call) ?? await write(call);
    return onward(call, served);
  }

  function onward(call: Invocation, served: Served): Served | Promise<Served> {
    if (served.kind !== 'moved' || !(call.forward || served.hops > MAX_REDIRECTS - 1)) return served;
    return neighbourhood.forward(call, served.to, served.home);
  }

  async function sendOff(call: Invocation): Promise<Served | undefined> {
    const place = await seek(call);
    return place && onward(call, place);
  }

  // ── Writers ──────────────────────────────────────────────────────────────────────────────────

  async function write(call: Invocation): Promise<Served> {
    const deadlineMs = clock.now() + MAX_WAIT_MS;
    for (;;) {
      const entered = line.enter(call.session, call);
      const leave: Leave = typeof entered === 'function' ? entered : await entered;
      let served: Served | Errand;
      try {
        served = await inTurn(call, deadlineMs);
      } finally {
        leave();
      }
      if (typeof served !== 'function') return served;
      await byDeadline(call, served(), deadlineMs);
    }
  }

  /** An errand may last as long as a move does, the client does not wait for it beyond its time. */
  async function byDeadline(call: Invocation, errand: Promise<unknown>, deadlineMs: number): Promise<void> {
    let timer: Timer;
    const late = new Promise<never>((_, reject) => {
      timer = clock.setTimeout(() => reject(new Fault('MOVING')), Math.max(0, deadlineMs - clock.now()));
    });
    try {
      await Promise.race([errand, late]);
    } finally {
      clock.clearTimeout(timer);
    }
    if (isGone(call)) throw new Fault('CLIENT_GONE');
  }

  async function inTurn(call: Invocation, deadlineMs: number): Promise<Served | Errand> {
    const command: Acquire = {
      ...(revived.delete(call) && { revive: true as const }),
      verb: 'acquire', session: call.session, function: call.function, leaseId: ids.uuid(), owner: options.owner ?? node, boot: `${boot}/${life}`,
      leaseMs: Math.max(LEASE_MS, call.timeoutMs + 10_000),
    };
    command.request = requestOf(call);
    if (call.redirectedHome) command.redirected = { home: call.redirectedHome };
    const served = await fromMemory(call);
    if (served) return served;
    // A delivery of a sender that is not known from memory: only its mark is wanted, what else is remembered holds if nothing has changed.
    const memory = call.place && remembered.take(call.session);
    const wanted = call.place && { known: memory?.slot, lanes: Senders.lanesOf(call.place) };
    for (;;) {
      const acquired = await orNewLife(store.acquire(command, wanted));
      const next = acquired.kind === 'granted' && !isGone(call)
        ? await run(call, command, acquired, memory)
        : await otherwise(call, command, acquired);
      if (next !== 'again') return next;
      if (isGone(call)) throw new Fault('CLIENT_GONE');
      if (clock.now() >= deadlineMs) throw new Fault(acquired.kind === 'busy' ? 'BUSY' : 'MOVING', { waiting: 1 });
    }
  }

  /** An expired session ends at its home. While that cannot be asked, nothing says that it has ended: it goes on. */
  async function sendHome(call: Invocation, home: string): Promise<void> {
    if (!(await neighbourhood.sendHome(call.session, home))) revived.add(call);
  }

  /** Nobody has the session, and this process remembers it: the most frequent case, so nothing more than needed is made for it. */
  function shortWay(call: Invocation): Promise<Served | undefined> | undefined {
    const leave = line.enterIfFree(call.session);
    return leave && fromMemory(call, leave);
  }

  /**
   * The handler runs on what this process knows from its own last commit, and the store commits only if that is still the
   * present. If not, nothing has happened, and the request goes the long way (the handler runs again).
   */
  async function fromMemory(call: Invocation, leave?: Leave): Promise<Served | undefined> {
    if (options.remembers === false) {
      leave?.();
      return undefined;
    }
    try {
      if (call.place && !remembered.isNext(call.session, call.place)) return undefined;
      // Until the store has spoken, nobody knows; and whatever goes wrong, the next request asks it.
      const known = remembered.take(call.session);
      if (!known?.slot.functions.includes(call.function) || isGone(call)) return undefined;
      const request = requestOf(call);
      if (request && known.requests.has(request.id)) return undefined;
      const { slot, data } = known;
      const work = new Work(call, new StoredSession(store, slot, { kind: 'whole', data }, node));
      const answer = await (call.worker.runNow ? call.worker.runNow(work) : call.worker.run(work));
      checkAnswer(call, slot, answer);
      const { version, incarnation } = slot;
      return await commit(call, known, answer, { leaseId: '', basis: { version, incarnation }, request });
    } finally {
      leave?.();
    }
  }

  async function otherwise(call: Invocation, command: Acquire, acquired: Acquired): Promise<Next> {
    switch (acquired.kind) {
      case 'granted':
        await abandon(command);
        throw new Fault('CLIENT_GONE');
      case 'replay':
        return {
          kind: 'answer', response: decodeResponse(acquired.reply!.body!), node,
          epoch: acquired.slot.epoch, version: acquired.slot.version, replayed: true,
        };
      case 'replay-too-large': throw new Fault('REPLAY_TOO_LARGE');
      case 'replay-mismatch': throw new Fault('REQUEST_ID_REUSED');
      case 'moved': return moved(call, acquired.to, acquired.home, acquired.epoch);
      case 'astray': return astray(call, acquired.home);
      case 'busy':
        if (isPauseUntil(acquired.untilMs, clock.now())) throw new Fault('SESSION_PAUSED');
        await changes.next(call.session, BUSY_POLL_MS, call.signal);
        return 'again';
      case 'hold':
        await changes.next(call.session, HOLD_POLL_MS, call.signal);
        return 'again';
      case 'expired':
        if (acquired.home !== node) return () => sendHome(call, acquired.home);
        await neighbourhood.retire(call.session);
        return 'again';
      case 'absent': {
        const { epoch } = acquired;
        if (call.minVersion) {
          // It exists somewhere, so it is looked for before anything is claimed.
          const looked = await neighbourhood.locate(call.session, call.function, { claim: false, epoch });
          if (looked.kind === 'known') return moved(call, looked.current, looked.home, looked.epoch);
          mustBeCertain(call, looked);
        }
        return createOr(call, command, await neighbourhood.locate(call.session, call.function, { claim: true, epoch }));
      }
    }
  }

  /** The id is known elsewhere: go there. Or it is free: the next acquire may create it. */
  function createOr(call: Invocation, command: Acquire, located: Located): Promise<Served> | 'again' {
    if (located.kind === 'known') return moved(call, located.current, located.home, located.epoch);
    const { epoch, incarnation, knownBy, owed } = located;
    command.create = { epoch, incarnation, ttlMs: call.ttlMs, knownBy, owed };
    return 'again';
  }

  async function run(call: Invocation, command: Acquire, acquired: Acquired & { kind: 'granted' }, memory?: Remembered): Promise<Next> {
    const { slot, created } = acquired;
    if (slot.owed.length > 0) neighbourhood.owes(call.session);
    if (created && !neighbourhood.accepting()) {
      // Born here, because nothing is born elsewhere than at the node first asked; then moved, empty, the ordinary way.
      await abandon(command);
      return () => neighbourhood.shed(call.session);
    }
    const isSame = acquired.loaded?.kind === 'same';
    const loaded = isSame ? { kind: 'whole' as const, data: memory!.data } : acquired.loaded!;
    let answer: WorkerAnswer;
    let sender: Sender | undefined;
    try {
      if (call.place) {
        const judged = await senders.judged(call.place, slot, acquired.marks!);
        if ('status' in judged) {
          await abandon(command);
          return takenBefore(slot, judged.status);
        }
        sender = judged;
      }
      answer = await call.worker.run(new Work(call, new StoredSession(store, slot, loaded, node)));
      checkAnswer(call, slot, answer);
    } catch (error) {
      // What the handler came to is the answer, also when the store does not take the lease back now.
      await abandon(command).catch(() => undefined);
      throw error;
    }
    const data = loaded.kind === 'whole' ? loaded.data : undefined;
    const marks = isSame ? memory!.marks : undefined;
    const served = await commit(call, { slot, data, marks, sender }, answer, command);
    if (!served) throw new Fault('LEASE_LOST');
    return served;
  }

  function takenBefore({ epoch, version }: Slot, status: number): Served {
    return { kind: 'answer', response: { status, headers: {}, body: Buffer.alloc(0) }, node, epoch, version, replayed: true };
  }

  function checkAnswer({ session }: Invocation, slot: Slot, { writes, effects }: WorkerAnswer): void {
    checkSizes(slot, writes);
    if (effects.length > 0) neighbourhood.mayOwe(session, effects.length);
  }

  /** Commits what the handler came to, under a lease or on a basis. Undefined: refused, and nothing was changed. */
  async function commit(call: Invocation, known: Known, answer: WorkerAnswer, right: Right): Promise<Served | undefined> {
    const { slot, data: former } = known;
    const { writes, effects, response, ttlMs, telemetry } = answer;
    const commitment: Commitment = { writes, former, effects: effects.length > 0 ? senders.sent(effects, slot) : effects };
    const taken = call.place && senders.taken(call.place, known.sender, known.marks, response.status);
    if (taken) commitment.marks = taken.changes;
    if (right.request) commitment.reply = storedReply(call, right.request, response);
    // A mark counts as a change: what is remembered elsewhere of the session is not the present any more.
    const dirty = writes.length > 0 || effects.length > 0 || taken !== undefined;
    const { leaseId, basis } = right;
    let released: ReleaseReply;
    try {
      released = await store.release({ verb: 'release', session: call.session, leaseId, basis, epoch: slot.epoch, dirty, ttlMs }, commitment);
    } catch (error) {
      life += 1;
      throw error;
    }
    if (released.kind === 'refused') return undefined;
    const { epoch, version } = released;
    if (taken) (known.marks ??= new RecentMarks(options.guards)).keep(call.place!, taken.mark);
    remember(known, answer, version, right.request?.id);
    if (effects.length > 0) neighbourhood.owes(call.session, effects.length);
    return { kind: 'answer', response, node, epoch, version, replayed: false, telemetry };
  }

  function storedReply(call: Invocation, { id, digest }: NonNullable<Acquire['request']>, response: FunctionResponse): StoredReply {
    const body = encodeResponse(response);
    const kept = body.length <= MAX_KEPT_RESPONSE_BYTES ? body : undefined;
    return { key: requestKey(call.function, id), digest, atMs: clock.now(), body: kept };
  }

  /** The session as it is after this commit, for the next request's short way. */
  function remember({ slot, data, requests, marks }: Known, { writes, ttlMs }: WorkerAnswer, version: number, requestId?: string): void {
    if (!data) return;
    // The first time the slot is the store's own; from then on it is this memory's.
    const mine = requests ? slot : { ...slot, lease: undefined };
    mine.version = version;
    mine.bytes += applyWrites(data, writes);
    mine.ttlMs = ttlMs ?? slot.ttlMs;
    const noted = requests ?? new RecentRequests();
    if (requestId !== undefined) noted.add(requestId);
    remembered.keep({ slot: mine, data, requests: noted, ...(marks && { marks }) });
  }

  async function abandon(command: Acquire): Promise<void> {
    await orNewLife(store.run({ verb: 'abandon', session: command.session, leaseId: command.leaseId }));
  }

  return { invoke, sendOff };
}

function checkSizes(slot: Slot, writes: Write[]): void {
  let bytes = slot.bytes;
  for (const write of writes) {
    if (write.op === 'delete') continue;
    // Also one value of a list: no frame of a move takes more.
    for (const { length } of write.op === 'set' ? [write.value] : write.values) {
      if (length > MAX_VALUE_BYTES) throw new Fault('VALUE_TOO_LARGE', { key: write.key, limit: MAX_VALUE_BYTES });
      bytes += length;
    }
  }
  if (bytes > MAX_SESSION_BYTES) throw new Fault('SESSION_TOO_LARGE', { limit: MAX_SESSION_BYTES });
}
