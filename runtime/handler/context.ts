/** What a handler is given beside its request. */
import type { SessionInfo, TelemetryEntry } from '../session/call.js';
import type { EdgeDB, ReadOnlyEdgeDB } from './edgedb.js';

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
  /** Records one sample under `target`; it takes effect only when the handler succeeds. */
  telemetryLog(level: TelemetryEntry['level'], target: string, value: number): void;
}

export interface ReadOnlyContext extends StatelessContext {
  readonly session: Readonly<SessionInfo>;
  readonly edgeDB: ReadOnlyEdgeDB;
}

export interface HandlerContext extends StatelessContext {
  readonly session: Readonly<SessionInfo>;
  readonly edgeDB: EdgeDB;
}
