import type { MessagePort } from 'node:worker_threads';
import type { Wire } from '../process/wire.js';

/** One end of a message channel: what is written in one turn goes as one message, whose memory changes hands. */
export class PortWire implements Wire {
  constructor(private readonly port: MessagePort) {}

  open(take: (chunk: Buffer) => void, ended: () => void): void {
    this.port.on('message', ({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>) => take(Buffer.from(buffer, byteOffset, byteLength)));
    this.port.once('close', ended);
  }

  write(pieces: Buffer[]): void {
    let size = 0;
    for (const piece of pieces) size += piece.length;
    // Not from the pool of small buffers, which many share: this memory is given away.
    const message = Buffer.allocUnsafeSlow(size);
    let at = 0;
    for (const piece of pieces) {
      message.set(piece, at);
      at += piece.length;
    }
    this.port.postMessage(message, [message.buffer]);
  }

  end(): void {
    this.port.close();
  }
}
