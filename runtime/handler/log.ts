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
