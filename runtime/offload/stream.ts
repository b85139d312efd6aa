/**
 * The binary stream between peers: frames of `length (4 bytes) · type (1 byte) · payload`. The first
 * is a head in JSON, then come items, and the last is an explicit end with their count and hash:
 * a stream that stops without it is an abort, whatever the connection says.
 */
import { createHash, hash, type Hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { COPY_BATCH_BYTES, MAX_VALUE_BYTES } from '../model/limits.js';
import type { Item } from '../store/store.js';

const TYPES = { head: 1, value: 2, list: 3, more: 4, deleted: 5, reply: 6, effect: 7, effectDone: 8, end: 9, mark: 10, markGone: 11 } as const;
/** Of frames' sums, before they are hashed together. */
const SUMS_BYTES = 512;
/** Longer pieces go out from where they are; shorter ones are cheaper to copy together. */
const COPY_BYTES = 16 * 1024;
/** A value at its limit, its key and room for framing. */
const MAX_FRAME_BYTES = MAX_VALUE_BYTES + 64 * 1024;

export class StreamBroken extends Error {
  override readonly name = 'StreamBroken';
}

// ── Writing ────────────────────────────────────────────────────────────────────────────────────

export async function* encodeStream(head: unknown, items: AsyncIterable<Item[]> | Iterable<Item[]>): AsyncGenerator<Buffer> {
  const body = new Body();
  yield headOf(head);
  for await (const batch of items) {
    yield* joined(body.framesOf(batch));
  }
  yield body.end();
}

/** The same in one piece, for few items that are wanted at once. */
export function encodeWhole(head: unknown, items: Item[]): Buffer {
  const body = new Body();
  return Buffer.concat([headOf(head), ...body.framesOf(items).flat(), body.end()]);
}

function headOf(head: unknown): Buffer {
  return bare(TYPES.head, JSON.stringify(head));
}

/**
 * The hash of the end mark: SHA-256 over each frame's CRC-32 and length. That no frame is missing, twice or from another stream
 * is what it is for; a hash over every byte would be most of what a copy costs, twice, on the threads that serve.
 */
class StreamHash {
  #hash: Hash | undefined;
  readonly #sums = Buffer.allocUnsafe(SUMS_BYTES);
  #at = 0;
  count = 0;

  /** @param pieces of one frame, however it is cut */
  add(pieces: readonly Buffer[]): void {
    if (this.#at === SUMS_BYTES) this.#flush();
    let [crc, bytes] = [0, 0];
    for (const piece of pieces) {
      crc = crc32(piece, crc);
      bytes += piece.length;
    }
    this.#sums.writeUInt32BE(crc, this.#at);
    this.#sums.writeUInt32BE(bytes, this.#at + 4);
    this.#at += 8;
    this.count += 1;
  }

  /** Of few frames at once: to make a hash that can be added to is most of what a short stream costs. */
  digest(): string {
    const rest = this.#sums.subarray(0, this.#at);
    return this.#hash ? this.#hash.update(rest).digest('hex') : hash('sha256', rest);
  }

  #flush(): void {
    this.#hash ??= createHash('sha256');
    this.#hash.update(this.#sums);
    this.#at = 0;
  }
}

/** Frames of items, each in pieces, counted and hashed for the end mark. */
class Body {
  readonly #hash = new StreamHash();

  framesOf(items: Item[]): Buffer[][] {
    const frames: Buffer[][] = [];
    for (const item of items) frame(item, frames);
    for (const pieces of frames) this.#hash.add(pieces);
    return frames;
  }

  end(): Buffer {
    return bare(TYPES.end, JSON.stringify({ count: this.#hash.count, hash: this.#hash.digest() }));
  }
}

/** Short pieces in a row as one. */
function* joined(frames: Buffer[][]): Generator<Buffer> {
  let short: Buffer[] = [];
  for (const piece of frames.flat()) {
    if (piece.length <= COPY_BYTES) {
      short.push(piece);
      continue;
    }
    if (short.length > 0) yield Buffer.concat(short);
    yield piece;
    short = [];
  }
  if (short.length > 0) yield Buffer.concat(short);
}

/** Adds the frames of an item, each in pieces. No generators: a departure's few items are framed once, by code that V8 has not compiled yet. */
function frame(item: Item, frames: Buffer[][]): void {
  switch (item.kind) {
    case 'value': frames.push(named(TYPES.value, item.key, [item.value])); return;
    case 'deleted': frames.push([bare(TYPES.deleted, item.key)]); return;
    case 'effect-done': frames.push([bare(TYPES.effectDone, item.id)]); return;
    case 'effect': frames.push(named(TYPES.effect, item.effect.id, [item.effect.body])); return;
    case 'mark': frames.push(named(TYPES.mark, item.lane, [item.row])); return;
    case 'mark-gone': frames.push([bare(TYPES.markGone, item.lane)]); return;
    case 'reply': {
      const { body, ...meta } = item.reply;
      frames.push(named(TYPES.reply, JSON.stringify({ ...meta, kept: body !== undefined }), body ? [body] : []));
      return;
    }
    case 'list': frameList(item.key, item.values, item.more ?? false, frames);
  }
}

/** A long list goes in parts, so that no frame is larger than a value may be. */
function frameList(key: string, values: Buffer[], more: boolean, frames: Buffer[][]): void {
  let part: Buffer[] = [];
  let bytes = 0;
  let type: number = more ? TYPES.more : TYPES.list;
  for (const value of values) {
    if (bytes > 0 && bytes + value.length > COPY_BATCH_BYTES) {
      frames.push(named(type, key, part));
      [part, bytes, type] = [[], 0, TYPES.more];
    }
    part.push(lengthOf(value), value);
    bytes += value.length;
  }
  frames.push(named(type, key, part));
}

/** A frame of nothing but text. */
function bare(type: number, text: string): Buffer {
  const bytes = Buffer.byteLength(text);
  const whole = Buffer.allocUnsafe(5 + bytes);
  whole.writeUInt32BE(1 + bytes, 0);
  whole.writeUInt8(type, 4);
  whole.write(text, 5);
  return whole;
}

/** A frame of a name, behind its length, and what is kept under it. */
function named(type: number, name: string, content: readonly Buffer[]): Buffer[] {
  const nameBytes = Buffer.byteLength(name);
  const head = Buffer.allocUnsafe(9 + nameBytes);
  let bytes = 5 + nameBytes;
  for (const piece of content) bytes += piece.length;
  head.writeUInt32BE(bytes, 0);
  head.writeUInt8(type, 4);
  head.writeUInt32BE(nameBytes, 5);
  head.write(name, 9);
  return [head, ...content];
}

function lengthOf(bytes: Buffer): Buffer {
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(bytes.length);
  return length;
}

// ── Reading ────────────────────────────────────────────────────────────────────────────────────

export interface DecodedStream<Head> {
  head: Head;
  /** Batches as they arrive; throws StreamBroken when the end is missing or does not match. */
  batches: AsyncIterable<Item[]>;
}

export async function decodeStream<Head>(source: AsyncIterable<Uint8Array>): Promise<DecodedStream<Head>> {
  const reader = framesOf(source);
  const first = await reader.next();
  const [headFrame, ...rest] = first.done ? [] : first.value;
  return { head: headIn<Head>(headFrame), batches: itemsOf(rest, reader) };
}

/** The same of a stream that is all there. @throws StreamBroken */
export function decodeWhole<Head>(bytes: Buffer): { head: Head; items: Item[] } {
  const [headFrame, ...rest] = framesIn(bytes).frames;
  const head = headIn<Head>(headFrame);
  const { items, isOver } = new Checked().take(rest);
  if (!isOver) throw new StreamBroken(NO_END);
  return { head, items };
}

const NO_END = 'the stream ended before its end mark';

function headIn<Head>(frame: Frame | undefined): Head {
  if (frame?.type !== TYPES.head) throw new StreamBroken('the stream has no head');
  return JSON.parse(frame.payload.toString()) as Head;
}

interface Frame {
  type: number;
  payload: Buffer;
  whole: Buffer;
}

/** Whoever stops reading in the middle lets go of the source, and with it of its connection. */
async function* itemsOf(rest: Frame[], reader: AsyncGenerator<Frame[]>): AsyncGenerator<Item[]> {
  try {
    yield* checkedItems(rest, reader);
  } finally {
    await reader.return(undefined);
  }
}

async function* checkedItems(rest: Frame[], reader: AsyncGenerator<Frame[]>): AsyncGenerator<Item[]> {
  const checked = new Checked();
  for (let frames: Frame[] | undefined = rest; frames; ) {
    const { items, isOver } = checked.take(frames);
    if (items.length > 0) yield items;
    if (isOver) return;
    const next = await reader.next();
    frames = next.done ? undefined : next.value;
  }
  throw new StreamBroken(NO_END);
}

/** Frames as items, held against the end mark when it comes. */
class Checked {
  readonly #hash = new StreamHash();

  take(frames: Frame[]): { items: Item[]; isOver: boolean } {
    const items: Item[] = [];
    for (const each of frames) {
      if (each.type === TYPES.end) {
        const end = JSON.parse(each.payload.toString()) as { count: number; hash: string };
        if (end.count !== this.#hash.count || end.hash !== this.#hash.digest()) throw new StreamBroken('the stream does not match its end mark');
        return { items, isOver: true };
      }
      this.#hash.add([each.whole]);
      items.push(itemOf(each));
    }
    return { items, isOver: false };
  }
}

function itemOf({ type, payload }: Frame): Item {
  switch (type) {
    case TYPES.deleted: return { kind: 'deleted', key: payload.toString() };
    case TYPES.effectDone: return { kind: 'effect-done', id: payload.toString() };
    case TYPES.markGone: return { kind: 'mark-gone', lane: payload.toString() };
    default: {
      const nameEnd = 4 + payload.readUInt32BE(0);
      const name = payload.toString('utf8', 4, nameEnd);
      const content = payload.subarray(nameEnd);
      return itemNamed(type, name, content);
    }
  }
}

function itemNamed(type: number, name: string, content: Buffer): Item {
  switch (type) {
    case TYPES.value: return { kind: 'value', key: name, value: content };
    case TYPES.list: return { kind: 'list', key: name, values: [...partsOf(content)] };
    case TYPES.more: return { kind: 'list', key: name, values: [...partsOf(content)], more: true };
    case TYPES.mark: return { kind: 'mark', lane: name, row: content };
    case TYPES.effect: return { kind: 'effect', effect: { id: name, body: content } };
    case TYPES.reply: {
      const { kept, ...meta } = JSON.parse(name) as { key: string; digest: string; atMs: number; kept: boolean };
      return { kind: 'reply', reply: kept ? { ...meta, body: content } : meta };
    }
    default: throw new StreamBroken(`the stream has a frame of unknown type ${type}`);
  }
}

function* partsOf(content: Buffer): Generator<Buffer> {
  for (let at = 0; at < content.length; ) {
    const end = at + 4 + content.readUInt32BE(at);
    yield content.subarray(at + 4, end);
    at = end;
  }
}

async function* framesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Frame[]> {
  let pending: Buffer[] = [];
  let size = 0;
  let wanted = 4;
  for await (const chunk of source) {
    pending.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    size += chunk.byteLength;
    if (size < wanted) continue;
    const { frames, rest } = framesIn(pending.length === 1 ? pending[0]! : Buffer.concat(pending));
    pending = rest.length > 0 ? [rest] : [];
    size = rest.length;
    wanted = size >= 4 ? 4 + pending[0]!.readUInt32BE(0) : 4;
    if (frames.length > 0) yield frames;
  }
}

/** @returns the frames that are complete, and what is left behind them */
function framesIn(bytes: Buffer): { frames: Frame[]; rest: Buffer } {
  const frames: Frame[] = [];
  let at = 0;
  while (bytes.length - at >= 4) {
    const length = bytes.readUInt32BE(at);
    if (length === 0 || length > MAX_FRAME_BYTES) throw new StreamBroken(`the stream has a frame of ${length} bytes`);
    if (bytes.length - at < 4 + length) break;
    const whole = bytes.subarray(at, at + 4 + length);
    frames.push({ type: whole.readUInt8(4), payload: whole.subarray(5), whole });
    at += whole.length;
  }
  return { frames, rest: bytes.subarray(at) };
}
