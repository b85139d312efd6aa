/**
 * This node's data at another node. Registered first, so that whatever comes from then on goes over too, deletions in
 * their place; then the history is filled in, which may be done again at any time, because a point that comes twice is
 * one point. When the replica was away, deletions that it missed go first, and the history is filled in once more.
 */
import type { Log } from '../base/log.js';
import { Fault } from '../model/faults.js';
import { MAX_REPLICA_QUEUE_POINTS, REPLICATE_BYTES, REPLICATE_POINTS } from '../model/limits.js';
import type { SeriesValues } from './answers.js';
import { NameFilter } from './names.js';
import type { StoredBatch } from './points.js';
import type { KeyedPoint } from './read-put.js';
import type { Range } from './read-query.js';
import type { PointsRecord } from './records.js';
import { type DeletedSeries, type KeyedKind, type KeyedMessage, packMessage, type SeriesFacts } from './replica-message.js';
import type { Series } from './series.js';
import type { KeyedChange, Storage } from './storage.js';

/** A deletion that a replica has not confirmed. */
export type Debt = { deleted: DeletedSeries } | { keyed: KeyedMessage };

export interface LinkParts {
  node: string;
  replica: string;
  storage: Storage;
  now(): number;
  /** @returns the replica's life: another one may have lost what was not on its disk */
  send(message: Buffer): Promise<string>;
  /** Tells the head how far it is. */
  report(state: 'registered' | 'live'): Promise<void>;
  /** Kept over a restart. */
  debts: Debt[];
  keepDebts(): void;
  log: Log;
}

type Change = { batch: StoredBatch } | Debt | { keyed: KeyedMessage };

/** Series, or keys, whose history is read together. */
const AT_ONCE = 500;
const ALL: Range = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER - 1 };
/** What a value under a key takes of a message beside its texts. */
const ROW_BYTES = 60;

export class Link {
  state: 'behind' | 'filling' | 'live' = 'behind';
  #queue: Change[] = [];
  #queued = 0;
  #sending: Promise<void> | undefined;
  #catchingUp: Promise<void> | undefined;
  #ended = false;
  #boot: string | undefined;
  #reported: 'registered' | 'live' | undefined;
  /** What was written while a part of the history is being read: what was read of it is old. */
  #touched: Set<string> | undefined;
  #deletions = 0;

  constructor(private readonly parts: LinkParts) {}

  end(): void {
    this.#ended = true;
  }

  stored(batch: StoredBatch): void {
    if (this.state === 'behind') return;
    if (this.#touched) batch.ids.forEach((id, at) => this.#touched!.add(`${id}/${batch.times[at]}`));
    this.#push({ batch });
  }

  deleted(series: readonly Series[], range: Range | undefined): void {
    this.#owe({ deleted: { series: series.map(({ entityID, metricID }) => [entityID, metricID]), ...(range && { range }) } });
  }

  keyed(kind: KeyedKind, change: KeyedChange): void {
    if ('gone' in change) return this.#owe({ keyed: { kind, ...change } });
    if (this.state === 'behind') return;
    if (this.#touched) for (const { key, timestamp } of change.put) this.#touched.add(`${kind}/${timestamp}/${key}`);
    for (const put of inParts(change.put)) this.#push({ keyed: { kind, put } });
  }

  /** Brings the replica up to date, if it is not; looks whether it still has what it had, if it is. */
  async check(): Promise<void> {
    if (this.#ended) return;
    // A round that has failed comes to its end before the next begins: they would take each other's notes.
    if (this.#catchingUp) return;
    if (this.state === 'behind') await (this.#catchingUp = this.#catchUp().finally(() => { this.#catchingUp = undefined; }));
    else if (this.state === 'live' && !this.#sending) await this.#send(packMessage({ owner: this.parts.node, series: [] })).catch((error: unknown) => this.#fallBehind((error as Error).message));
    await this.#report();
  }

  async #catchUp(): Promise<void> {
    this.state = 'filling';
    try {
      await this.#settled();
      await this.#payDebts();
      await this.#fill();
      if (this.#isFilling()) this.state = 'live';
    } catch (error) {
      this.#fallBehind((error as Error).message);
    }
  }

  /** As long as the head does not listen it is told again with the next look. */
  async #report(): Promise<void> {
    const state = this.state === 'live' ? 'live' : 'registered';
    // While it is only being filled in again it goes on standing in with what it has.
    if (this.#reported === state || this.state === 'filling' || this.#ended) return;
    await this.parts.report(state).then(() => { this.#reported = state; }, () => undefined);
  }

  #isFilling(): boolean {
    return this.state === 'filling' && !this.#ended;
  }

  #fallBehind(reason: string): void {
    this.state = 'behind';
    this.#queue = [];
    this.#queued = 0;
    this.parts.log.info({ replica: this.parts.replica, reason }, 'a replica has to be brought up to date');
  }

  // ── What comes now ───────────────────────────────────────────────────────────────────────────

  /** It has to get there, whatever happens until then; when the replica is being kept up to date, in its place. */
  #owe(debt: Debt): void {
    this.parts.debts.push(debt);
    this.parts.keepDebts();
    this.#deletions += 1;
    if (this.state !== 'behind') this.#push(debt);
  }

  #push(change: Change): void {
    this.#queue.push(change);
    this.#queued += sizeOf(change);
    if (this.#queued > MAX_REPLICA_QUEUE_POINTS) this.#fallBehind('it takes points more slowly than they come');
    else this.#kick();
  }

  #kick(): void {
    this.#sending ??= this.#drain().finally(() => { this.#sending = undefined; });
    this.#sending.catch(() => undefined);
  }

  async #settled(): Promise<void> {
    while (this.#sending) await this.#sending;
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      const [first] = this.#queue;
      try {
        if ('batch' in first!) await this.#send(this.#pointsMessage(this.#takeBatches()));
        else {
          this.#queue.shift();
          this.#queued -= sizeOf(first!);
          await this.#send(packMessage({ owner: this.parts.node, series: [], ...first! }));
          this.#paid(first as Debt);
        }
      } catch (error) {
        this.#fallBehind((error as Error).message);
        return;
      }
    }
  }

  #takeBatches(): StoredBatch[] {
    const taken: StoredBatch[] = [];
    for (let count = 0; count < REPLICATE_POINTS; count += taken.at(-1)!.ids.length) {
      const [next] = this.#queue;
      if (!next || !('batch' in next)) break;
      this.#queue.shift();
      this.#queued -= sizeOf(next);
      taken.push(next.batch);
    }
    return taken;
  }

  async #send(message: Buffer): Promise<void> {
    const boot = await this.parts.send(message);
    const before = this.#boot;
    this.#boot = boot;
    if (before !== undefined && before !== boot) throw new Error('it was started anew, and may have lost something');
  }

  #pointsMessage(batches: readonly StoredBatch[]): Buffer {
    const { node, storage, now } = this.parts;
    const count = batches.reduce((sum, { ids }) => sum + ids.length, 0);
    const points: PointsRecord = { kind: 1, storedMs: now(), ids: new Uint32Array(count), times: new Float64Array(count), values: new Float64Array(count) };
    const known = new Map<number, SeriesFacts>();
    let at = 0;
    for (const { ids, times, values, learnt } of batches) {
      points.ids.set(ids, at);
      points.times.set(times, at);
      points.values.set(values, at);
      at += ids.length;
      for (const id of [...new Set(ids), ...learnt.map((each) => each.id)]) {
        const series = storage.points.byId.get(id);
        if (series && !known.has(id)) known.set(id, { id, entityID: series.entityID, metricID: series.metricID, meta: series.meta });
      }
    }
    return packMessage({ owner: node, series: [...known.values()], points });
  }

  // ── What was there before ────────────────────────────────────────────────────────────────────

  async #payDebts(): Promise<void> {
    for (const debt of this.parts.debts.slice()) {
      await this.#send(packMessage({ owner: this.parts.node, series: [], ...debt }));
      this.#paid(debt);
    }
  }

  #paid(debt: Debt): void {
    const { debts, keepDebts } = this.parts;
    const at = debts.indexOf(debt);
    if (at < 0) return;
    debts.splice(at, 1);
    keepDebts();
  }

  async #fill(): Promise<void> {
    const { storage } = this.parts;
    const own = [...storage.points.own.all()];
    for (let at = 0; at < own.length && this.#isFilling(); at += AT_ONCE) await this.#fillGroup(own.slice(at, at + AT_ONCE));
    for (const kind of ['analytics', 'app'] as const) {
      const keys = storage[kind].keys(undefined);
      for (let at = 0; at < keys.length && this.#isFilling(); at += AT_ONCE) await this.#fillKeys(kind, keys.slice(at, at + AT_ONCE), ALL);
    }
  }

  async #fillGroup(group: readonly Series[]): Promise<void> {
    try {
      await this.#fillWith(() => this.parts.storage.range(group, ALL));
    } catch (error) {
      if (!isTooLarge(error)) throw error;
      for (const series of group) await this.#fillSeries(series);
    }
  }

  /** A long series goes over in parts. */
  async #fillSeries(series: Series): Promise<void> {
    for (let fromMs = 0; this.#isFilling();) {
      const [part] = await this.#fillWith(() => this.parts.storage.rangePart(series, { ...ALL, fromMs }, REPLICATE_POINTS));
      if (!part || part.pairs.length < REPLICATE_POINTS * 2) return;
      fromMs = part.pairs.at(-2)! + 1;
    }
  }

  #fillWith(read: () => Promise<SeriesValues[]>): Promise<SeriesValues[]> {
    return this.#before(read, (found, touched) => found.map(({ series, pairs }) => ({ batch: batchOf(series, pairs, touched) })));
  }

  /** Of too many values at once the two halves of the time. */
  async #fillKeys(kind: KeyedKind, keys: readonly string[], { fromMs, toMs }: Range): Promise<void> {
    try {
      await this.#before(() => this.parts.storage.keyed(kind, { keys: NameFilter.of(keys), range: { fromMs, toMs } }), (found, touched) => {
        const rows = found.flatMap(({ key, values }) => values.map((value) => ({ key, ...value }))).filter(({ key, timestamp }) => !touched.has(`${kind}/${timestamp}/${key}`));
        return inParts(rows).map((put) => ({ keyed: { kind, put } }));
      });
    } catch (error) {
      if (!isTooLarge(error) || fromMs === toMs) throw error;
      const middleMs = Math.floor((fromMs + toMs) / 2);
      await this.#fillKeys(kind, keys, { fromMs, toMs: middleMs });
      await this.#fillKeys(kind, keys, { fromMs: middleMs + 1, toMs });
    }
  }

  /** What was written while it was read is newer, and on its way already: that is left out. After a deletion it is read again. */
  async #before<T>(read: () => Promise<T>, changesOf: (found: T, touched: ReadonlySet<string>) => Change[]): Promise<T> {
    for (;;) {
      const touched = new Set<string>();
      const deletions = this.#deletions;
      this.#touched = touched;
      const found = await read().finally(() => { this.#touched = undefined; });
      if (this.#isFilling() && deletions !== this.#deletions) continue;
      if (this.#isFilling()) {
        const changes = changesOf(found, touched);
        // In front of what waits, which is newer.
        this.#queue = [...changes, ...this.#queue];
        this.#queued += changes.reduce((sum, change) => sum + sizeOf(change), 0);
        this.#kick();
        await this.#settled();
      }
      return found;
    }
  }
}

function sizeOf(change: Change): number {
  if ('batch' in change) return change.batch.ids.length;
  return 'keyed' in change && 'put' in change.keyed ? change.keyed.put.length : 1;
}

function batchOf(series: Series, pairs: Float64Array, touched: ReadonlySet<string>): StoredBatch {
  const times: number[] = [];
  const values: number[] = [];
  for (let at = 0; at < pairs.length; at += 2) {
    if (touched.size > 0 && touched.has(`${series.id}/${pairs[at]}`)) continue;
    times.push(pairs[at]!);
    values.push(pairs[at + 1]!);
  }
  return { owner: '', ids: new Uint32Array(times.length).fill(series.id), times: Float64Array.from(times), values: Float64Array.from(values), learnt: [series] };
}

/** So much as goes over in one message. */
function inParts(points: readonly KeyedPoint[]): KeyedPoint[][] {
  const parts: KeyedPoint[][] = [];
  let bytes = Infinity;
  for (const { key, val, timestamp } of points) {
    const own = ROW_BYTES + 2 * key.length + (typeof val === 'string' ? 2 * val.length : 0);
    if (bytes + own > REPLICATE_BYTES) {
      parts.push([]);
      bytes = 0;
    }
    bytes += own;
    parts.at(-1)!.push({ key, val, timestamp });
  }
  return parts;
}

function isTooLarge(error: unknown): boolean {
  return error instanceof Fault && error.code === 'ANSWER_TOO_LARGE';
}
