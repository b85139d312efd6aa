/** The body of a command or an administrative call: bytes as bytes, everything else JSON. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseJson } from '../base/parse-json.js';
import { MAX_COMMAND_BODY_BYTES } from '../model/limits.js';
import type { Admitted } from './access.js';
import { type Patience, readBody } from './body.js';

/** Seed 003's callers send JSON without saying so, hence only application/octet-stream is told apart. */
export async function readPayload(
  request: IncomingMessage, response: ServerResponse, admitted?: Admitted, expects = false, patience?: Patience,
): Promise<unknown> {
  const body = await readBody(request, response, MAX_COMMAND_BODY_BYTES, expects, patience);
  admitted?.assertBody(body);
  if (request.headers['content-type']?.startsWith('application/octet-stream')) return body;
  return parseJson(body);
}
