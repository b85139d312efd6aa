/** What frames travel on: bytes in order, both ways. */
import type { Duplex } from 'node:stream';

export interface Wire {
  /** Called once, before anything else; `ended` may be called more than once. */
  open(take: (chunk: Buffer) => void, ended: () => void): void;
  /** At least one piece. */
  write(pieces: Buffer[]): void;
  /** After what was written has gone. */
  end(): void;
}

/** One end of a unix socket. */
export class SocketWire implements Wire {
  constructor(private readonly socket: Duplex) {}

  open(take: (chunk: Buffer) => void, ended: () => void): void {
    this.socket.on('data', take);
    this.socket.on('error', () => undefined);
    for (const event of ['end', 'close']) this.socket.once(event, ended);
  }

  write(pieces: Buffer[]): void {
    if (pieces.length === 1) {
      this.socket.write(pieces[0]!);
      return;
    }
    this.socket.cork();
    for (const piece of pieces) this.socket.write(piece);
    this.socket.uncork();
  }

  end(): void {
    this.socket.end();
  }
}
