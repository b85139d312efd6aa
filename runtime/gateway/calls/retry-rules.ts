/** When an asynchronous call is tried again: the annotations of OpenFaaS's queue worker, and its defaults. */
import type { Deployment } from '../../model/config.js';
import { MAX_RETRY_ATTEMPTS } from '../../model/limits.js';
import { durationMs } from '../../base/timeouts.js';

export interface RetryRules {
  /** Tries in all; the first is one of them. */
  attempts: number;
  codes: ReadonlySet<number>;
  minWaitMs: number;
  maxWaitMs: number;
}

const PREFIX = 'com.openfaas.retry.';
const DEFAULT_ATTEMPTS = 10;
const DEFAULT_CODES = [408, 429, 500, 502, 503, 504];
const DEFAULT_MIN_WAIT_MS = 10_000;
const DEFAULT_MAX_WAIT_MS = 120_000;

/** What is no valid value counts as left out. */
export function retryRulesOf({ annotations = {} }: Pick<Deployment, 'annotations'>): RetryRules {
  const of = (name: string): string => annotations[PREFIX + name]?.trim() ?? '';
  const codes = of('codes').split(',').map((code) => code.trim());
  const minWaitMs = durationMs(of('min_wait')) ?? DEFAULT_MIN_WAIT_MS;
  return {
    attempts: /^\d{1,9}$/.test(of('attempts')) ? Math.min(Math.max(1, Number(of('attempts'))), MAX_RETRY_ATTEMPTS) : DEFAULT_ATTEMPTS,
    codes: new Set(codes.every((code) => /^[1-5]\d\d$/.test(code)) ? codes.map(Number) : DEFAULT_CODES),
    minWaitMs, maxWaitMs: Math.max(minWaitMs, durationMs(of('max_wait')) ?? DEFAULT_MAX_WAIT_MS),
  };
}

/** Twice as long after every try. @param attempts made so far, 1 or more */
export function waitAfter({ minWaitMs, maxWaitMs }: Pick<RetryRules, 'minWaitMs' | 'maxWaitMs'>, attempts: number): number {
  return Math.min(maxWaitMs, minWaitMs * 2 ** Math.min(attempts - 1, 30));
}
