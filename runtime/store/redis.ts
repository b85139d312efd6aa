/**
 * The session store on Redis (7.0 or newer) or Valkey: each verb is one script (lua/), run by its
 * hash; a stateful call costs `acquire` and `release`. docs/store.md has every key.
 */
import { Fault } from '../model/faults.js';
import { MAX_PAGE } from '../model/limits.js';
import type { Slot } from '../model/record.js';
import { sessionOf } from '../model/step/step.js';
import type { Acquire, Command, Commit, CommitReply, Depart, DepartReply, Release, ReleaseReply, Replies } from '../model/verbs.js';
import { Batch } from './redis/batch.js';
import { RedisConnection, type Argument, type ConnectionOptions } from './redis/connection.js';
import { KEYS_AT_ONCE } from './redis/scripts.js';
import { parseStoreUrl } from './redis/url.js';
import {
  byBytes, Changes, copyOfReply, decodeData, decodeItem, decodeName, decodeWhole, inOrder, letterOf, type FoundItem, type FoundName,
} from './redis/wire.js';
import {
  requestKey, type Acquired, type AcquireOptions, type Commitment, type Effect, type Item, type ItemName, type Loaded, type Page,
  type SessionStore, type Snapshot,
} from './store.js';

type Refusal = (ReleaseReply & { kind: 'refused' })['reason'];

export interface RedisStoreOptions {
  /** Name of the node whose store this is; its keys begin with it, so that nodes may share a Redis. */
  node: string;
  /** The time a command is judged by, in ms since the epoch. */
  clock: { now(): number };
  /** `redis://[user:password@]host[:port][/db]` or `unix:///path`. */
  url: string;
  /** From a secret file; wins over one in the URL. */
  password?: string;
  onEvent?: ConnectionOptions['onEvent'];
  greetMs?: ConnectionOptions['greetMs'];
  looking?: ConnectionOptions['looking'];
}

/**
 * Connects and answers once the store can be used.
 * @throws Fault PARAMETER_INVALID (the URL), STORE_UNAVAILABLE (nobody there) or STORE_UNSUITABLE (not a Redis that will do).
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<RedisStore> {
  const { node, url, password, onEvent, greetMs, looking } = options;
  const connection = new RedisConnection({ node, place: parseStoreUrl(url), password, onEvent, greetMs, looking });
  await connection.open();
  return new RedisStore(connection, options);
}

export class RedisStore implements SessionStore {
  readonly kind = 'redis';
  readonly #prefix: string;
  readonly #acquires: Batch;
  readonly #releases: Batch;

  constructor(private readonly connection: RedisConnection, private readonly options: Pick<RedisStoreOptions, 'node' | 'clock'>) {
    this.#prefix = `${options.node}/`;
    this.#acquires = new Batch(() => this.#here(), (args) => connection.run('acquire', args));
    this.#releases = new Batch(() => this.#here(), (args) => connection.run('release', args));
  }

  async acquire(command: Acquire, { known, lanes }: AcquireOptions = {}): Promise<Acquired> {
    const { session, function: name, leaseId, owner, boot, leaseMs, request, redirected, revive, create } = command;
    const lease = { id: leaseId, owner, boot, untilMs: this.options.clock.now() + leaseMs };
    const key = request ? requestKey(name, request.id) : '';
    return this.#acquires.call((args) => args.push(
      session, name, JSON.stringify(name), JSON.stringify(lease),
      known ? String(known.version) : '', known ? String(known.epoch) : '', known?.incarnation ?? '',
      key, request?.digest ?? '', redirected ? `=${redirected.home}` : '', revive ? '1' : '',
      create ? JSON.stringify({ ...create, knownBy: JSON.stringify(create.knownBy), owed: JSON.stringify(create.owed) }) : '',
      lanes ? JSON.stringify(lanes) : '',
    ), ([text, more, cells, chunks, marks]: [Buffer, Buffer?, Buffer[]?, Buffer[]?, [number, ...(Buffer | null)[]]?]) => {
      const reply = decodeJson<Acquired>(text);
      if (reply.kind === 'granted') reply.loaded = loadedOf(more!, cells ?? undefined, chunks ?? undefined);
      if (reply.kind === 'granted' && lanes) reply.marks = marksOf(lanes, marks);
      if (reply.kind === 'replay') reply.reply = copyOfReply(key, more!);
      return reply;
    });
  }

  release({ session, leaseId, epoch, dirty, ttlMs, basis }: Release, commitment: Commitment): Promise<ReleaseReply> {
    return this.#releases.call((args) => {
      args.push(
        session, `{"id":${JSON.stringify(leaseId)},`, String(epoch), dirty ? '1' : '0', ttlMs === undefined ? '' : String(ttlMs),
        basis ? String(basis.version) : '', basis ? basis.incarnation : '', commitment.reply ? commitment.reply.key : '',
      );
      new Changes(args).commitment(commitment);
    }, (answer: number | Buffer): ReleaseReply => {
      if (typeof answer === 'number') return { kind: 'committed', version: answer, epoch };
      return { kind: 'refused', reason: answer.toString() as Refusal };
    });
  }

  async depart(command: Depart): Promise<DepartReply & { items?: Item[] }> {
    const [text, found] = await this.#verb('depart', command) as [Buffer, FoundItem[]?];
    const reply = decodeJson<DepartReply>(text);
    return found ? { ...reply, items: inOrder(found).flatMap(decodeItem) } : reply;
  }

  async commit(command: Commit, items: Item[]): Promise<CommitReply> {
    const { passport: { functions, knownBy, ...passport }, owed, ...rest } = command;
    const changes = new Changes();
    for (const item of items) changes.item(item);
    const lists = [functions, knownBy, owed].map((list) => JSON.stringify(list));
    const args = [...this.#about(passport.session), JSON.stringify({ ...rest, passport }), ...lists, ...changes.args];
    return decodeJson(await this.connection.run('commit', args) as Buffer);
  }

  async run<C extends Exclude<Command, Acquire | Release | Depart | Commit>>(command: C): Promise<Replies[C['verb']]> {
    return decodeJson(await this.#verb(command.verb, command) as Buffer);
  }

  async read(session: string): Promise<Snapshot | undefined> {
    const [text, kind, cells, chunks] = await this.connection.run('read', this.#about(session)) as [Buffer?, Buffer?, Buffer[]?, Buffer[]?];
    return text && { slot: decodeJson(text), loaded: loadedOf(kind!, cells, chunks) };
  }

  async readKey(session: string, key: string): Promise<{ version: number; epoch: number; value: Buffer | Buffer[] | undefined }> {
    const [version, epoch, cell] = await this.connection.run('read-key', [...this.#about(session), key]) as [Buffer, Buffer, Buffer[] | null];
    return { version: Number(version), epoch: Number(epoch), value: decodeWhole(cell) };
  }

  async readKeys(session: string): Promise<{ version: number; epoch: number; keys: string[] }> {
    const [version, epoch, keys] = await this.connection.run('read-keys', this.#about(session)) as [Buffer, Buffer, Buffer[]];
    return { version: Number(version), epoch: Number(epoch), keys: byBytes(keys, (key) => key).map(String) };
  }

  async inventory(session: string): Promise<ItemName[]> {
    const [found = [], keys = []] = await this.connection.run('inventory', this.#about(session)) as [FoundName[]?, Buffer[]?];
    const sized: FoundName[] = [];
    for (let from = 0; from < keys.length; from += KEYS_AT_ONCE) {
      sized.push(...await this.connection.run('sizes', [...this.#about(session), ...keys.slice(from, from + KEYS_AT_ONCE)]) as FoundName[]);
    }
    return inOrder([...sized, ...found]).map(decodeName);
  }

  async drain(session: string, attempt: string): Promise<ItemName[] | undefined> {
    const [isOurs, found] = await this.connection.run('drain', [...this.#about(session), attempt]) as [number, FoundName[]?];
    return isOurs === 1 ? found!.map(decodeName) : undefined;
  }

  async items(session: string, names: ItemName[]): Promise<Item[]> {
    const args = names.flatMap((item) => [letterOf(item), item.name]);
    const [isHere, found] = await this.connection.run('items', [...this.#about(session), ...args]) as [number, FoundItem[]?];
    if (isHere !== 1) throw new Fault('MOVE_REFUSED', { reason: 'the session is no longer here' });
    return found!.flatMap(decodeItem);
  }

  async stage(session: string, attempt: string, items: Item[]): Promise<void> {
    const changes = new Changes();
    for (const item of items) changes.item(item);
    const isStaged = await this.connection.run('stage', [...this.#about(session), attempt, ...changes.args]) as number;
    if (isStaged !== 1) throw new Fault('MOVE_REFUSED', { reason: 'its reservation has ended' });
  }

  async effects(session: string, limit: number): Promise<Effect[]> {
    const [ids = [], bodies = []] = await this.connection.run('effects', [...this.#about(session), String(Math.min(limit, MAX_PAGE))]) as [Buffer[]?, Buffer[]?];
    return ids.map((id, index) => ({ id: id.toString(), body: Buffer.from(bodies[index]!) }));
  }

  async effectDone(session: string, id: string): Promise<boolean> {
    return await this.connection.run('effect-done', [...this.#about(session), 'x', id]) === 1;
  }

  async marks(session: string): Promise<[lane: string, row: Buffer][]> {
    const flat = await this.connection.run('marks', this.#about(session)) as Buffer[];
    const found = Array.from({ length: flat.length / 2 }, (_, i): [Buffer, Buffer] => [flat[2 * i]!, Buffer.from(flat[2 * i + 1]!)]);
    return found.sort(([a], [b]) => Buffer.compare(a, b)).map(([lane, row]) => [lane.toString(), row]);
  }

  async slot(session: string): Promise<Slot | undefined> {
    const text = await this.connection.run('slot-of', this.#about(session)) as Buffer | null;
    return text ? decodeJson(text) : undefined;
  }

  async page(after: string | undefined, limit: number): Promise<Page> {
    const size = Math.max(1, Math.min(limit, MAX_PAGE));
    const from = after === undefined ? '-' : `(${after}`;
    const found = (await this.connection.run('page', [...this.#here(), from, String(size + 1)]) as Buffer[]).map((text) => decodeJson<Slot>(text));
    const named = found.slice(0, size);
    // A server that throws data away to make room may have left an id without its slot.
    const slots = named.filter(({ state }) => state !== undefined);
    return found.length > size ? { slots, next: named.at(-1)!.session } : { slots };
  }

  async unfinished(): Promise<string[]> {
    return (await this.connection.command(['SMEMBERS', `${this.#prefix}unfinished`]) as Buffer[]).map(String);
  }

  async weight(session: string): Promise<number> {
    return await this.connection.run('weight', this.#about(session)) as number;
  }

  async ping(): Promise<void> {
    await this.connection.command(['PING']);
  }

  async close(): Promise<void> {
    this.connection.close();
  }

  #verb(name: string, command: Command): Promise<unknown> {
    return this.connection.run(name, [...this.#about(sessionOf(command)), JSON.stringify(command)]);
  }

  #about(session: string): Argument[] {
    return [...this.#here(), session];
  }

  #here(): Argument[] {
    return [this.#prefix, this.options.node, String(this.options.clock.now())];
  }
}

function decodeJson<T>(text: Buffer): T {
  return JSON.parse(text.toString('utf8')) as T;
}

function marksOf(lanes: string[], [count, ...rows]: [number, ...(Buffer | null)[]] = [0]): NonNullable<Acquired['marks']> {
  return { rows: lanes.map((_, index) => (rows[index] ? Buffer.from(rows[index]) : undefined)), count };
}

function loadedOf(kind: Buffer, cells?: Buffer[], chunks?: Buffer[]): Loaded {
  switch (kind.toString()) {
    case 'same': return { kind: 'same' };
    case 'large': return { kind: 'large' };
    default: return { kind: 'whole', data: decodeData(cells!, chunks) };
  }
}
