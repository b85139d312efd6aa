/** Reads what `receive-propagate` and `/peer/call` are sent. */
import { Fields } from '../base/fields.js';
import { isUuid, type Ids } from '../base/ids.js';
import { Fault } from '../model/faults.js';
import { MAX_SETTLED_PER_DELIVERY } from '../model/limits.js';
import type { CallRequest, Content } from '../session/effect.js';
import type { Place } from '../session/marks.js';
import type { CallOrder, PropagateOrder, Trail } from './receive.js';

/** A node sends `content`; anybody else may send a plain `value`, with an `id` if it is to be sent twice and taken once. */
export function propagationOf(body: unknown, ids: Ids): PropagateOrder {
  const fields = new Fields(body);
  const content = contentIn(fields.has('content') ? (body as { content: unknown }).content : body);
  if (content === undefined) throw new Fault('PARAMETER_INVALID', { name: 'value', reason: 'the value to be received is needed' });
  const session = fields.has('session') ? fields.session() : undefined;
  return { function: fields.text('function'), id: fields.has('id') ? idOf(fields) : ids.uuid(), content, place: placeIn(body), ...trailOf(fields), session };
}

export function callOf(body: unknown): CallOrder {
  const fields = new Fields(body);
  const request = fields.has('request') ? (body as { request: object }).request : {};
  return { function: fields.text('function'), id: idOf(fields), request: requestIn(request), place: placeIn(body), ...trailOf(fields), session: fields.session() };
}

/** Where a node says that its delivery stands; a delivery by hand has its id alone. */
function placeIn(body: unknown): Place | undefined {
  const { place } = (body ?? {}) as { place?: { settled?: unknown } };
  if (place === undefined || place === null) return undefined;
  const fields = new Fields(place);
  const isSettled = (each: unknown): each is [string, number] => Array.isArray(each) && typeof each[0] === 'string' && Number.isSafeInteger(each[1]);
  const settled = Array.isArray(place.settled) ? place.settled.filter(isSettled).slice(0, MAX_SETTLED_PER_DELIVERY) : undefined;
  return { lane: fields.text('lane'), number: fields.count('number'), atMs: fields.count('atMs'), ...(settled && { settled }) };
}

function requestIn(body: object): CallRequest {
  const { method = 'POST', path = '', query = '', headers = {}, content } = body as Partial<CallRequest>;
  return { method: String(method), path: String(path), query: String(query), headers: { ...headers }, content: contentIn(content) };
}

function contentIn(body: unknown): Content | undefined {
  const { base64, value } = (body ?? {}) as { base64?: unknown; value?: unknown };
  if (typeof base64 === 'string') return { base64 };
  return value === undefined ? undefined : { value };
}

function idOf(fields: Fields): string {
  const id = fields.text('id').toLowerCase();
  if (!isUuid(id)) throw new Fault('PARAMETER_INVALID', { name: 'id', reason: 'it is a UUID, the same in every try' });
  return id;
}

function trailOf(fields: Fields): Omit<Trail, 'session'> {
  return { redirectedHome: fields.maybeText('redirectedHome'), hops: fields.has('hops') ? fields.count('hops') : undefined };
}
