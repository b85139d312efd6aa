/** How long each layer waits, as OpenFaaS names it in a function's environment: Go durations, or whole seconds; 0 is for ever. */
import type { Deployment } from '../model/config.js';
import { Fault } from '../model/faults.js';
import { HANDLER_TIMEOUT_MS, READ_TIMEOUT_MS, WRITE_TIMEOUT_MS } from '../model/limits.js';

/** Of the function's environment. */
const TIMEOUT_VARIABLES = ['exec_timeout', 'read_timeout', 'write_timeout'] as const;
export type TimeoutVariable = (typeof TIMEOUT_VARIABLES)[number];

export interface Timeouts {
  /** From the handler's start to the end of its answer. */
  execMs: number;
  /** The client may keep the node waiting so long: for a whole body, or for the next piece of one that streams. */
  readMs: number;
  /** The client may leave the answer's bytes waiting so long. */
  writeMs: number;
}

const UNITS_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/;
/** Timers count in 31 bits: beyond, they would run out at once. */
const MAX_MS = 24 * 86_400_000;

/** `1500` → 1500, at most what a timer can count. Undefined for what is no whole number of milliseconds. */
export function millisecondsOf(text = ''): number | undefined {
  return /^\d{1,12}$/.test(text) ? Math.min(Number(text), MAX_MS) : undefined;
}

/** Undefined for what is no duration. */
export function durationMs(text: string): number | undefined {
  const trimmed = text.trim();
  if (/^\d{1,9}$/.test(trimmed)) return Math.min(Number(trimmed) * 1_000, MAX_MS);
  if (!DURATION.test(trimmed)) return undefined;
  let total = 0;
  for (const [, count, unit] of trimmed.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) total += Number(count) * UNITS_MS[unit!]!;
  return Math.min(Math.round(total), MAX_MS);
}

/** Throws PARAMETER_INVALID. */
export function checkTimeouts({ envVars = {} }: Pick<Deployment, 'envVars'>): void {
  for (const name of TIMEOUT_VARIABLES) {
    if (envVars[name] === undefined || durationMs(envVars[name]) !== undefined) continue;
    throw new Fault('PARAMETER_INVALID', { name, reason: 'it is a duration such as 10s, 1m30s or 500ms, or a whole number of seconds' });
  }
}

export function timeoutsOf({ envVars = {} }: Pick<Deployment, 'envVars'>): Timeouts {
  const of = (name: TimeoutVariable, otherwise: number) => durationMs(envVars[name] ?? '') ?? otherwise;
  return {
    execMs: of('exec_timeout', HANDLER_TIMEOUT_MS), readMs: of('read_timeout', READ_TIMEOUT_MS), writeMs: of('write_timeout', WRITE_TIMEOUT_MS),
  };
}
