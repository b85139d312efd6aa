/** The effects on other sessions that one run asks for: rows that are committed with its writes. */
import { effectId } from '../base/ids.js';
import { Fault } from '../model/faults.js';
import { MAX_EFFECTS_PER_REQUEST, MAX_EFFECT_BYTES, MAX_SESSION_ID_BYTES } from '../model/limits.js';
import type { FunctionRequest, SessionInfo } from '../session/call.js';
import { contentOf, encodeRow, type EffectRow } from '../session/effect.js';
import type { Effect } from '../store/store.js';
import type { EffectRequest } from './context.js';

export class Outbox {
  readonly rows: Effect[] = [];

  constructor(
    private readonly service: string, private readonly callId: string,
    private readonly request: FunctionRequest, private readonly session: SessionInfo,
  ) {}

  propagate(value: unknown, levels: string, functionName: string): void {
    mustBeName(functionName);
    if (value === undefined) throw new TypeError('propagate needs a value: text, bytes, or anything that JSON can say');
    const named = String(levels).split(',').map((level) => level.trim()).filter(Boolean);
    if (named.length === 0) throw new TypeError("propagate needs levels: 'city,cloud', or '*' for the whole path to the root");
    this.#add({ kind: 'propagate', function: functionName, levels: named, home: this.session.home, content: contentOf(value) });
  }

  call(functionName: string, session: string, { method = 'POST', path = '', query = '', headers = {}, body }: EffectRequest): void {
    mustBeName(functionName);
    const bytes = Buffer.byteLength(String(session));
    if (bytes < 1 || bytes > MAX_SESSION_ID_BYTES) throw new Fault('SESSION_ID_INVALID', { bytes });
    const request = {
      method, path, headers, query: new URLSearchParams(query).toString(), ...(body !== undefined && { content: contentOf(body) }),
    };
    this.#add({ kind: 'call', function: functionName, session: String(session), home: this.session.home, request });
  }

  #add(row: EffectRow): void {
    if (this.rows.length >= MAX_EFFECTS_PER_REQUEST) throw new Fault('EFFECTS_TOO_MANY', { limit: MAX_EFFECTS_PER_REQUEST });
    const body = encodeRow(row);
    if (body.length > MAX_EFFECT_BYTES) throw new Fault('EFFECT_TOO_LARGE', { bytes: body.length, limit: MAX_EFFECT_BYTES });
    // A request that runs again because its commit was lost has the same effects, one of which may be on its way.
    const request = String(this.request.headers['x-session-request-id'] ?? this.callId).toLowerCase();
    this.rows.push({ id: effectId(this.session.id, this.service, request, this.rows.length), body });
  }
}

function mustBeName(functionName: unknown): void {
  if (typeof functionName !== 'string' || functionName === '') throw new TypeError('The name of the receiving function is needed');
}
