/** The node's log: JSON lines by pino. Nothing secret gets in: credentials are cut out, session ids are hashed. */
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { destination, pino } from 'pino';
import { Fault } from '../model/faults.js';

export type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug';

export interface Log {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
  debug(fields: object, message: string): void;
  child(fields: Record<string, unknown>): Log;
}

const SECRET_FIELDS = ['authorization', 'password', 'key', 'secret', 'cookie'].flatMap((name) => [name, `*.${name}`, `headers["${name}"]`]);

/** Writes to standard output, or appends to `file`. */
export function createLog(level: LogLevel, options: { file?: string; fields?: Record<string, unknown> } = {}): Log {
  if (options.file) mkdirSync(dirname(options.file), { recursive: true });
  const out = destination({ dest: options.file ?? 1, sync: true, mkdir: true });
  return pino({ level, base: options.fields ?? null, redact: { paths: SECRET_FIELDS, censor: '(cut out)' } }, out);
}

/** Session ids are credentials in practice (who knows one reads the session), so the log gets only this. */
export function hashOfSession(session: string): string {
  return createHash('sha256').update(session).digest('hex').slice(0, 12);
}

export const silentLog: Log = {
  error: () => undefined, warn: () => undefined, info: () => undefined, debug: () => undefined, child: () => silentLog,
};

/** Why something failed, for a log line: a fault's sentence may carry a session's id, its code does not. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Fault)) return (error as Error).message;
  const { node, url, reason } = error.details;
  return [error.code, node, url, reason].filter((part) => part !== undefined).join(' ');
}
