/** Frames over one wire: many go out in one write per turn of the event loop, whole ones come in. */
import { messageOf } from '../../base/thrown.js';
import { MAX_FRAME_BYTES } from '../../model/limits.js';
import { FRAME_HEADER_BYTES, Packer, Unpacker } from './packing.js';
import type { Wire } from './wire.js';

export interface ChannelEvents {
  /** The payload is to be read before this returns. */
  frame(type: number, id: number, payload: Unpacker): void;
  /** Once: the other side is gone, or sent what is no frame. */
  ended(reason?: string): void;
}

export class Channel {
  readonly #packer = new Packer();
  #isDue = false;
  #chunks: Buffer[] = [];
  #have = 0;
  /** Bytes without which no frame is whole. */
  #need = FRAME_HEADER_BYTES;
  #ended = false;

  constructor(private readonly wire: Wire, private readonly events: ChannelEvents) {
    wire.open((chunk) => this.#take(chunk), () => this.#end());
  }

  /** Throws what `pack` throws; nothing of the frame is sent then. */
  send(type: number, id: number, pack?: (packer: Packer) => void): void {
    if (this.#ended) return;
    const packer = this.#packer.begin(type, id);
    try {
      pack?.(packer);
    } catch (error) {
      packer.undo();
      throw error;
    }
    packer.end();
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(this.flush);
  }

  readonly flush = (): void => {
    if (!this.#isDue || this.#ended) return;
    this.#isDue = false;
    this.wire.write(this.#packer.take());
  };

  /** Sends what is due and says goodbye. */
  close(): void {
    this.flush();
    this.wire.end();
  }

  #take(chunk: Buffer): void {
    if (this.#have > 0) {
      this.#chunks.push(chunk);
      this.#have += chunk.length;
      if (this.#have < this.#need) return;
      chunk = Buffer.concat(this.#chunks, this.#have);
      this.#chunks = [];
      this.#have = 0;
    }
    const rest = this.#parse(chunk);
    if (rest.length === 0 || this.#ended) return;
    this.#chunks.push(rest);
    this.#have = rest.length;
  }

  /** Hands out the whole frames; gives what is left. */
  #parse(chunk: Buffer): Buffer {
    let at = 0;
    const payload = new Unpacker(chunk);
    this.#need = FRAME_HEADER_BYTES;
    while (chunk.length - at >= FRAME_HEADER_BYTES && !this.#ended) {
      const length = chunk.readUInt32LE(at);
      if (length < FRAME_HEADER_BYTES - 4 || length > MAX_FRAME_BYTES) {
        this.#end('a frame of an impossible length');
        break;
      }
      const end = at + 4 + length;
      if (end > chunk.length) {
        this.#need = 4 + length;
        break;
      }
      this.#hand(chunk.readUInt8(at + 4), chunk.readUInt32LE(at + 5), payload.over(at + FRAME_HEADER_BYTES, end));
      at = end;
    }
    return chunk.subarray(at);
  }

  #hand(type: number, id: number, payload: Unpacker): void {
    try {
      this.events.frame(type, id, payload);
    } catch (error) {
      this.#end(`a frame that cannot be read: ${messageOf(error)}`);
    }
  }

  #end(reason?: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#packer.take();
    this.#chunks = [];
    this.events.ended(reason);
  }
}
