import type { Log } from '../base/log.js';
import type { LogLevel } from './context.js';

/** One line of a function for the node's log. */
export interface FunctionLine {
  level: LogLevel;
  function: string;
  /** Missing for what belongs to no call: loading, and what the code prints by itself. */
  callId?: string;
  message: string;
  details?: Record<string, unknown>;
}

export type FunctionLog = (line: FunctionLine) => void;

/** Lets functions' lines into the node's log, what they say about themselves under `details`. */
export function functionLogTo(log: Log): FunctionLog {
  return ({ level, message, ...fields }) => log[level](fields, message);
}
