/** What a handler is given beside its request. */
import type { SessionInfo, TelemetryEntry } from '../session/call.js';
import type { EdgeDB, ReadOnlyEdgeDB } from './edgedb.js';
import type { Secrets } from './secrets.js';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** Lines go to the node's log with the function's name and the call's id, never to the client. */
export type Logger = Record<LogLevel, (message: string, details?: Record<string, unknown>) => void>;

export interface StatelessContext {
  /** Unique per call; errors answered to clients name it. */
  readonly callId: string;
  /** Aborted when the client goes away or the time is up. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** Environment variables of the deployment. */
  readonly env: Readonly<Record<string, string>>;
  /** The secrets that the deployment names. */
  readonly secrets: Secrets;
  /** Records one sample under `target`; it takes effect only when the handler succeeds. */
  telemetryLog(level: TelemetryEntry['level'], target: string, value: number): void;
}

export interface ReadOnlyContext extends StatelessContext {
  readonly session: Readonly<SessionInfo>;
  readonly edgeDB: ReadOnlyEdgeDB;
}

/** What one session asks of another; a body of text or bytes goes as it is, anything else as JSON. */
export interface EffectRequest {
  /** POST unless said otherwise. */
  method?: string;
  /** Behind the function's name: '' or '/a/b'. */
  path?: string;
  query?: string | Record<string, string>;
  headers?: Record<string, string>;
  body?: unknown;
}

export interface HandlerContext extends StatelessContext {
  readonly session: Readonly<SessionInfo>;
  readonly edgeDB: EdgeDB;
  /**
   * Sends the value to the function on every node of the named levels on the path from the session's home to the root.
   * Committed with this request's writes; delivered afterwards, in order, once in effect.
   * @param levels 'city,cloud', or '*' for the whole path, home included
   */
  propagate(value: unknown, levels: string, functionName: string): void;
  /** Calls a function with another session, likewise afterwards and once in effect; its answer goes to nobody. */
  call(functionName: string, session: string, request?: EffectRequest): void;
}
