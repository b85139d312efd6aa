/** Changes as arguments of the scripts, and what the scripts answer as items and data. */
import { MAX_KEPT_RESPONSE_BYTES } from '../../model/limits.js';
import { decodeList, decodeReply, encodeList, encodeReply } from '../codec.js';
import type { Commitment, Item, ItemName, MarkChange, SessionData, StoredReply, Write } from '../store.js';
import type { Argument } from './connection.js';
import { Lettered } from './resp.js';

/** Letters by which the scripts know kinds: space.lua (changes), content.lua (names). */
const LETTERS = { data: 'd', reply: 'r', effect: 'x', mark: 'm' } as const;

/** A list of changes, added to arguments: how many, then each with its letter. */
export class Changes {
  readonly #countAt: number;
  #count = 0;

  constructor(readonly args: Argument[] = []) {
    this.#countAt = args.length;
    args.push('0');
  }

  commitment({ writes, former, reply, effects, marks }: Commitment): this {
    for (const write of writes) {
      const there = former?.get(write.key);
      if (former && write.op === 'set' && !Array.isArray(there)) this.#replace(write.key, write.value, there);
      else this.write(write);
    }
    if (reply) this.reply(reply);
    if (effects) for (const effect of effects) this.item({ kind: 'effect', effect });
    if (marks) for (const change of marks) this.#mark(change);
    return this;
  }

  item(item: Item): void {
    switch (item.kind) {
      case 'list': return this.#list(item.more ? 'a' : 'l', item.key, item.values);
      case 'reply': return this.reply(item.reply);
      case 'value':
        this.args.push('s', item.key, cellOf(item.value));
        break;
      case 'deleted':
        this.args.push('d', item.key);
        break;
      case 'effect':
        this.args.push('e', item.effect.id, item.effect.body);
        break;
      case 'effect-done':
        this.args.push('x', item.id);
        break;
      case 'mark': return this.#mark({ op: 'mark', lane: item.lane, row: item.row });
      case 'mark-gone': return this.#mark({ op: 'unmark', lane: item.lane, start: '' });
    }
    this.#counted();
  }

  write(write: Write): void {
    switch (write.op) {
      case 'append': return this.#list('a', write.key, write.values);
      case 'setList': return this.#list('l', write.key, write.values);
      case 'set':
        this.args.push('s', write.key, cellOf(write.value));
        break;
      case 'delete':
        this.args.push('d', write.key);
    }
    this.#counted();
  }

  reply(reply: StoredReply): void {
    const kept = reply.body && reply.body.length > MAX_KEPT_RESPONSE_BYTES ? { ...reply, body: undefined } : reply;
    this.args.push('r', reply.key, String(reply.atMs), encodeReply(kept));
    this.#counted();
  }

  #mark(change: MarkChange): void {
    if (change.op === 'mark') this.args.push('m', change.lane, change.row);
    else this.args.push('u', change.lane, change.start);
    this.#counted();
  }

  /** A value where nothing or another value was: by how many bytes the session grows is known here. */
  #replace(key: string, value: Buffer, there: Buffer | undefined): void {
    const grown = there ? value.length - there.length : value.length + Buffer.byteLength(key);
    this.args.push('k', key, cellOf(value), String(grown));
    this.#counted();
  }

  #list(letter: string, key: string, values: Buffer[]): void {
    this.args.push(letter, key, String(values.length), encodeList(values));
    this.#counted();
  }

  /** One change more, whose arguments have just been added. */
  #counted(): void {
    this.#count += 1;
    this.args[this.#countAt] = String(this.#count);
  }
}

/** A value as it is kept. The script only hands it on: for each string that Lua makes it looks at every byte. */
function cellOf(value: Buffer): Lettered {
  return new Lettered('v', value);
}

/** A cell: 'v' and a value, 'i' (count 4 bytes) and a short list, or 'c' (count, length) with the list in chunks. */
function decodeCell(head: Buffer, chunks: () => Buffer[]): Buffer | Buffer[] {
  switch (head[0]) {
    // A short answer's memory is a block of many: a copy lets go of it. A long one has its own.
    case 0x76: return head.length > LARGE_BYTES ? head.subarray(1) : Buffer.from(head.subarray(1));
    case 0x69: return decodeList(Buffer.from(head.subarray(5)));
    default: return decodeList(Buffer.concat(chunks()));
  }
}

const CHUNK_BYTES = 16_384;
const LARGE_BYTES = 16_384;

/** The flat lists of both hashes of a generation. */
export function decodeData(cells: Buffer[], chunks: Buffer[] = []): SessionData {
  const data: SessionData = new Map();
  const parts = new Map<string, Buffer>();
  for (let at = 0; at < chunks.length; at += 2) parts.set(chunks[at]!.toString('latin1'), chunks[at + 1]!);
  for (let at = 0; at < cells.length; at += 2) {
    const [key, head] = [cells[at]!, cells[at + 1]!];
    data.set(key.toString('utf8'), decodeCell(head, () => chunksOf(key, head, parts)));
  }
  return data;
}

function chunksOf(key: Buffer, head: Buffer, parts: Map<string, Buffer>): Buffer[] {
  const count = Math.ceil(head.readUInt32BE(5) / CHUNK_BYTES);
  return Array.from({ length: count }, (_, index) => {
    const name = Buffer.alloc(key.length + 4);
    key.copy(name);
    name.writeUInt32BE(index, key.length);
    return parts.get(name.toString('latin1'))!;
  });
}

/** {head, chunk…}, or nothing. */
export function decodeWhole(cell: Buffer[] | null): Buffer | Buffer[] | undefined {
  if (!Array.isArray(cell)) return undefined;
  const [head, ...chunks] = cell;
  return decodeCell(head!, () => chunks);
}

export function copyOfReply(key: string, blob: Buffer): StoredReply {
  return decodeReply(key, Buffer.from(blob));
}

export type FoundItem = [letter: Buffer, name: Buffer, content: Buffer | Buffer[] | null];
export type FoundName = [letter: Buffer, name: Buffer, bytes: number, isThere: number];

export function decodeItem([letter, nameBytes, content]: FoundItem): Item[] {
  const name = nameBytes.toString('utf8');
  switch (letter.toString()) {
    case LETTERS.reply: return content ? [{ kind: 'reply', reply: copyOfReply(name, content as Buffer) }] : [];
    case LETTERS.effect: return [content ? { kind: 'effect', effect: { id: name, body: Buffer.from(content as Buffer) } } : { kind: 'effect-done', id: name }];
    case LETTERS.mark: return [content ? { kind: 'mark', lane: name, row: Buffer.from(content as Buffer) } : { kind: 'mark-gone', lane: name }];
    default: {
      const value = decodeWhole(content as Buffer[] | null);
      if (value === undefined) return [{ kind: 'deleted', key: name }];
      return [Array.isArray(value) ? { kind: 'list', key: name, values: value } : { kind: 'value', key: name, value }];
    }
  }
}

export function decodeName([letter, nameBytes, size, isThere]: FoundName): ItemName {
  const name = nameBytes.toString('utf8');
  switch (letter.toString()) {
    case LETTERS.reply: return { kind: 'reply', name, bytes: name.length + size };
    case LETTERS.effect: return { kind: 'effect', name, bytes: name.length + size };
    case LETTERS.mark: return { kind: 'mark', name, bytes: name.length + size };
    default: return { kind: 'data', name, bytes: isThere ? nameBytes.length + size : 0 };
  }
}

export function letterOf({ kind }: ItemName): string {
  return LETTERS[kind];
}

/** Keys first, in the order of their bytes; the rest stays as it comes. */
export function inOrder<T extends [Buffer, Buffer, ...unknown[]]>(found: T[]): T[] {
  const [keys, others]: [T[], T[]] = [[], []];
  for (const each of found) (each[0].toString() === LETTERS.data ? keys : others).push(each);
  return [...byBytes(keys, ([, name]) => name), ...others];
}

/** In the order of bytes: as texts of one character a byte they are compared in a fraction of the time. */
export function byBytes<T>(all: T[], bytesOf: (one: T) => Buffer): T[] {
  const named = all.map((one): [string, T] => [bytesOf(one).toString('latin1'), one]);
  return named.sort(([a], [b]) => (a < b ? -1 : Number(a > b))).map(([, one]) => one);
}
