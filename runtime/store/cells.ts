/**
 * A session's keys. Each is a cell: a head row (kind, number of values, length, a short content itself)
 * and, for a long content, chunk rows, so that names and sizes are read without contents and a list
 * grows by its last chunk only.
 */
import { decodeList, encodeList } from './codec.js';
import { bytesOf, spaceOf, textOf, type ReadRows, type Rows } from './rows.js';
import type { SessionData } from './store.js';

/** Content up to this length lies in the head row, where reading it costs nothing more. */
const INLINE_BYTES = 1024;
/** Longer content lies in chunks: small enough that freed space is used again, and that appending is cheap. */
const CHUNK_BYTES = 16 * 1024;
const HEAD_BYTES = 9;

interface Head {
  isList: boolean;
  count: number;
  length: number;
}

export class Cells {
  readonly #heads: string;
  readonly #chunks: string;

  constructor(private readonly rows: ReadRows, session: string, space: string) {
    this.#heads = spaceOf('D', session, space);
    this.#chunks = spaceOf('C', session, space);
  }

  keys(): string[] {
    return this.rows.names(this.#heads).map(textOf);
  }

  sizes(): { key: string; bytes: number }[] {
    return this.rows.range(this.#heads).map(([name, row]) => ({ key: textOf(name), bytes: sizeOf(name, decodeHead(row)) }));
  }

  size(key: string): number {
    const name = bytesOf(key);
    const row = this.rows.get(this.#heads, name);
    return row ? sizeOf(name, decodeHead(row)) : 0;
  }

  get(key: string): Buffer | Buffer[] | undefined {
    const name = bytesOf(key);
    const row = this.rows.get(this.#heads, name);
    return row && this.#decode(name, row);
  }

  all(): SessionData {
    return new Map(this.rows.range(this.#heads).map(([name, row]) => [textOf(name), this.#decode(name, row)]));
  }

  /** Each change answers by how many bytes the session has grown. */
  set(rows: Rows, key: string, value: Buffer): number {
    return this.#replace(rows, bytesOf(key), { isList: false, count: 1, length: value.length }, value);
  }

  setList(rows: Rows, key: string, values: Buffer[]): number {
    const content = encodeList(values);
    return this.#replace(rows, bytesOf(key), { isList: true, count: values.length, length: content.length }, content);
  }

  append(rows: Rows, key: string, values: Buffer[]): number {
    const name = bytesOf(key);
    const row = rows.get(this.#heads, name);
    const head = row && decodeHead(row);
    if (!row || !head?.isList) return this.setList(rows, key, values);
    const more = encodeList(values);
    const grown: Head = { isList: true, count: head.count + values.length, length: head.length + more.length };
    const isInline = head.length <= INLINE_BYTES;
    const tailAt = isInline ? 0 : head.length - (head.length % CHUNK_BYTES);
    const tail = isInline ? row.subarray(HEAD_BYTES) : rows.get(this.#chunks, chunkName(name, tailAt)) ?? Buffer.alloc(0);
    this.#write(rows, name, grown, Buffer.concat([tail, more]), tailAt);
    return sizeOf(name, grown) - sizeOf(name, head);
  }

  delete(rows: Rows, key: string): number {
    const name = bytesOf(key);
    const row = rows.get(this.#heads, name);
    if (!row) return 0;
    const head = decodeHead(row);
    this.#dropChunks(rows, name, head);
    rows.delete(this.#heads, name);
    return -sizeOf(name, head);
  }

  clear(rows: Rows): void {
    rows.clear(this.#heads);
    rows.clear(this.#chunks);
  }

  #replace(rows: Rows, name: string, head: Head, content: Buffer): number {
    const row = rows.get(this.#heads, name);
    const former = row && decodeHead(row);
    if (former) this.#dropChunks(rows, name, former);
    this.#write(rows, name, head, content, 0);
    return sizeOf(name, head) - (former ? sizeOf(name, former) : 0);
  }

  /** Writes the head, and the content from `offset` on. */
  #write(rows: Rows, name: string, head: Head, content: Buffer, offset: number): void {
    const isInline = head.length <= INLINE_BYTES;
    rows.put(this.#heads, name, encodeHead(head, isInline ? content : undefined));
    for (let at = 0; !isInline && at < content.length; at += CHUNK_BYTES) {
      rows.put(this.#chunks, chunkName(name, offset + at), content.subarray(at, at + CHUNK_BYTES));
    }
  }

  #dropChunks(rows: Rows, name: string, head: Head): void {
    if (head.length <= INLINE_BYTES) return;
    for (let at = 0; at < head.length; at += CHUNK_BYTES) rows.delete(this.#chunks, chunkName(name, at));
  }

  #decode(name: string, row: Buffer): Buffer | Buffer[] {
    const head = decodeHead(row);
    const content = head.length <= INLINE_BYTES ? row.subarray(HEAD_BYTES) : this.#content(name, head);
    return head.isList ? decodeList(content) : content;
  }

  #content(name: string, head: Head): Buffer {
    const parts: Buffer[] = [];
    for (let at = 0; at < head.length; at += CHUNK_BYTES) {
      const part = this.rows.get(this.#chunks, chunkName(name, at));
      if (!part) throw new Error('a chunk of a session is missing in the store');
      parts.push(part);
    }
    return Buffer.concat(parts, head.length);
  }
}

function chunkName(name: string, offset: number): string {
  const index = Buffer.allocUnsafe(4);
  index.writeUInt32BE(offset / CHUNK_BYTES, 0);
  return name + index.toString('latin1');
}

/** Bytes of key and values; the lengths between a list's values are ours. */
function sizeOf(name: string, head: Head): number {
  return name.length + head.length - (head.isList ? 4 * head.count : 0);
}

function encodeHead(head: Head, content: Buffer | undefined): Buffer {
  const row = Buffer.alloc(HEAD_BYTES + (content?.length ?? 0));
  row.writeUInt8(head.isList ? 1 : 0, 0);
  row.writeUInt32BE(head.count, 1);
  row.writeUInt32BE(head.length, 5);
  content?.copy(row, HEAD_BYTES);
  return row;
}

function decodeHead(row: Buffer): Head {
  return { isList: row.readUInt8(0) === 1, count: row.readUInt32BE(1), length: row.readUInt32BE(5) };
}
