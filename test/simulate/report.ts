/** What happened in a run. */
export interface Tally {
  /** Actions that were begun. */
  begun: number;
  /** Clients' items that were acknowledged. */
  acknowledged: number;
  reads: number;
  moves: number;
  refusedMoves: number;
  crashes: number;
  /** Pauses of a process, stores that were down, steps of a clock, ways that were cut. */
  misfortunes: number;
  flips: number;
  lostCalls: number;
  storeFailures: number;
  maxRedirects: number;
  /** Effects that the root's ledger got. */
  delivered: number;
  /** Nodes whose store does not answer now. */
  storesDown: Set<string>;
  /** Ways on which nothing passes now, as `from>to`, and how often each is cut. */
  cuts: Map<string, number>;
}

export interface SimulationReport extends Omit<Tally, 'storesDown' | 'cuts'> {
  seed: number;
  nodes: number;
  /** Events of the scheduler: a message, a store's answer or a timer each. */
  steps: number;
  /** Operations that the checker judged. */
  judged: number;
  /** Faults that happened, as `place#count`. */
  faults: string[];
  /** Empty when every invariant held. */
  violations: string[];
  /** The run was ended before its end, by its limits: no violations says nothing then. */
  isCutShort: boolean;
}

export function emptyTally(): Tally {
  return {
    begun: 0, acknowledged: 0, reads: 0, moves: 0, refusedMoves: 0, crashes: 0, misfortunes: 0, flips: 0,
    lostCalls: 0, storeFailures: 0, maxRedirects: 0, delivered: 0, storesDown: new Set(), cuts: new Map(),
  };
}
