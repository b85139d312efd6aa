/** Bodies up to a limit, and the end of those that go beyond it. */
import type { IncomingMessage } from 'node:http';
import { Fault } from '../model/faults.js';
import { LINGER_MS } from '../model/limits.js';
import type { Clock } from './clock.js';

/**
 * All of a body. The connection stays as it is, so that a refusal can be answered: whoever answers it lingers.
 * Rejects with BODY_TOO_LARGE, before anything is read where the headers say so, or with CLIENT_GONE when the body breaks off.
 */
export function readUpTo(request: IncomingMessage, limit: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > limit) return Promise.reject(new Fault('BODY_TOO_LARGE', { limit }));
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = [];
    let bytes = 0;
    let isWhole = false;
    const take = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= limit) chunks.push(chunk);
      else {
        chunks = [];
        // What still comes is thrown away unseen.
        request.off('data', take);
        reject(new Fault('BODY_TOO_LARGE', { limit }));
      }
    };
    request.on('data', take);
    request.on('end', () => {
      isWhole = true;
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
    });
    request.on('error', (cause) => reject(new Fault('CLIENT_GONE', {}, { cause })));
    // Every request is closed some time: to make a fault each time would cost a tenth of a small request.
    request.on('close', () => isWhole || reject(new Fault('CLIENT_GONE')));
  });
}

/**
 * After an answer that came before the whole request: the rest is read and thrown away for a moment, because
 * closing at once would reset the connection under a client that has not read the answer yet.
 */
export function linger(request: IncomingMessage, clock: Clock): void {
  if (request.complete) return;
  request.resume();
  const timer = clock.setTimeout(() => {
    if (!request.complete) request.socket.destroy();
  }, LINGER_MS);
  request.once('close', () => clock.clearTimeout(timer));
}
