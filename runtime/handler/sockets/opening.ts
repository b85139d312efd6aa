/** The request that opens a WebSocket of a function, read by its headers and its query. */
import type { IncomingHttpHeaders } from 'node:http';
import { v5 } from 'uuid';
import type { FunctionPath } from '../../base/function-path.js';
import { textOfHeader } from '../../base/header-text.js';
import { isUuid } from '../../base/ids.js';
import { Fault } from '../../model/faults.js';
import { MAX_SESSION_ID_BYTES } from '../../model/limits.js';
import type { FunctionRequest } from '../../session/call.js';

export interface SocketOpening {
  /** Missing: the client named none. */
  session?: string;
  /** Names its messages, together with their numbers; missing: the client named none, and no message of it can come again. */
  connection?: string;
  /** Number of the first message, 0 unless it goes on from another socket. */
  next: number;
  /** Version of the session that the client has seen. */
  minVersion?: number;
  /** As the function sees it of every message. */
  path: string;
  query: string;
  headers: FunctionRequest['headers'];
}

/** Parts of the query that are about the socket, not the function's. A page can set no header on a WebSocket. */
const OWN = new Set(['session', 'connection', 'next']);
/** They are about the connection. */
const NOT_OF_A_MESSAGE = /^(?:connection|upgrade|keep-alive|content-length|content-type|expect|sec-websocket-.*|x-session-request-id)$/;

/** Throws SESSION_ID_INVALID, PARAMETER_INVALID. */
export function openingOf(headers: IncomingHttpHeaders, at: FunctionPath): SocketOpening {
  const { own, query } = split(at.query);
  const opening: SocketOpening = {
    next: numberOf(own.get('next'), 'next') ?? 0, path: at.path, query,
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !NOT_OF_A_MESSAGE.test(name))),
  };
  const connection = own.get('connection');
  const header = headers['x-session'];
  const session = typeof header === 'string' ? textOfHeader(header) : own.get('session');
  const version = headers['x-session-version'];
  if (connection !== undefined) opening.connection = connectionOf(connection);
  if (session !== undefined) {
    const bytes = Buffer.byteLength(session);
    if (bytes < 1 || bytes > MAX_SESSION_ID_BYTES) throw new Fault('SESSION_ID_INVALID', { bytes });
    opening.session = session;
  }
  if (version !== undefined) opening.minVersion = numberOf(String(version), 'X-session-version')!;
  return opening;
}

/** Of the message to come: the same when it comes again over another socket, so that it takes effect once. */
export function messageId({ connection, next }: SocketOpening): string | undefined {
  return connection === undefined ? undefined : v5(`message/${next}`, connection);
}

function connectionOf(text: string): string {
  if (!isUuid(text)) throw new Fault('PARAMETER_INVALID', { name: 'connection', reason: 'it is a UUID, chosen by the client for this conversation' });
  return text.toLowerCase();
}

function numberOf(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new Fault('PARAMETER_INVALID', { name, reason: 'it is a whole number from 0 on' });
  return Number(text);
}

function split(query: string): { own: Map<string, string>; query: string } {
  const own = new Map<string, string>();
  const kept = query.split('&').filter((part) => {
    const name = part.split('=', 1)[0]!;
    if (!OWN.has(name)) return true;
    own.set(name, new URLSearchParams(part).get(name)!);
    return false;
  });
  return { own, query: kept.join('&') };
}
