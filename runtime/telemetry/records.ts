/** Records of the log of points: length, checksum, kind, content. A torn record at the end of a log is where it ends. */
import { open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';

const POINTS = 1;
export const DELETION = 2;
const HEAD_BYTES = 16;
/** Of a file at once. */
const READ_BYTES = 1024 * 1024;

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

/** Columns of a batch that lie where its record has them, so that writing it down copies nothing. */
export interface Columns {
  ids: Uint32Array;
  times: Float64Array;
  values: Float64Array;
  /** Not to be written before it is sealed. */
  record: Buffer;
}

export function columnsOf(count: number): Columns {
  const record = Buffer.allocUnsafeSlow(HEAD_BYTES + 8 + count * 20);
  const times = HEAD_BYTES + 8;
  return {
    record, times: new Float64Array(record.buffer, times, count), values: new Float64Array(record.buffer, times + 8 * count, count),
    ids: new Uint32Array(record.buffer, times + 16 * count, count),
  };
}

/** The columns have to be full. */
export function sealedPoints(record: Buffer, storedMs: number): Buffer {
  new Float64Array(record.buffer, HEAD_BYTES, 1)[0] = storedMs;
  return sealed(record, POINTS);
}

export function pointsRecord(storedMs: number, ids: Uint32Array, times: Float64Array, values: Float64Array): Buffer {
  const columns = columnsOf(ids.length);
  columns.times.set(times);
  columns.values.set(values);
  columns.ids.set(ids);
  return sealedPoints(columns.record, storedMs);
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

/** The records of a file, without ever having all of it in memory. */
export async function* recordsIn(path: string): AsyncIterable<PointsRecord | DeletionRecord> {
  const file = await open(path);
  try {
    let rest: Buffer = Buffer.alloc(0);
    for (;;) {
      const piece = Buffer.allocUnsafeSlow(rest.length + READ_BYTES);
      rest.copy(piece);
      const { bytesRead } = await file.read(piece, rest.length, READ_BYTES);
      if (bytesRead === 0) return;
      const whole = piece.subarray(0, rest.length + bytesRead);
      let whereItEnds = 0;
      for (const { record, end } of recordsOf(whole)) {
        whereItEnds = end;
        yield record;
      }
      rest = whole.subarray(whereItEnds);
    }
  } finally {
    await file.close();
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
