/** Writes and reads the binary frames between a node and its worker processes. */

/** Length (of what follows it), type, number of the call. */
export const FRAME_HEADER_BYTES = 9;
/** Blocks from this size on are sent from where they are; smaller ones are cheaper to copy together. */
const BIG_BLOCK_BYTES = 16 * 1024;
const FIRST_SCRATCH_BYTES = 16 * 1024;
const MOST_SCRATCH_BYTES = 256 * 1024;

/** Builds one frame at a time in a scratch buffer that is used again and again. */
export class Packer {
  #scratch = Buffer.allocUnsafe(FIRST_SCRATCH_BYTES);
  #at = 0;
  #taken = 0;
  #pieces: Buffer[] = [];
  #size = 0;

  begin(type: number, id: number): this {
    this.#at = 0;
    this.#taken = 0;
    this.#size = 0;
    this.#pieces = [];
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

  json(value: unknown): this {
    return this.text(JSON.stringify(value));
  }

  bytes(value: Buffer): this {
    this.u32(value.length);
    if (value.length >= BIG_BLOCK_BYTES) {
      this.#cut();
      this.#pieces.push(value);
      this.#size += value.length;
    } else {
      this.#room(value.length);
      this.#scratch.set(value, this.#at);
      this.#at += value.length;
    }
    return this;
  }

  /** The frame, in pieces to be written one after another. */
  end(): Buffer[] {
    this.#cut();
    this.#pieces[0]!.writeUInt32LE(this.#size - 4, 0);
    if (this.#scratch.length > MOST_SCRATCH_BYTES) this.#scratch = Buffer.allocUnsafe(FIRST_SCRATCH_BYTES);
    return this.#pieces;
  }

  /** Copies what the scratch buffer holds since the last cut into a piece of its own. */
  #cut(): void {
    if (this.#at === this.#taken) return;
    const piece = Buffer.allocUnsafe(this.#at - this.#taken);
    this.#scratch.copy(piece, 0, this.#taken, this.#at);
    this.#pieces.push(piece);
    this.#size += piece.length;
    this.#taken = this.#at;
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

  constructor(private readonly payload: Buffer) {}

  u8(): number {
    const value = this.payload.readUInt8(this.#at);
    this.#at += 1;
    return value;
  }

  u32(): number {
    const value = this.payload.readUInt32LE(this.#at);
    this.#at += 4;
    return value;
  }

  text(): string {
    const end = this.#end();
    const value = this.payload.toString('utf8', this.#at, end);
    this.#at = end;
    return value;
  }

  json<T>(): T {
    return JSON.parse(this.text()) as T;
  }

  /** A view of the payload, not a copy. */
  bytes(): Buffer {
    const end = this.#end();
    const value = this.payload.subarray(this.#at, end);
    this.#at = end;
    return value;
  }

  #end(): number {
    const size = this.u32();
    const end = this.#at + size;
    if (end > this.payload.length) throw new RangeError('a block of the frame reaches beyond its end');
    return end;
  }
}
