/** Records of the log of points: length, checksum, kind, content. A torn record at the end of a log is where it ends. */
import { crc32 } from 'node:zlib';

export const POINTS = 1;
export const DELETION = 2;
const HEAD_BYTES = 16;

export interface PointsRecord {
  kind: typeof POINTS;
  storedMs: number;
  ids: Uint32Array;
  times: Float64Array;
  values: Float64Array;
}

export interface DeletionRecord {
  kind: typeof DELETION;
  ids: number[];
  /** Both ends included; missing: all. */
  fromMs?: number;
  toMs?: number;
}

export function pointsRecord(storedMs: number, ids: Uint32Array, times: Float64Array, values: Float64Array): Buffer {
  const bytes = Buffer.allocUnsafeSlow(HEAD_BYTES + 8 + ids.length * 20);
  new Float64Array(bytes.buffer, HEAD_BYTES, 1)[0] = storedMs;
  new Float64Array(bytes.buffer, HEAD_BYTES + 8, times.length).set(times);
  new Float64Array(bytes.buffer, HEAD_BYTES + 8 + 8 * ids.length, values.length).set(values);
  new Uint32Array(bytes.buffer, HEAD_BYTES + 8 + 16 * ids.length, ids.length).set(ids);
  return sealed(bytes, POINTS);
}

export function deletionRecord(deletion: Omit<DeletionRecord, 'kind'>): Buffer {
  const json = Buffer.from(JSON.stringify(deletion));
  const bytes = Buffer.allocUnsafeSlow(HEAD_BYTES + json.length);
  json.copy(bytes, HEAD_BYTES);
  return sealed(bytes, DELETION);
}

function sealed(bytes: Buffer, kind: number): Buffer {
  bytes.writeUInt32LE(bytes.length - HEAD_BYTES, 0);
  bytes.writeUInt32LE(crc32(bytes.subarray(HEAD_BYTES)), 4);
  bytes.writeUInt32LE(kind, 8);
  bytes.writeUInt32LE(0, 12);
  return bytes;
}

/** The records up to the first that is torn or spoilt, each with the place where it ends. */
export function* recordsOf(log: Buffer): Iterable<{ record: PointsRecord | DeletionRecord; end: number }> {
  for (let at = 0; at + HEAD_BYTES <= log.length;) {
    const length = log.readUInt32LE(at);
    const content = log.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length);
    if (content.length < length || crc32(content) !== log.readUInt32LE(at + 4)) return;
    const end = at + HEAD_BYTES + length;
    yield { end, record: log.readUInt32LE(at + 8) === POINTS ? pointsOf(content) : { kind: DELETION, ...JSON.parse(content.toString()) as Omit<DeletionRecord, 'kind'> } };
    at = end;
  }
}

function pointsOf(content: Buffer): PointsRecord {
  // Copied, because numbers must lie at multiples of their size.
  const aligned = content.buffer.slice(content.byteOffset, content.byteOffset + content.length);
  const count = (content.length - 8) / 20;
  return {
    kind: POINTS, storedMs: new Float64Array(aligned, 0, 1)[0]!, times: new Float64Array(aligned, 8, count),
    values: new Float64Array(aligned, 8 + 8 * count, count), ids: new Uint32Array(aligned, 8 + 16 * count, count),
  };
}
