/** Clients, movers and misfortunes of a simulation: each does its actions one after the other, not before their time. */
import { Fault } from '../../runtime/model/faults.js';
import { History } from '../linearizability/history.js';
import type { ListInput } from '../linearizability/models.js';
import type { Sighting } from '../linearizability/versions.js';
import { namesOf } from '../domain/trees.js';
import { type InvokeExtra, listWorker, type Luck, type World } from '../domain/world.js';
import { TTL_MS, type Action, type Deed, type Plan } from './plan.js';
import type { Tally } from './report.js';

type Of<K extends Deed['kind']> = Extract<Deed, { kind: K }>;
type Move = Extract<Deed, { kind: 'up' | 'down' | 'migrate' }>;

/** Tries of a client that does not give up: more than the longest fault lasts, for a session may have to wait for a node that is down. */
const RETRIES = 2_000;
const BETWEEN_TRIES_MS = 30;
const BETWEEN_STARTS_MS = 500;
/** A client gives a try up when nothing has come by then. */
const CLIENT_TIMEOUT_MS = 15_000;
const MOST_REDIRECTS_SEEN = 8;

/** Every list tells the ledgers above it of each item. */
const telling = listWorker('offloadable', (outbox, item, session) => outbox.propagate(`${session}:${item}`, '*', 'ledger'));

export interface Stage {
  plan: Plan;
  world: World;
  tally: Tally;
  violate(what: string): void;
  /** Of what a client sends to a node. */
  luck(node: string): Luck;
}

export class Actors {
  /** What clients did and were told, for the checker. */
  readonly history = new History<ListInput, readonly string[]>();
  readonly sightings: Sighting[] = [];
  /** Items by session: everything sent, and everything acknowledged. */
  readonly sent = new Map<string, string[]>();
  readonly acknowledged = new Map<string, string[]>();
  readonly #names: string[];
  /** Version that each client has seen. */
  readonly #versions = new Map<string, number>();
  readonly #startMs: number;
  readonly #tries: number;

  constructor(private readonly stage: Stage) {
    this.#names = namesOf(stage.plan.tree);
    this.#startMs = stage.world.clock.now();
    this.#tries = stage.plan.tries ?? RETRIES;
    for (const session of stage.plan.sessions) {
      this.sent.set(session, []);
      this.acknowledged.set(session, []);
    }
  }

  /** One actor's actions in order. */
  async play(actions: readonly Action[]): Promise<void> {
    const { world, tally } = this.stage;
    for (const action of actions) {
      const waitMs = this.#startMs + action.atMs - world.clock.now();
      if (waitMs > 0) await this.#wait(waitMs);
      tally.begun += 1;
      await this.#do(action);
    }
  }

  #do(action: Action): Promise<void> {
    switch (action.kind) {
      case 'add': return this.#add(action);
      case 'look': return this.#look(action);
      case 'read': return this.#read(action);
      case 'up': case 'down': case 'migrate': return this.#move(action);
      case 'crash': return this.#crash(action);
      case 'pause': return this.#during(action.forMs, () => this.stage.world.processes.pause(action.node), () => this.stage.world.processes.resume(action.node));
      case 'store-down': return this.#during(action.forMs, () => this.stage.tally.storesDown.add(action.node), () => this.stage.tally.storesDown.delete(action.node));
      case 'clock': return this.#step(action);
      case 'cut': return this.#cut(action);
      case 'flip': return this.#flip(action);
      case 'sweep': return this.sweep();
    }
  }

  // ── Clients ──────────────────────────────────────────────────────────────────────────────────

  /** Creates the session at a node, before anything goes wrong. */
  async bear(session: string, at: string): Promise<void> {
    await this.#add({ kind: 'add', session, at, actor: 'birth', id: -1 - this.stage.plan.sessions.indexOf(session) });
  }

  async #add({ session, at, actor, id, impatient }: Of<'add'> & Pick<Action, 'actor' | 'id'>): Promise<void> {
    const { world, tally } = this.stage;
    const item = `i${id}`;
    const requestId = world.uuid();
    this.sent.get(session)!.push(item);
    const told = await this.#tracked(session, actor, { append: item }, impatient ? 1 : this.#tries, requestId, () => this.reach(at, session, item, { requestId }, actor));
    if (!told) return;
    tally.acknowledged += 1;
    this.acknowledged.get(session)!.push(item);
  }

  async #look({ session, at, actor }: Of<'look'> & Pick<Action, 'actor'>): Promise<void> {
    await this.#tracked(session, actor, 'read', this.#tries, undefined, () => this.reach(at, session, '', {}, actor));
  }

  async #read({ session, at, actor }: Of<'read'> & Pick<Action, 'actor'>): Promise<void> {
    const minVersion = this.#versions.get(`${actor}/${session}`) ?? 1;
    const answer = await this.#persist(this.#tries, () => this.reach(at, session, '', { kind: 'read-only' }, actor));
    if (!answer) return;
    this.stage.tally.reads += 1;
    if (answer.version < minVersion) this.stage.violate(`stale read: ${actor} sent version ${minVersion} of ${session} and got ${answer.version}`);
  }

  /** Writes down each try; one that is not answered may have happened. */
  async #tracked(session: string, actor: string, input: ListInput, tries: number, requestId: string | undefined, work: () => Promise<{ items: string[] }>) {
    return this.#persist(tries, async () => {
      const asked = this.history.invoke(session, actor, input, requestId);
      const answer = await work();
      asked.answer(answer.items);
      return answer;
    });
  }

  async reach(at: string, session: string, item: string, extra: InvokeExtra, client: string): Promise<{ items: string[]; version: number; redirects: number }> {
    const { world, plan, tally } = this.stage;
    const ttlMs = plan.shortLived.includes(session) ? TTL_MS : 0;
    // Whoever says what it has seen never begins a second life of the id behind a cut path.
    const minVersion = ttlMs > 0 || client === 'birth' ? undefined : this.#versions.get(`${client}/${session}`) ?? 1;
    let [target, home, redirects] = [at, undefined as string | undefined, 0];
    for (;;) {
      const call = { ...(extra.kind !== 'read-only' && { worker: telling }), minVersion, ...extra, ttlMs, redirectedHome: home, hops: redirects };
      const served = await this.#alive(target, () => this.#sent(target, () => world.invoke(target, session, item, call)));
      tally.maxRedirects = Math.max(tally.maxRedirects, redirects);
      if (served.kind === 'answer') {
        const items = JSON.parse(served.response.body.toString()) as string[];
        if (!served.replayed && ttlMs === 0) this.#saw(session, client, served.version, items);
        return { items, version: served.version, redirects };
      }
      [target, home, redirects] = [served.to, served.home, redirects + 1];
      if (redirects > MOST_REDIRECTS_SEEN) throw new Fault('MOVING');
    }
  }

  /** What a client says may be lost or come twice, and so may its answer be lost. */
  async #sent<T>(to: string, work: () => Promise<T>): Promise<T> {
    const luck = this.stage.luck(to);
    const broken = () => new Fault('PEER_UNREACHABLE', { node: to, reason: 'the connection broke' });
    if (luck === 'lost') throw broken();
    if (luck === 'twice') void work().catch(() => undefined);
    const answer = await work();
    if (luck === 'answer-lost') throw broken();
    return answer;
  }

  #saw(session: string, client: string, version: number, items: string[]): void {
    const name = `${client}/${session}`;
    this.#versions.set(name, Math.max(version, this.#versions.get(name) ?? 1));
    this.sightings.push({ session, client, version, content: JSON.stringify(items) });
  }

  /** A call to a node that crashes meanwhile ends as a broken connection, one that takes too long is given up. */
  async #alive<T>(name: string, work: () => Promise<T>, timeoutMs = CLIENT_TIMEOUT_MS): Promise<T> {
    const { world } = this.stage;
    const gone = (reason: string) => () => Promise.reject(new Fault('PEER_UNREACHABLE', { node: name, reason }));
    let timer: unknown;
    const late = new Promise<void>((resolve) => void (timer = world.clock.setTimeout(resolve, timeoutMs)));
    try {
      return await Promise.race([work(), world.ended(name).then(gone('the connection broke')), late.then(gone('no answer'))]);
    } finally {
      world.clock.clearTimeout(timer);
    }
  }

  async #persist<T>(tries: number, work: () => Promise<T>): Promise<T | undefined> {
    let last = '';
    for (let tried = 0; tried < tries; tried += 1) {
      try {
        return await work();
      } catch (error) {
        last = (error as Error).message;
        if (!(error instanceof Fault) || !(error.retryable || error.code === 'PEER_UNREACHABLE')) {
          this.stage.violate(`client fault: somebody saw ${error instanceof Fault ? error.code : String((error as Error).stack)}`);
          return undefined;
        }
      }
      await this.#wait(BETWEEN_TRIES_MS);
    }
    if (tries > 1) this.stage.violate(`never served: a request was not answered in ${tries} tries, at last: ${last}`);
    return undefined;
  }

  /** As a patient client after the storm. */
  patiently<T>(work: () => Promise<T>): Promise<T | undefined> {
    return this.#persist(this.#tries, work);
  }

  // ── Movers ───────────────────────────────────────────────────────────────────────────────────

  async #move(action: Move): Promise<void> {
    const { world, tally } = this.stage;
    const { holder, home } = await this.#placeOf(action.session);
    // Mostly what can succeed: nothing goes up from the root, nor down from its home.
    const isUp = action.kind === 'up' ? holder !== this.#names[0] : holder === home;
    const at = action.at ?? (isUp ? holder : home);
    const order = (): Promise<unknown> => {
      if (action.kind === 'migrate') return world.node(at).offload.migrate(action.session, action.to, action.rehome);
      return Promise.resolve(world.command(at, isUp ? 'force-offload' : 'force-onload', `session=${action.session}`));
    };
    await this.#alive(at, order).then(
      () => (tally.moves += 1),
      (error: unknown) => {
        tally.refusedMoves += 1;
        if (!(error instanceof Fault)) this.stage.violate(`move fault: a move failed with ${String((error as Error).stack)}`);
      },
    );
  }

  async #placeOf(session: string): Promise<{ holder: string; home: string }> {
    for (const name of this.#names) {
      const slot = await this.stage.world.slotAt(name, session);
      if (slot?.state === 'resident') return { holder: name, home: slot.home };
    }
    return { holder: this.#names[0]!, home: this.#names[0]! };
  }

  // ── Misfortunes ──────────────────────────────────────────────────────────────────────────────

  async #crash({ node, forMs }: Of<'crash'>): Promise<void> {
    const { world, tally } = this.stage;
    tally.crashes += 1;
    world.crash(node);
    world.processes.resume(node);
    await this.#wait(forMs);
    // A node whose store does not answer while it takes up what it had begun does not start: whoever supervises it tries again.
    while (!(await this.#hasResumed(node))) {
      world.crash(node);
      await this.#wait(BETWEEN_STARTS_MS);
    }
  }

  #hasResumed(node: string): Promise<boolean> {
    const { offload } = this.stage.world.start(node);
    return this.#alive(node, () => offload.resume()).then(() => true, () => false);
  }

  async #during(forMs: number, begin: () => unknown, end: () => unknown): Promise<void> {
    this.stage.tally.misfortunes += 1;
    begin();
    await this.#wait(forMs);
    end();
  }

  async #step({ node, byMs }: Of<'clock'>): Promise<void> {
    this.stage.tally.misfortunes += 1;
    this.stage.world.clockOffsets.set(node, byMs);
  }

  #cut({ node, to, forMs }: Of<'cut'>): Promise<void> {
    const { cuts } = this.stage.tally;
    return this.#during(forMs, () => cuts.set(`${node}>${to}`, (cuts.get(`${node}>${to}`) ?? 0) + 1), () => {
      const left = (cuts.get(`${node}>${to}`) ?? 1) - 1;
      if (left > 0) cuts.set(`${node}>${to}`, left);
      else cuts.delete(`${node}>${to}`);
    });
  }

  async #flip({ node, status }: Of<'flip'>): Promise<void> {
    this.stage.tally.flips += 1;
    await this.#alive(node, () => Promise.resolve(this.stage.world.command(node, 'set-offload-status', `status=${status}`))).catch(() => undefined);
  }

  async sweep(): Promise<void> {
    const { world } = this.stage;
    for (const name of this.#names) await this.#alive(name, () => world.node(name).offload.sweep()).catch(() => undefined);
  }

  #wait(ms: number): Promise<void> {
    return new Promise<void>((resolve) => void this.stage.world.clock.setTimeout(resolve, ms));
  }
}
