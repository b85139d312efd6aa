/**
 * Every guard of the protocol by name. Production runs with all of them on; only tests switch one
 * off, to show that the model checker notices its absence (docs/protocol.md numbers the rules).
 * All but the last are compares of the step function.
 */
export interface Guards {
  /** Rule 1: `ask` judges by epoch whatever the state, ignoring an `arriving` overlay. */
  askJudgesEpoch: boolean;
  /** Rule 1: an `ask` that finds no commit fences the asked epoch. */
  askFences: boolean;
  /** Rule 2: an abort after a fence raises the source's epoch to the fenced one. */
  abortRaisesEpoch: boolean;
  /** Rule 3: commit and delta name the attempt that was reserved. */
  attemptCompare: boolean;
  /** Rule 4: `leaving` repeats its answer only to the same target and attempt. */
  departRepeatsToSameOnly: boolean;
  /** Rule 5: confirms and updates older than what is known are ignored. */
  updateEpochCompare: boolean;
  /** Rule 6: at start a node goes on with what it had begun: `wake` drops an arrival and says what has to be taken up. */
  resumeAtStart: boolean;
  /** Rule 7: `release` asserts the lease. */
  leaseCompare: boolean;
  /** A release without a lease asserts the version and the life that its handler ran on. */
  basisCompare: boolean;
  /** Rule 7: `release` asserts the epoch. */
  releaseEpochCompare: boolean;
  /** Rule 8: a stub redirects to the place recorded with its epoch, not to home on trust. */
  stubFollowsRecord: boolean;
  /** Rule 9: a redirected request never creates a session (home alone may decide to). */
  redirectedNeverCreates: boolean;
  /** Rule 10: nothing is forgotten while an update is owed. */
  owedBlocksForgetting: boolean;
  /** Rule 11: expiry leaves a tombstone with the epoch raised. */
  tombstoneOnExpiry: boolean;
  /** Rule 12: only home expires a session, and only one that it holds. */
  onlyHomeExpires: boolean;
  /** Rule 12: a stub off the path is forgotten only under the epoch for which nobody was found to need it. */
  vouchedEpochCompare: boolean;
  /** Rule 13: an operator's choice between two lives ends the named life alone. */
  discardCompare: boolean;
  /** Rule 13: another incarnation is a conflict, never merged. */
  incarnationCompare: boolean;
  /** Rule 14: a departure is to a named node. */
  departNeedsName: boolean;
  /** A departure is refused unless the record's epoch is the expected one. */
  departEpochCompare: boolean;
  /** The source deletes its data only when the target's commit is known. */
  deleteAfterConfirm: boolean;
  /** The source aborts only with the word of the departure's target that it fenced that epoch. */
  fenceBeforeAbort: boolean;
  /** A request id that was answered is answered again, not run again. */
  requestIdDedupe: boolean;
  /** A commit after the reservation's deadline is refused. */
  pauseDeadline: boolean;
  /** Nothing is reserved at a node that an onload or an order leads to, unless the session's home lies in its subtree. */
  subtreeOnOnload: boolean;
  /** A delivery up to its sender's mark is not run again; judged under the lease, or on the basis, that its commit asserts (runtime/session/marks.ts). */
  markCompare: boolean;
}

export const ALL_GUARDS: Readonly<Guards> = Object.freeze({
  askJudgesEpoch: true, askFences: true, abortRaisesEpoch: true, attemptCompare: true,
  departRepeatsToSameOnly: true, updateEpochCompare: true, resumeAtStart: true, leaseCompare: true, basisCompare: true,
  releaseEpochCompare: true, stubFollowsRecord: true, redirectedNeverCreates: true,
  owedBlocksForgetting: true, tombstoneOnExpiry: true, onlyHomeExpires: true,
  vouchedEpochCompare: true, discardCompare: true, incarnationCompare: true,
  departNeedsName: true, departEpochCompare: true, deleteAfterConfirm: true, fenceBeforeAbort: true,
  requestIdDedupe: true, pauseDeadline: true, subtreeOnOnload: true, markCompare: true,
});
