/** Writes and reads the binary frames between a node and its worker processes. */

/** Length (of what follows it), type, number of the call. */
export const FRAME_HEADER_BYTES = 9;
/** Blocks from this size on are sent from where they are; smaller ones are cheaper to copy together. */
const BIG_BLOCK_BYTES = 16 * 1024;
const FIRST_SCRATCH_BYTES = 16 * 1024;
const MOST_SCRATCH_BYTES = 256 * 1024;

/** What the scratch buffer holds beyond this leaves it at the end of a frame, however many more come. */
const FULL_BYTES = 64 * 1024;

/** Builds frames one behind the other in a scratch buffer that is used again and again. */
export class Packer {
  #scratch = Buffer.allocUnsafe(FIRST_SCRATCH_BYTES);
  /** End of what was written into the scratch buffer, and of what has left it. */
  #at = 0;
  #taken = 0;
  #pieces: Buffer[] = [];
  /** The frame that is being built: the piece it begins in, or where the next piece will be, and its place there. */
  #piece = 0;
  #start = 0;
  /** What has left the scratch buffer of it. */
  #cutBytes = 0;

  begin(type: number, id: number): this {
    this.#piece = this.#pieces.length;
    this.#start = this.#at - this.#taken;
    this.#cutBytes = -this.#start;
    return this.u32(0).u8(type).u32(id);
  }

  u8(value: number): this {
    this.#room(1);
    this.#scratch[this.#at] = value;
    this.#at += 1;
    return this;
  }

  u32(value: number): this {
    this.#room(4);
    this.#at = this.#scratch.writeUInt32LE(value, this.#at);
    return this;
  }

  text(value: string): this {
    this.#room(4 + value.length * 3);
    const size = this.#scratch.write(value, this.#at + 4, 'utf8');
    this.#scratch.writeUInt32LE(size, this.#at);
    this.#at += 4 + size;
    return this;
  }

  /** Texts of Latin-1 characters alone, such as heads of HTTP consist of: all of them cost what one does. */
  latin1(values: readonly string[]): this {
    const text = values.join('');
    this.#room(4 + values.length * 4 + text.length);
    this.u32(values.length);
    for (const value of values) this.#at = this.#scratch.writeUInt32LE(value.length, this.#at);
    this.#at += this.#scratch.write(text, this.#at, 'latin1');
    return this;
  }

  json(value: unknown): this {
    return this.text(JSON.stringify(value));
  }

  bytes(value: Buffer): this {
    this.u32(value.length);
    if (value.length >= BIG_BLOCK_BYTES) {
      this.#cut();
      this.#pieces.push(value);
      this.#cutBytes += value.length;
    } else {
      this.#room(value.length);
      this.#scratch.set(value, this.#at);
      this.#at += value.length;
    }
    return this;
  }

  end(): void {
    const size = this.#cutBytes + this.#at - this.#taken;
    const first = this.#pieces[this.#piece];
    if (first === undefined) this.#scratch.writeUInt32LE(size - 4, this.#taken + this.#start);
    else first.writeUInt32LE(size - 4, this.#start);
    if (this.#at - this.#taken >= FULL_BYTES) this.#cut();
  }

  /** Forgets the frame that was begun. */
  undo(): void {
    const first = this.#pieces[this.#piece];
    if (first === undefined) {
      this.#at = this.#taken + this.#start;
      return;
    }
    this.#pieces.length = this.#piece;
    if (this.#start > 0) this.#pieces.push(first.subarray(0, this.#start));
    this.#at = this.#taken;
  }

  /** All frames since the last time, in pieces to be written one after another. */
  take(): Buffer[] {
    this.#cut();
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }

  /** Copies what the scratch buffer holds since the last cut into a piece of its own. */
  #cut(): void {
    const size = this.#at - this.#taken;
    if (size > 0) {
      const piece = Buffer.allocUnsafe(size);
      this.#scratch.copy(piece, 0, this.#taken, this.#at);
      this.#pieces.push(piece);
      this.#cutBytes += size;
    }
    this.#at = this.#taken = 0;
    if (this.#scratch.length > MOST_SCRATCH_BYTES) this.#scratch = Buffer.allocUnsafe(FIRST_SCRATCH_BYTES);
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#scratch.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#scratch.length * 2, this.#at + bytes));
    this.#scratch.copy(larger, 0, 0, this.#at);
    this.#scratch = larger;
  }
}

/** Reads a frame's payload in the order it was packed. Throws a RangeError where the payload ends too early. */
export class Unpacker {
  #at = 0;
  #end = 0;

  constructor(private readonly chunk: Buffer) {}

  /** Goes to another payload of the same chunk. */
  over(at: number, end: number): this {
    this.#at = at;
    this.#end = end;
    return this;
  }

  u8(): number {
    return this.chunk[this.#pass(1)]!;
  }

  u32(): number {
    return this.chunk.readUInt32LE(this.#pass(4));
  }

  text(): string {
    const size = this.u32();
    const at = this.#pass(size);
    return this.chunk.toString('utf8', at, at + size);
  }

  latin1(): string[] {
    const count = this.u32();
    const lengths = this.#pass(count * 4);
    let size = 0;
    for (let at = lengths; at < this.#at; at += 4) size += this.chunk.readUInt32LE(at);
    const start = this.#pass(size);
    const text = this.chunk.toString('latin1', start, start + size);
    const values: string[] = [];
    for (let at = lengths, from = 0; at < start; at += 4) {
      const to = from + this.chunk.readUInt32LE(at);
      values.push(text.slice(from, to));
      from = to;
    }
    return values;
  }

  json<T>(): T {
    return JSON.parse(this.text()) as T;
  }

  /** A view of the payload, not a copy. */
  bytes(): Buffer {
    const size = this.u32();
    const at = this.#pass(size);
    return this.chunk.subarray(at, at + size);
  }

  /** Where the next so many bytes are. */
  #pass(bytes: number): number {
    const at = this.#at;
    if (at + bytes > this.#end) throw new RangeError('a block of the frame reaches beyond its end');
    this.#at = at + bytes;
    return at;
  }
}
