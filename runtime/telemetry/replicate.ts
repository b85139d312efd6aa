/**
 * This node's points at another node. Registered first, so that whatever comes from then on goes over too; then the
 * history is filled in, which may be done again at any time, because a point that comes twice is one point. When the
 * replica was away, deletions that it missed go first, and the history is filled in once more.
 */
import type { Log } from '../base/log.js';
import { Fault } from '../model/faults.js';
import { MAX_REPLICA_QUEUE_POINTS, REPLICATE_POINTS } from '../model/limits.js';
import type { SeriesValues } from './answers.js';
import type { StoredBatch } from './points.js';
import type { Range } from './read-query.js';
import { pointsRecord, type PointsRecord, recordsOf } from './records.js';
import type { Meta, Series } from './series.js';
import type { Storage } from './storage.js';

export const PEER_REPLICATE = '/peer/telemetry/replicate';

export interface SeriesFacts {
  id: number;
  entityID: string;
  metricID: string;
  meta: Meta;
}

export interface ReplicaMessage {
  owner: string;
  series: SeriesFacts[];
  /** Deleted before the points of the message. */
  deleted?: { series: [entityID: string, metricID: string][]; range?: Range };
  points?: PointsRecord;
}

export function packMessage({ owner, series, deleted, points }: ReplicaMessage): Buffer {
  const json = Buffer.from(JSON.stringify({ owner, series, deleted }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  return Buffer.concat([length, json, ...(points ? [pointsRecord(points.storedMs, points.ids, points.times, points.values)] : [])]);
}

export function unpackMessage(bytes: Buffer): ReplicaMessage {
  const length = bytes.readUInt32LE(0);
  const message = JSON.parse(bytes.toString('utf8', 4, 4 + length)) as ReplicaMessage;
  const [{ record: points } = { record: undefined }] = recordsOf(bytes.subarray(4 + length));
  return { ...message, ...(points && 'times' in points && { points }) };
}

export interface LinkParts {
  node: string;
  replica: string;
  storage: Storage;
  now(): number;
  send(message: Buffer): Promise<void>;
  /** Tells the head how far it is. */
  report(state: 'registered' | 'live'): Promise<void>;
  /** Deletions that the replica has not confirmed; kept over a restart. */
  debts: NonNullable<ReplicaMessage['deleted']>[];
  keepDebts(): void;
  log: Log;
}

/** Series whose history is read together. */
const SERIES_AT_ONCE = 500;
const ALL: Range = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER - 1 };

export class Link {
  state: 'behind' | 'filling' | 'live' = 'behind';
  #queue: StoredBatch[] = [];
  #queued = 0;
  #sending: Promise<void> | undefined;
  #ended = false;
  /** Times written while a part of the history is being read, by series: what was read of them is old. */
  #touched: Map<number, Set<number>> | undefined;

  constructor(private readonly parts: LinkParts) {}

  end(): void {
    this.#ended = true;
  }

  stored(batch: StoredBatch): void {
    if (this.state === 'behind') return;
    this.#queue.push(batch);
    this.#queued += batch.ids.length;
    if (this.#touched) batch.ids.forEach((id, at) => touch(this.#touched!, id, batch.times[at]!));
    if (this.#queued > MAX_REPLICA_QUEUE_POINTS) this.#fallBehind('it takes points more slowly than they come');
    else this.#kick();
  }

  /** Points before the deletion must not come over after it: the link begins anew, with the deletion first. */
  deleted(series: readonly Series[], range: Range | undefined): void {
    this.parts.debts.push({ series: series.map(({ entityID, metricID }) => [entityID, metricID]), ...(range && { range }) });
    this.parts.keepDebts();
    // It has everything up to this moment, and will again in a moment: it goes on standing in for the owner.
    this.#fallBehind('something was deleted', false);
    void this.catchUp();
  }

  /** Brings the replica up to date, if it is not, and is not being brought. */
  async catchUp(): Promise<void> {
    if (this.state !== 'behind' || this.#ended) return;
    this.state = 'filling';
    try {
      await this.#sending?.catch(() => undefined);
      await this.#payDebts();
      await this.#fill();
      if (!this.#isFilling()) return;
      this.state = 'live';
      await this.parts.report('live');
    } catch (error) {
      this.#fallBehind((error as Error).message);
    }
  }

  #isFilling(): boolean {
    return this.state === 'filling' && !this.#ended;
  }

  #fallBehind(reason: string, isLacking = true): void {
    if (isLacking && this.state === 'live') void this.parts.report('registered').catch(() => undefined);
    this.state = 'behind';
    this.#queue = [];
    this.#queued = 0;
    this.parts.log.info({ replica: this.parts.replica, reason }, 'a replica has to be brought up to date');
  }

  async #payDebts(): Promise<void> {
    const { debts, send, node, keepDebts } = this.parts;
    while (debts.length > 0) {
      await send(packMessage({ owner: node, series: [], deleted: debts[0]! }));
      debts.shift();
      keepDebts();
    }
  }

  async #fill(): Promise<void> {
    const own = [...this.parts.storage.points.own.all()];
    for (let at = 0; at < own.length && this.#isFilling(); at += SERIES_AT_ONCE) await this.#fillGroup(own.slice(at, at + SERIES_AT_ONCE));
  }

  async #fillGroup(group: readonly Series[]): Promise<void> {
    try {
      await this.#fillWith(() => this.parts.storage.range(group, ALL));
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'ANSWER_TOO_LARGE') throw error;
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

  /** What was written while it was read is newer, and on its way already: that is left out. */
  async #fillWith(read: () => Promise<SeriesValues[]>): Promise<SeriesValues[]> {
    const touched = new Map<number, Set<number>>();
    this.#touched = touched;
    const found = await read().finally(() => { this.#touched = undefined; });
    const batches = found.map(({ series, pairs }) => batchOf(series, pairs, touched.get(series.id)));
    if (!this.#isFilling()) return [];
    // In front of what waits, which is newer.
    this.#queue.unshift(...batches);
    this.#queued += batches.reduce((count, { ids }) => count + ids.length, 0);
    this.#kick();
    await this.#settled();
    return found;
  }

  async #settled(): Promise<void> {
    while (this.#sending) await this.#sending;
  }

  #kick(): void {
    this.#sending ??= this.#drain().finally(() => { this.#sending = undefined; });
    this.#sending.catch(() => undefined);
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      const taken: StoredBatch[] = [];
      for (let count = 0; this.#queue.length > 0 && count < REPLICATE_POINTS; count += taken.at(-1)!.ids.length) taken.push(this.#queue.shift()!);
      this.#queued -= taken.reduce((count, { ids }) => count + ids.length, 0);
      try {
        await this.parts.send(this.#message(taken));
      } catch (error) {
        this.#fallBehind((error as Error).message);
        return;
      }
    }
  }

  #message(batches: readonly StoredBatch[]): Buffer {
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
}

function batchOf(series: Series, pairs: Float64Array, touched: ReadonlySet<number> | undefined): StoredBatch {
  const times: number[] = [];
  const values: number[] = [];
  for (let at = 0; at < pairs.length; at += 2) {
    if (touched?.has(pairs[at]!)) continue;
    times.push(pairs[at]!);
    values.push(pairs[at + 1]!);
  }
  return { owner: '', ids: new Uint32Array(times.length).fill(series.id), times: Float64Array.from(times), values: Float64Array.from(values), learnt: [series] };
}

function touch(touched: Map<number, Set<number>>, id: number, atMs: number): void {
  const times = touched.get(id);
  if (times) times.add(atMs);
  else touched.set(id, new Set([atMs]));
}

/** The other side: stores what an owner sends, under the owner's name. */
export async function takeReplica(storage: Storage, message: ReplicaMessage): Promise<void> {
  const { owner, series, deleted, points } = message;
  if (deleted) await storage.deleteSeries(deleted.series.flatMap(([entityID, metricID]) => storage.points.find(owner, entityID, metricID) ?? []), deleted.range);
  if (!points) return;
  const facts = new Map(series.map((each) => [each.id, each]));
  const taken = Array.from(points.ids, (id, at) => {
    const { entityID = '', metricID = '', meta = {} } = facts.get(id) ?? {};
    return { entityID, metricID, meta, val: points.values[at]!, timestamp: points.times[at]! };
  }).filter(({ metricID }) => metricID !== '');
  await storage.put(taken, owner);
}
