/** Answers on a connection that has no response object: one that is not well-formed, or that asked for another protocol. */
import { STATUS_CODES } from 'node:http';
import type { Fault } from '../model/faults.js';

export function rawFault(fault: Fault): string {
  const body = JSON.stringify(fault);
  return [
    `HTTP/1.1 ${fault.status} ${STATUS_CODES[fault.status] ?? ''}`, 'Connection: close', 'Content-Type: application/json', 'X-OpenFaaS-Internal: gateway',
    `Content-Length: ${Buffer.byteLength(body)}`, '', body,
  ].join('\r\n');
}
