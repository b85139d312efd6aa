/** Rows as bytes. */
import type { Slot } from '../model/record.js';
import type { Effect, StoredReply } from './store.js';

/** What a space of data holds, counted as it changes. */
export interface Tally {
  /** Keys and values. */
  bytes: number;
  replies: number;
  effects: number;
  /** Place of the next effect in the order of delivery. */
  nextEffect: number;
  /** Missing in what was written before there were any. */
  marks?: number;
}

/** A session's row: its slot, and where its data is. */
export interface Held {
  slot: Slot;
  space: string;
  tally: Tally;
}

export const emptyTally = (): Tally => ({ bytes: 0, replies: 0, effects: 0, nextEffect: 0 });

export const encodeJson = (value: Held | Tally): Buffer => Buffer.from(JSON.stringify(value), 'utf8');
export const decodeHeld = (row: Buffer): Held => JSON.parse(row.toString('utf8')) as Held;
export const decodeTally = (row: Buffer): Tally => JSON.parse(row.toString('utf8')) as Tally;

/** Layout: time (8 bytes), 1 when there is a body, length of the digest (2 bytes), digest, body. */
export function encodeReply({ digest, atMs, body }: StoredReply): Buffer {
  const digestBytes = Buffer.byteLength(digest);
  const row = Buffer.allocUnsafe(11 + digestBytes + (body ? body.length : 0));
  row.writeDoubleBE(atMs, 0);
  row[8] = body ? 1 : 0;
  row.writeUInt16BE(digestBytes, 9);
  row.write(digest, 11);
  body?.copy(row, 11 + digestBytes);
  return row;
}

export function decodeReply(key: string, row: Buffer): StoredReply {
  const end = 11 + row.readUInt16BE(9);
  const reply: StoredReply = { key, digest: row.toString('utf8', 11, end), atMs: row.readDoubleBE(0) };
  if (row.readUInt8(8) === 1) reply.body = row.subarray(end);
  return reply;
}

/** Layout: length of the id (2 bytes), id, body. */
export function encodeEffect({ id, body }: Effect): Buffer {
  const text = Buffer.from(id, 'utf8');
  const head = Buffer.alloc(2);
  head.writeUInt16BE(text.length, 0);
  return Buffer.concat([head, text, body]);
}

export function decodeEffect(row: Buffer): Effect {
  const end = 2 + row.readUInt16BE(0);
  return { id: row.toString('utf8', 2, end), body: row.subarray(end) };
}

/** Values of a list one behind the other, each behind its length (4 bytes). */
export function encodeList(values: Buffer[]): Buffer {
  const parts: Buffer[] = [];
  for (const value of values) {
    const head = Buffer.allocUnsafe(4);
    head.writeUInt32BE(value.length, 0);
    parts.push(head, value);
  }
  return Buffer.concat(parts);
}

export function decodeList(content: Buffer): Buffer[] {
  const values: Buffer[] = [];
  for (let at = 0; at < content.length;) {
    const end = at + 4 + content.readUInt32BE(at);
    values.push(content.subarray(at + 4, end));
    at = end;
  }
  return values;
}
