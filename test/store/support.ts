/** What the suites of the stores share: a clock they own, commands with defaults, and a store's data in comparable form. */
import type { Slot } from '../../runtime/model/record.js';
import type {
  Abandon, Abort, Acquire, Ask, Claim, Command, Commit, Copy, Depart, Departing, Drop, Expire, Gone, Learn, Paid, Release, Reserve, Wake,
} from '../../runtime/model/verbs.js';
import type { Commitment, Item, SessionStore, StoredReply, Write } from '../../runtime/store/store.js';

/** Name of the node whose store is under test. */
export const NODE = 'milan-001';
export const PARENT = 'milan';
export const ROOT = 'cloud';
export const START_MS = 1_700_000_000_000;
export const OWNER = { owner: NODE, boot: 'first-life' };
const BIRTH = { incarnation: 'incarnation-a', epoch: 0, ttlMs: 0, knownBy: [] as string[], owed: [] };

export class ManualClock {
  nowMs = START_MS;

  now(): number {
    return this.nowMs;
  }
}

export interface StoreUnderTest {
  store: SessionStore;
  clock: ManualClock;
  /** Closes the store and opens it again on the same data; missing where nothing outlives a close. */
  restart?: () => Promise<SessionStore>;
  /** Another node's store at the same place; missing where stores have no place to share. */
  beside?: (node: string) => Promise<SessionStore>;
  cleanup(): Promise<void>;
}

type Fields<C> = Partial<Omit<C, 'verb' | 'session'>>;

/** Commands about one session, with fields that fit a session born here unless told otherwise. */
export function commandsFor(session: string) {
  return {
    acquire: (fields: Fields<Acquire> = {}): Acquire =>
      ({ verb: 'acquire', session, function: 'cart', leaseId: 'lease-1', ...OWNER, leaseMs: 30_000, ...fields }),
    create: (fields: Fields<Acquire> = {}): Acquire =>
      ({ verb: 'acquire', session, function: 'cart', leaseId: 'lease-1', ...OWNER, leaseMs: 30_000, create: BIRTH, ...fields }),
    release: (fields: Fields<Release> = {}): Release =>
      ({ verb: 'release', session, leaseId: 'lease-1', epoch: 0, dirty: true, ...fields }),
    abandon: (leaseId = 'lease-1'): Abandon => ({ verb: 'abandon', session, leaseId }),
    reserve: (fields: Fields<Reserve> = {}): Reserve => ({
      verb: 'reserve', session, function: 'cart', home: PARENT, incarnation: 'incarnation-a', from: PARENT, epoch: 6,
      attempt: 'attempt-in', deadlineMs: START_MS + 30_000, course: 'offload', way: [], ...fields,
    }),
    departing: (attempt = 'attempt-in'): Departing => ({ verb: 'departing', session, attempt }),
    copy: (fields: Fields<Copy> = {}): Copy =>
      ({ verb: 'copy', session, attempt: 'attempt-out', epoch: 1, incarnation: 'incarnation-a', ...fields }),
    depart: (fields: Fields<Depart> = {}): Depart =>
      ({ verb: 'depart', session, to: PARENT, epoch: 1, attempt: 'attempt-out', incarnation: 'incarnation-a', ...fields }),
    commit: (fields: Fields<Commit> = {}): Commit => ({
      verb: 'commit', epoch: 6, attempt: 'attempt-in', owed: [], ...fields,
      passport: fields.passport ?? passport(session),
    }),
    learn: (fields: Fields<Learn> = {}): Learn => ({
      verb: 'learn', session, function: 'cart', home: NODE, current: PARENT, epoch: 1, incarnation: 'incarnation-a', ...fields,
    }),
    ask: (epoch: number, fields: Fields<Ask> = {}): Ask => ({ verb: 'ask', session, epoch, ...fields }),
    abort: (fields: Fields<Abort> = {}): Abort =>
      ({ verb: 'abort', session, epoch: 1, attempt: 'attempt-out', fence: { by: PARENT, epoch: 1 }, ...fields }),
    wake: (): Wake => ({ verb: 'wake', session }),
    drop: (attempt = 'attempt-in'): Drop => ({ verb: 'drop', session, attempt }),
    claim: (fields: Fields<Claim> = {}): Claim => ({
      verb: 'claim', session, function: 'cart', home: PARENT, epoch: 0, incarnation: 'incarnation-a', write: true, ...fields,
    }),
    paid: (to: string, kind: 'update' | 'claim' | 'gone', epoch: number): Paid =>
      ({ verb: 'paid', session, owed: { to, kind, epoch } }),
    expire: (fields: Fields<Expire> = {}): Expire => ({ verb: 'expire', session, forced: true, owed: [], keepMs: 60_000, ...fields }),
    gone: (fields: Fields<Gone> = {}): Gone => ({ verb: 'gone', session, epoch: 6, incarnation: 'incarnation-a', ...fields }),
  };
}

function passport(session: string): Commit['passport'] {
  return {
    session, function: 'cart', functions: ['cart', 'wishes'], home: PARENT, version: 7, incarnation: 'incarnation-a', knownBy: ['root'], ttlMs: 0,
    createdAtMs: START_MS - 5_000, lastAccessAtMs: START_MS - 1_000,
  };
}

/** Sends any command by the method that is made for it, with data that goes along with release and commit. */
export async function send(store: SessionStore, command: Command, data: { commitment?: Commitment; items?: Item[] } = {}) {
  switch (command.verb) {
    case 'acquire': return store.acquire(command);
    case 'release': return store.release(command, data.commitment ?? { writes: [] });
    case 'depart': return store.depart(command);
    case 'commit': return store.commit(command, data.items ?? []);
    default: return store.run(command);
  }
}

/** The protocol's part of an answer: what the step function says, without data. */
export function replyOf(answer: object): Record<string, unknown> {
  const { loaded: _, reply: __, items: ___, ...reply } = answer as Record<string, unknown>;
  return plain(reply);
}

/** Free of undefined fields, which a store need not tell from missing ones; sizes are compared apart. */
export function plain<T>(value: T): T {
  return value === undefined ? value : JSON.parse(JSON.stringify(value, (key, field) => (key === 'bytes' ? undefined : field))) as T;
}

export const bytes = (text: string): Buffer => Buffer.from(text, 'utf8');
export const set = (key: string, value: string | Buffer): Write => ({ op: 'set', key, value: Buffer.isBuffer(value) ? value : bytes(value) });
export const append = (key: string, ...values: string[]): Write => ({ op: 'append', key, values: values.map(bytes) });
export const setList = (key: string, ...values: string[]): Write => ({ op: 'setList', key, values: values.map(bytes) });
export const remove = (key: string): Write => ({ op: 'delete', key });
export const answered = (id: string, atMs: number, body?: string): StoredReply =>
  ({ key: `cart\n${id}`, digest: `digest of ${id}`, atMs, ...(body === undefined ? {} : { body: bytes(body) }) });

/** Data as text, in the order of keys. */
export function shown(data: Iterable<[string, Buffer | Buffer[]]>): [string, string | string[]][] {
  return [...data].map(([key, value]): [string, string | string[]] =>
    [key, Array.isArray(value) ? value.map((each) => each.toString('latin1')) : value.toString('latin1')])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** All data of a session, be it small or large. */
export async function dataOf(store: SessionStore, session: string): Promise<[string, Buffer | Buffer[]][]> {
  const { keys } = await store.readKeys(session);
  const found = await Promise.all(keys.map(async (key) => [key, (await store.readKey(session, key)).value!] as [string, Buffer | Buffer[]]));
  return found.sort(([a], [b]) => (a < b ? -1 : 1));
}

export function sizeOf(data: [string, Buffer | Buffer[]][]): number {
  const content = (value: Buffer | Buffer[]) => (Array.isArray(value) ? value.reduce((sum, each) => sum + each.length, 0) : value.length);
  return data.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + content(value), 0);
}

/** Items in comparable form, their order kept. */
export function shownItems(items: Item[] | undefined): unknown[] {
  return (items ?? []).map((item) => JSON.parse(JSON.stringify(item, (_, field) => (isBuffer(field) ? Buffer.from(field.data).toString('latin1') : field))));
}

function isBuffer(field: unknown): field is { type: 'Buffer'; data: number[] } {
  return typeof field === 'object' && field !== null && (field as { type?: unknown }).type === 'Buffer';
}

/** A session born here, with these writes committed, nobody holding it. */
export async function born(store: SessionStore, session: string, commitment: Commitment = { writes: [] }): Promise<Slot> {
  const commands = commandsFor(session);
  await store.acquire(commands.create());
  await store.release(commands.release(), commitment);
  return (await store.slot(session))!;
}

