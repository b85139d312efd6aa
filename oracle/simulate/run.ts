/**
 * A trace played through a tree under a policy. Each node works on `capacity` requests at once, first
 * come first served, and refuses what would wait longer than a client does; a request for a session
 * that lives elsewhere pays the way there, as one that follows a 307 does; a move pays bytes × hops
 * and holds its session for a moment. The same numbers as a node reports reach the policy, as late as
 * a node reports them.
 */
import type { Decision, Policy } from '../view.js';
import { SimulatedDomain } from './domain.js';
import type { Trace } from './trace.js';

export interface RunOptions {
  /** A refresh, and a decision, every so often. */
  tickMs?: number;
  /** A request that would wait longer is refused (503). */
  maxWaitMs?: number;
}

export interface Outcome {
  trace: string;
  policy: string;
  /** Response times of what was served, milliseconds, sorted. */
  latenciesMs: Float64Array;
  rejected: number;
  moves: number;
  byteHops: number;
  /** Most moves of one session within any minute. */
  mostMovesAMinute: number;
}

const TICK_MS = 2_000;
const MAX_WAIT_MS = 5_000;

export function play(trace: Trace, policy: Policy, { tickMs = TICK_MS, maxWaitMs = MAX_WAIT_MS }: RunOptions = {}): Outcome {
  const domain = new SimulatedDomain(trace, maxWaitMs);
  const latencies = new Float64Array(trace.requests.length);
  let served = 0;
  let tickAt = tickMs;
  for (const request of trace.requests) {
    while (request.atMs >= tickAt) {
      apply(domain, policy.decide(domain.refresh(tickAt)));
      tickAt += tickMs;
    }
    const latency = domain.serve(request);
    if (latency !== undefined) latencies[served++] = latency;
  }
  return {
    trace: trace.name, policy: policy.name, latenciesMs: latencies.slice(0, served).sort(), rejected: trace.requests.length - served,
    moves: domain.moves, byteHops: domain.byteHops, mostMovesAMinute: domain.mostMovesAMinute(),
  };
}


function apply(domain: SimulatedDomain, decisions: Decision[]): void {
  for (const decision of decisions) {
    if (decision.kind === 'migrate') domain.move(decision.session, decision.to, decision.rehome === true);
    else domain.setAccepting(decision.node, decision.kind === 'uncordon');
  }
}

export function meanOf(values: Float64Array): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of sorted values. */
export function percentileOf(values: Float64Array, share: number): number {
  return values.length === 0 ? 0 : values[Math.min(values.length - 1, Math.ceil(share * values.length) - 1)]!;
}
