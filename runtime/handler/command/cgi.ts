/** The answer of a command that writes headers of its own before the body (RFC 3875, section 6). */
import type { FunctionResponse } from '../../session/call.js';
import { toResponse } from '../response.js';

const MAX_HEAD_BYTES = 32 * 1024;

/** Throws a TypeError for what is no such answer. */
export function cgiResponse(output: Buffer): FunctionResponse {
  const head = /^((?:[^\r\n]+\r?\n)+)\r?\n/.exec(output.toString('latin1', 0, MAX_HEAD_BYTES));
  if (!head) throw new TypeError('The output does not begin with headers and an empty line');
  const headers: Record<string, string | string[]> = {};
  for (const line of head[1]!.trimEnd().split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon < 1) throw new TypeError(`The output has a line among its headers that is none: ${line}`);
    const name = line.slice(0, colon).trim().toLowerCase();
    headers[name] = headers[name] === undefined ? line.slice(colon + 1).trim() : [...[headers[name]].flat(), line.slice(colon + 1).trim()];
  }
  const { status, ...others } = headers;
  const given = status === undefined ? undefined : /^(\d{3})(?:\s|$)/.exec(String(status))?.[1];
  if (status !== undefined && given === undefined) throw new TypeError(`The output has the status ${String(status)}, which is none`);
  const rest = output.subarray(head[0].length);
  return toResponse({ status: given === undefined ? others['location'] === undefined ? 200 : 302 : Number(given), headers: others, body: rest.length > 0 ? rest : undefined });
}
