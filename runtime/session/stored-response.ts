/** A response as it is kept under its request id: length of the head, head as JSON, body. */
import { hash } from 'node:crypto';
import type { FunctionRequest, FunctionResponse } from './call.js';

const PLAIN_DIGEST_CHARS = 128;
const IS_ASCII = /^[\x20-\x7e]*$/;

export function encodeResponse({ status, headers, body }: FunctionResponse): Buffer {
  const head = JSON.stringify({ status, headers });
  const headBytes = Buffer.byteLength(head);
  const stored = Buffer.allocUnsafe(4 + headBytes + body.length);
  stored.writeUInt32BE(headBytes, 0);
  stored.write(head, 4);
  body.copy(stored, 4 + headBytes);
  return stored;
}

export function decodeResponse(stored: Buffer): FunctionResponse {
  const bodyStart = 4 + stored.readUInt32BE(0);
  const { status, headers } = JSON.parse(stored.toString('utf8', 4, bodyStart)) as Pick<FunctionResponse, 'status' | 'headers'>;
  return { status, headers, body: stored.subarray(bodyStart) };
}

/** Tells whether a repeated request id came with the same request. */
export function digestOf({ method, path, query, body }: FunctionRequest): string {
  const head = JSON.stringify([method, path, query]);
  // Short enough to be compared as it is: hashing would cost more than keeping it.
  if (body.length === 0 && head.length <= PLAIN_DIGEST_CHARS && IS_ASCII.test(head)) return head;
  return hash('sha256', body.length === 0 ? head : Buffer.concat([Buffer.from(head), body]), 'base64');
}
