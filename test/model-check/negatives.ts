/** For every guard of the protocol: a small scenario in which its absence shows. */
import { ALL_GUARDS, type Guards } from '../../runtime/model/guards.js';
import { replay } from './replay.js';
import { runScenario, scenario } from './scenarios.js';

export interface Negative {
  guard: keyof Guards;
  scenario: string;
}

const AT_ONCE = 'two moves at once';
const LOST_LEASE = 'two requests and a lost lease';
const END = 'an end and something to forget';

export const NEGATIVES: readonly Negative[] = [
  { guard: 'askJudgesEpoch', scenario: 'an update owed, then a move with a lost message' },
  { guard: 'askFences', scenario: AT_ONCE },
  { guard: 'abortRaisesEpoch', scenario: AT_ONCE },
  { guard: 'attemptCompare', scenario: AT_ONCE },
  { guard: 'departRepeatsToSameOnly', scenario: AT_ONCE },
  { guard: 'updateEpochCompare', scenario: 'stray messages of an earlier move' },
  { guard: 'resumeAtStart', scenario: 'a chain of stubs' },
  { guard: 'leaseCompare', scenario: LOST_LEASE },
  { guard: 'releaseEpochCompare', scenario: 'lease ids that come again in another residency' },
  { guard: 'basisCompare', scenario: 'the short way beside a move and the long way' },
  { guard: 'requestIdDedupe', scenario: 'the short way beside a move and the long way' },
  { guard: 'stubFollowsRecord', scenario: 'a chain of stubs' },
  { guard: 'redirectedNeverCreates', scenario: 'a redirected request at a root that was not told yet' },
  { guard: 'owedBlocksForgetting', scenario: END },
  { guard: 'tombstoneOnExpiry', scenario: END },
  { guard: 'onlyHomeExpires', scenario: 'an update owed, and an end' },
  { guard: 'incarnationCompare', scenario: 'two lives of one id' },
  { guard: 'vouchedEpochCompare', scenario: 'home again by a re-home while it is asked whether anybody needs the stub' },
  { guard: 'discardCompare', scenario: 'two lives of one id, of which one is ended' },
  { guard: 'departNeedsName', scenario: 'a departure without a name' },
  { guard: 'departEpochCompare', scenario: 'stray messages of an earlier move' },
  { guard: 'deleteAfterConfirm', scenario: AT_ONCE },
  { guard: 'fenceBeforeAbort', scenario: AT_ONCE },
  { guard: 'requestIdDedupe', scenario: END },
  { guard: 'pauseDeadline', scenario: 'a move with a late message and a passed deadline' },
  { guard: 'markCompare', scenario: 'effects that come twice and late, beside a move' },
  { guard: 'markCompare', scenario: 'a late effect at the old place after a move' },
  { guard: 'subtreeOnOnload', scenario: 'two leaves below one parent' },
];

export interface NegativeResult {
  noticed: boolean;
  violation: string;
  steps: string[];
  /** What becomes of the same steps with the guard. */
  withGuard: string;
  holds: boolean;
}

const MAX_STATES = 400_000;

export function runNegative({ guard, scenario: name }: Negative): NegativeResult {
  const one = scenario(name);
  const run = runScenario(one, { maxStates: MAX_STATES, liveness: true }, { ...ALL_GUARDS, [guard]: false });
  if (!run.found) return { noticed: false, violation: '', steps: [], withGuard: '', holds: false };
  const { violation, steps } = run.found;
  return { noticed: true, violation, steps, ...replay(one, steps) };
}
