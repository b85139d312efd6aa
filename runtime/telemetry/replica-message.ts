/** What an owner sends to its replica: facts of series as JSON, points as a record of the log; and how the replica takes it. */
import { Fault } from '../model/faults.js';
import type { KeyedPoint } from './read-put.js';
import type { Range } from './read-query.js';
import { pointsRecord, type PointsRecord, recordsOf } from './records.js';
import type { Meta } from './series.js';
import type { Storage } from './storage.js';

export const PEER_REPLICATE = '/peer/telemetry/replicate';

export interface SeriesFacts {
  id: number;
  entityID: string;
  metricID: string;
  meta: Meta;
}

export interface DeletedSeries {
  series: [entityID: string, metricID: string][];
  range?: Range;
}

export type KeyedKind = 'analytics' | 'app';

/** Values under keys that were put, or keys that were deleted, wholly or in part. */
export type KeyedMessage = { kind: KeyedKind } & ({ put: readonly KeyedPoint[] } | { gone: readonly string[]; range?: Range });

export interface ReplicaMessage {
  owner: string;
  series: SeriesFacts[];
  deleted?: DeletedSeries;
  points?: PointsRecord;
  keyed?: KeyedMessage;
}

export function packMessage({ points, ...rest }: ReplicaMessage): Buffer {
  const json = Buffer.from(JSON.stringify(rest));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  return Buffer.concat([length, json, ...(points ? [pointsRecord(points.storedMs, points.ids, points.times, points.values)] : [])]);
}

/** Throws PARAMETER_INVALID for what is no such message. */
export function unpackMessage(bytes: Buffer): ReplicaMessage {
  try {
    const length = bytes.readUInt32LE(0);
    const message = JSON.parse(bytes.toString('utf8', 4, 4 + length)) as ReplicaMessage;
    const [{ record: points } = { record: undefined }] = recordsOf(bytes.subarray(4 + length));
    if (typeof message.owner !== 'string' || message.owner === '' || !Array.isArray(message.series)) throw new Error('it names no owner');
    return { ...message, ...(points && 'times' in points && { points }) };
  } catch (cause) {
    throw new Fault('PARAMETER_INVALID', { name: 'body', reason: 'it is no message of an owner to its replica' }, { cause });
  }
}

/** Stores what an owner sends, under the owner's name. */
export async function takeReplica(storage: Storage, message: ReplicaMessage, takesApp: boolean): Promise<void> {
  const { owner, series, deleted, points, keyed } = message;
  if (deleted) await storage.deleteSeries(deleted.series.flatMap(([entityID, metricID]) => storage.points.find(owner, entityID, metricID) ?? []), deleted.range);
  if (keyed) await takeKeyed(storage, owner, keyed, takesApp);
  if (!points) return;
  const facts = new Map(series.map((each) => [each.id, each]));
  const taken = Array.from(points.ids, (id, at) => {
    const { entityID = '', metricID = '', meta = {} } = facts.get(id) ?? {};
    return { entityID, metricID, meta, val: points.values[at]!, timestamp: points.times[at]! };
  }).filter(({ metricID }) => metricID !== '');
  await storage.put(taken, owner);
}

async function takeKeyed(storage: Storage, owner: string, message: KeyedMessage, takesApp: boolean): Promise<void> {
  const { kind } = message;
  if (kind === 'app' && !takesApp) return;
  if ('gone' in message) await storage.deleteKeyed(kind, message.gone, message.range, owner);
  else if (kind === 'app') storage.putApp(message.put, owner);
  else await storage.putAnalytics(message.put, owner);
}
