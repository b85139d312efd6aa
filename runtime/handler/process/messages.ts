/** What a node and its worker processes say to each other, and how each message lies in its frame. */
import type { FaultCode, FaultDetails } from '../../model/faults.js';
import type {
  FunctionKind, FunctionRequest, FunctionResponse, SessionInfo, TelemetryEntry, WorkerAnswer, WorkerCall,
} from '../../session/call.js';
import type { Effect, SessionData, Write } from '../../store/store.js';
import type { FunctionLine } from '../log.js';
import type { Packer, Unpacker } from './packing.js';
import { RequestAsItCame } from './request-as-it-came.js';

/** The last four carry a request's body, or grant room for an answer's. */
export const TO_CHILD = { load: 1, inspect: 2, call: 3, abort: 4, fetched: 5, ping: 6, grant: 7, piece: 8, ended: 9, broken: 10 } as const;
/** After `begun` an answer goes on in pieces until `ended`, or `failed`; `grant` gives room for a request's body. */
export const TO_NODE = {
  loaded: 17, refused: 18, answer: 19, failed: 20, fetch: 21, log: 22, pong: 23, grant: 24, begun: 25, piece: 26, ended: 27,
} as const;

export interface Load {
  service: string;
  path: string;
  env: Record<string, string>;
}

export interface Loaded {
  kind: FunctionKind;
  streams: boolean;
  sockets: boolean;
}

export interface Refused {
  reason: string;
  /** For the log only. */
  stack: string;
}

/** `unread`: reading the session failed; the node knows with what. */
export type Failed = { code: FaultCode; details: FaultDetails } | { unread: true };

export interface Fetch {
  /** Number of the question within its call. */
  question: number;
  /** Missing: the names of all keys are asked for. */
  key?: string;
}

export type Line = Omit<FunctionLine, 'function'>;

type Stored = Buffer | Buffer[] | undefined;
const ABSENT = 0;
const VALUE = 1;
const LIST = 2;
/** How much of the session goes with a call. */
const NO_SESSION = 0;
const WHOLE = 1;
const LARGE = 2;
/** No session, and the body in frames of its own. */
const STREAMED = 3;
const OPS = ['set', 'delete', 'append', 'setList'] as const;
/** Values up to this size are copied out of the frame they came in, so that keeping one does not keep the frame. */
const COPY_BYTES = 4 * 1024;

function packStored(packer: Packer, stored: Stored): void {
  if (stored === undefined) packer.u8(ABSENT);
  else if (Array.isArray(stored)) packList(packer.u8(LIST), stored);
  else packer.u8(VALUE).bytes(stored);
}

function packList(packer: Packer, values: Buffer[]): void {
  packer.u32(values.length);
  for (const value of values) packer.bytes(value);
}

function unpackStored(frame: Unpacker): Stored {
  const kind = frame.u8();
  if (kind === ABSENT) return undefined;
  return kind === LIST ? unpackList(frame) : frame.bytes();
}

function unpackList(frame: Unpacker): Buffer[] {
  const values: Buffer[] = [];
  for (let left = frame.u32(); left > 0; left -= 1) values.push(frame.bytes());
  return values;
}

// ── Call ───────────────────────────────────────────────────────────────────────────────────────

export interface CallMessage {
  callId: string;
  request: FunctionRequest;
  session?: { info: SessionInfo; data?: SessionData };
  /** The request's body follows. */
  isStreamed?: boolean;
}

/** How a call's head lies in its frame. */
const AS_JSON = 0;
const AS_IT_CAME = 1;
/** More than any client has; node:http itself leaves out what is beyond a thousand. */
const MOST_RAW_HEADERS = 200;

export function packCall(packer: Packer, { callId, request, session }: WorkerCall): void {
  const { method, path, query, body, stream, arrived } = request;
  if (arrived !== undefined && session === undefined && arrived.rawHeaders.length <= 2 * MOST_RAW_HEADERS) {
    packer.u8(AS_IT_CAME).latin1([callId, method, path, query, arrived.socket.remoteAddress ?? '', ...arrived.rawHeaders]);
  } else packer.u8(AS_JSON).json([callId, method, path, query, request.headers, session?.info]);
  packer.bytes(body);
  if (!session) packer.u8(stream === undefined ? NO_SESSION : STREAMED);
  else if (!session.data) packer.u8(LARGE);
  else {
    packer.u8(WHOLE).u32(session.data.size);
    for (const [key, stored] of session.data) packStored(packer.text(key), stored);
  }
}

export function unpackCall(frame: Unpacker): CallMessage {
  if (frame.u8() === AS_IT_CAME) {
    const came = new RequestAsItCame(frame.latin1(), frame.bytes());
    return { callId: came.callId, request: came, isStreamed: frame.u8() === STREAMED };
  }
  const [callId, method, path, query, headers, info] =
    frame.json<[string, string, string, string, FunctionRequest['headers'], SessionInfo]>();
  const request: FunctionRequest = { method, path, query, headers, body: frame.bytes() };
  const extent = frame.u8();
  if (extent === NO_SESSION) return { callId, request };
  if (extent === STREAMED) return { callId, request, isStreamed: true };
  if (extent === LARGE) return { callId, request, session: { info } };
  const data: SessionData = new Map();
  for (let left = frame.u32(); left > 0; left -= 1) data.set(frame.text(), unpackStored(frame) ?? []);
  return { callId, request, session: { info, data } };
}

// ── Answer ─────────────────────────────────────────────────────────────────────────────────────

/** What an answer's frame has as JSON: headers with several values, and what few answers have at all. */
const LISTS = 1;
const MORE = 2;

export function packAnswer(packer: Packer, { response, writes, effects, ttlMs, telemetry }: WorkerAnswer): void {
  const { status, headers, body } = response;
  const flat = flatOf(headers);
  const hasMore = ttlMs !== undefined || telemetry.length > 0;
  packer.u8((flat ? 0 : LISTS) | (hasMore ? MORE : 0)).u32(status);
  if (flat) packer.latin1(flat);
  else packer.json(headers);
  if (hasMore) packer.json([ttlMs ?? -1, telemetry]);
  packer.bytes(body).u32(writes.length);
  for (const write of writes) {
    packer.u8(OPS.indexOf(write.op)).text(write.key);
    if (write.op === 'set') packer.bytes(write.value);
    else if (write.op !== 'delete') packList(packer, write.values);
  }
  packer.u32(effects.length);
  for (const { id, body } of effects) packer.text(id).bytes(body);
}

export function unpackAnswer(frame: Unpacker): WorkerAnswer {
  const form = frame.u8();
  const status = frame.u32();
  const headers = (form & LISTS) === 0 ? headersOf(frame.latin1()) : frame.json<FunctionResponse['headers']>();
  const [ttlMs, telemetry] = (form & MORE) === 0 ? [-1, []] : frame.json<[number, TelemetryEntry[]]>();
  const response: FunctionResponse = { status, headers, body: frame.bytes() };
  const writes: Write[] = [];
  for (let left = frame.u32(); left > 0; left -= 1) writes.push(unpackWrite(frame));
  const effects: Effect[] = [];
  for (let left = frame.u32(); left > 0; left -= 1) effects.push({ id: frame.text(), body: own(frame.bytes()) });
  const answer: WorkerAnswer = { response, writes, effects, telemetry };
  if (ttlMs >= 0) answer.ttlMs = ttlMs;
  return answer;
}

/** Undefined when a header has several values. What a handler may answer is Latin-1 alone. */
function flatOf(headers: FunctionResponse['headers']): string[] | undefined {
  const flat: string[] = [];
  for (const name in headers) {
    const value = headers[name]!;
    if (typeof value !== 'string') return undefined;
    flat.push(name, value);
  }
  return flat;
}

function headersOf(flat: readonly string[]): FunctionResponse['headers'] {
  const headers: FunctionResponse['headers'] = {};
  for (let at = 0; at + 1 < flat.length; at += 2) headers[flat[at]!] = flat[at + 1]!;
  return headers;
}

/** The answer's head; its body follows. */
export function packBegun(packer: Packer, { response, telemetry }: WorkerAnswer): void {
  packer.json([response.status, response.headers, telemetry]);
}

export function unpackBegun(frame: Unpacker, stream: AsyncIterable<Buffer>): WorkerAnswer {
  const [status, headers, telemetry] = frame.json<[number, FunctionResponse['headers'], TelemetryEntry[]]>();
  return { response: { status, headers, body: Buffer.alloc(0), stream }, writes: [], effects: [], telemetry };
}

function unpackWrite(frame: Unpacker): Write {
  const op = OPS[frame.u8()];
  if (op === undefined) throw new RangeError('an unknown kind of write');
  const key = frame.text();
  if (op === 'set') return { op, key, value: own(frame.bytes()) };
  return op === 'delete' ? { op, key } : { op, key, values: unpackList(frame).map(own) };
}

function own(value: Buffer): Buffer {
  return value.length <= COPY_BYTES ? Buffer.from(value) : value;
}

// ── Keys of a large session ────────────────────────────────────────────────────────────────────

export type Fetched = { question: number } & ({ failed: true } | { keys: string[] } | { stored: Stored });

export function packFetched(packer: Packer, fetched: Fetched): void {
  if ('failed' in fetched) packer.u32(fetched.question).u8(0);
  else if ('keys' in fetched) packer.u32(fetched.question).u8(1).json(fetched.keys);
  else packStored(packer.u32(fetched.question).u8(2), fetched.stored);
}

export function unpackFetched(frame: Unpacker): Fetched {
  const question = frame.u32();
  switch (frame.u8()) {
    case 0: return { question, failed: true };
    case 1: return { question, keys: frame.json<string[]>() };
    default: return { question, stored: unpackStored(frame) };
  }
}
