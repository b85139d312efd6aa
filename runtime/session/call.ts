/** The shapes that pass between gateway, session layer and workers. */
import type { Duplex } from 'node:stream';
import type { Effect, SessionData, Write } from '../store/store.js';

/** How a function treats its session: taken from the class its module exports. */
export type FunctionKind = 'offloadable' | 'read-only' | 'stateless';

/** Method of a call that is a message of a WebSocket. HTTP has none of that name, so no client can send it. */
export const MESSAGE = 'MESSAGE';

export interface FunctionRequest {
  method: string;
  /** Path behind the function's name: '' or '/a/b'. */
  path: string;
  /** Query without '?', redirect marks removed. */
  query: string;
  /** Lower-case names, as node:http gives them. */
  headers: Record<string, string | string[] | undefined>;
  /** Empty when the body comes as a stream. */
  body: Buffer;
  /** The body as it comes, for a function that streams; to be read once. */
  stream?: AsyncIterable<Buffer>;
  /** Where `headers` are read from when somebody asks for them, by who can leave that to another process. */
  readonly arrived?: Arrived;
}

/** A request as node:http has it. `headers` of the function's request also have the call's id and the client's address, where these do not. */
export interface Arrived {
  /** Names and values in turn, all of it Latin-1, as the target is. */
  readonly rawHeaders: readonly string[];
  readonly socket: { readonly remoteAddress?: string | undefined };
}

export interface FunctionResponse {
  status: number;
  headers: Record<string, string | string[]>;
  /** Empty when the body comes as a stream. */
  body: Buffer;
  /**
   * The body of a stateless function as it comes; to be read once, or left by its iterator's `return`. It rejects with a fault
   * as `Worker.run` does; the call's deadline and signal hold until its end.
   */
  stream?: AsyncIterable<Buffer>;
}

/** What a handler may know about its session. */
export interface SessionInfo {
  id: string;
  /** Node that runs the request. */
  node: string;
  home: string;
  epoch: number;
  version: number;
}

/** A session's data as a worker gets it: small ones whole, large ones key by key. */
export interface SessionAccess {
  info: SessionInfo;
  /** Undefined for a large session. The worker must not change it. */
  data?: SessionData;
  /** One key of a large session; rejects when the session's version is no longer the one read from. */
  fetch(key: string): Promise<Buffer | Buffer[] | undefined>;
  fetchKeys(): Promise<string[]>;
}

export interface WorkerCall {
  function: string;
  /** Unique per call, for logs. */
  callId: string;
  request: FunctionRequest;
  /** Missing for a stateless function. */
  session?: SessionAccess;
  /** Aborted when the client goes away or the time is up. */
  signal: AbortSignal;
  timeoutMs: number;
  /** When the request arrived at the gateway, on its clock that only ever grows. */
  readonly arrivedMs?: number;
}

export interface TelemetryEntry {
  level: 'error' | 'warn' | 'info' | 'debug' | 'trace';
  target: string;
  value: number;
  atMs: number;
}

/** What a handler's run comes to; nothing of it has taken effect yet. */
export interface WorkerAnswer {
  response: FunctionResponse;
  writes: Write[];
  effects: Effect[];
  /** Idle time to live, when the handler set one. */
  ttlMs?: number;
  telemetry: TelemetryEntry[];
}

/** Whoever waits for what a call comes to: told one of the two, once. Neither may throw. */
export interface Taker {
  answered(answer: WorkerAnswer): void;
  /** With what `Worker.run` rejects with. */
  failed(error: unknown): void;
}

/** How many of a function are wanted at this node, and how many of them could take a call now. */
export interface Replicas {
  wanted: number;
  available: number;
}

/** A request with `Connection: Upgrade`; its connection belongs to whoever takes it. */
export interface UpgradeCall {
  callId: string;
  request: FunctionRequest;
  /** Aborted when the node drains, and when the function is removed or replaced. */
  signal: AbortSignal;
  /** Time until the function's answer, in ms; 0 for ever. How long the connection lasts then is the affair of its two ends. */
  timeoutMs: number;
  /** To be told the status of the function's answer. */
  answered(status: number): void;
  /** Answers a fault in place of the function, and ends the connection. */
  refuse(error: unknown): void;
}

/**
 * Runs one deployed function. Rejects with a fault: HANDLER_FAILED (it threw), HANDLER_TIMEOUT,
 * WORKER_LOST (its process died and a second try died too), CLIENT_GONE.
 */
export interface Worker {
  readonly kind: FunctionKind;
  /** Missing for one that always runs as one: it is in the node's own thread, or somewhere else. */
  readonly replicas?: Replicas;
  /**
   * Makes it so many, 0 to MAX_REPLICAS; resolves when those that are missing are there, and rejects with a fault when they cannot be.
   * Surplus ones end after their calls. A call that finds none starts one.
   */
  scale?(replicas: number): Promise<void>;
  /**
   * What its processes have taken of the processor since it was made, in ms; undefined when that is not known. Missing for one that
   * runs in the node's own thread, or somewhere else.
   */
  processorMs?(): Promise<number | undefined>;
  /** Takes over a connection that asks for another protocol, such as WebSocket; ends it when the function does not speak it. */
  upgrade?(call: UpgradeCall, client: Duplex, head: Buffer): void;
  /** It takes the body of a request as a stream. */
  readonly streams?: boolean;
  /** It takes messages of WebSockets, each by a call with the method MESSAGE. */
  readonly sockets?: boolean;
  run(call: WorkerCall): Promise<WorkerAnswer>;
  /** The same, without a promise where the handler needed none: for a small request that is a tenth of its cost. It may throw, too. */
  runNow?(call: WorkerCall): Promise<WorkerAnswer> | WorkerAnswer;
  /** The same without any promise, for a call on its own way to another process: several promises cost as much as the way. */
  runFor?(call: WorkerCall, taker: Taker): void;
  close(): Promise<void>;
}
