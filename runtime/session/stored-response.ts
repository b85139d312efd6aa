/** A response as it is kept under its request id: length of the head, head as JSON, body. */
import { hash } from 'node:crypto';
import type { FunctionRequest, FunctionResponse } from './call.js';

export function encodeResponse({ status, headers, body }: FunctionResponse): Buffer {
  const head = Buffer.from(JSON.stringify({ status, headers }));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(head.length);
  return Buffer.concat([length, head, body]);
}

export function decodeResponse(stored: Buffer): FunctionResponse {
  const bodyStart = 4 + stored.readUInt32BE(0);
  const { status, headers } = JSON.parse(stored.toString('utf8', 4, bodyStart)) as Pick<FunctionResponse, 'status' | 'headers'>;
  return { status, headers, body: stored.subarray(bodyStart) };
}

/** Tells whether a repeated request id came with the same request. */
export function digestOf({ method, path, query, body }: FunctionRequest): string {
  const head = JSON.stringify([method, path, query]);
  return hash('sha256', body.length === 0 ? head : Buffer.concat([Buffer.from(head), body]), 'base64');
}
