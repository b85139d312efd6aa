/** JSON of a caller; a refusal says where it breaks and quotes nothing of it. */
import { Fault } from '../model/faults.js';

/** @param where begins the reason, such as `line 3: `. Undefined without a byte. Throws JSON_INVALID. */
export function parseJson(body: Buffer | string, where = ''): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(typeof body === 'string' ? body : body.toString('utf8'));
  } catch (cause) {
    // V8 quotes the text around the fault, which may hold a password.
    throw new Fault('JSON_INVALID', { reason: where + placeIn((cause as Error).message) }, { cause });
  }
}

function placeIn(message: string): string {
  return /position \d+( \(line \d+ column \d+\))?/.exec(message)?.[0].replace(/^/, 'it breaks at ') ?? 'it ends too early or is no JSON at all';
}
