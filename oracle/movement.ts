/**
 * Who gets a replica, and where: pure functions of the log of restarts and failures and of the time. A node that falls
 * often, and lately, is a problem; one that has stood for long and seldom fell is stable; problems are replicated to the stable.
 */

export interface FallEvent {
  node: string;
  kind: 'joined' | 'restarted' | 'returned' | 'moved' | 'failed';
  atMs: number;
}

export interface ReplicaEntry {
  owner: string;
  replica: string;
  state: 'registered' | 'live';
  sinceMs: number;
}

export interface MovementConstants {
  /** Falls longer ago than this weigh least. */
  oldMs: number;
  /** Falls since then weigh most. */
  recentMs: number;
  oldWeight: number;
  middleWeight: number;
  recentWeight: number;
  /** A failure counts so many times as much against a stable node as a restart. */
  failureWeight: number;
  /** With more recent falls than this a node is no place for a replica. */
  maxRecentFalls: number;
  /** Owners that one node keeps replicas of. */
  maxReplicas: number;
  /** Replicas of one owner, of those that are alive. */
  maxReplicasOfOwner: number;
  /** A node with a lower score is no problem. */
  problemThreshold: number;
  /** Problems looked after at each look. */
  problemsAtOnce: number;
}

const DAY_MS = 86_400_000;

export const MOVEMENT_DEFAULTS: MovementConstants = {
  oldMs: 7 * DAY_MS, recentMs: 2 * DAY_MS, oldWeight: 0.5, middleWeight: 1, recentWeight: 2, failureWeight: 3,
  maxRecentFalls: 1, maxReplicas: 3, maxReplicasOfOwner: 2, problemThreshold: 0, problemsAtOnce: 1,
};

/** Each fall once: a failure, and a restart that no failure came before. */
export function fallsOf(log: readonly FallEvent[], node: string): { atMs: number; isFailure: boolean }[] {
  const falls: { atMs: number; isFailure: boolean }[] = [];
  let isDown = false;
  for (const { node: of, kind, atMs } of log) {
    if (of !== node) continue;
    if (kind === 'failed') falls.push({ atMs, isFailure: true });
    else if (kind === 'restarted' && !isDown) falls.push({ atMs, isFailure: false });
    isDown = kind === 'failed';
  }
  return falls;
}

/** Weighted falls for each day that the node is known; 0 for one that never fell. The greater, the worse. */
export function problemScore(log: readonly FallEvent[], node: string, nowMs: number, constants = MOVEMENT_DEFAULTS): number {
  const { oldMs, recentMs, oldWeight, middleWeight, recentWeight } = constants;
  const weights = fallsOf(log, node).map(({ atMs }) => {
    const ageMs = nowMs - atMs;
    return ageMs >= oldMs ? oldWeight : ageMs >= recentMs ? middleWeight : recentWeight;
  });
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return sum / (1 + knownForMs(log, node, nowMs) / DAY_MS);
}

/** Time since the last fall, less for each restart and failure and for each replica kept already; undefined for a node that is no place for one. */
export function stableScore(log: readonly FallEvent[], node: string, kept: number, nowMs: number, constants = MOVEMENT_DEFAULTS): number | undefined {
  const falls = fallsOf(log, node);
  if (kept >= constants.maxReplicas) return undefined;
  if (recentFalls(log, node, nowMs, constants) > constants.maxRecentFalls) return undefined;
  const failures = falls.filter(({ isFailure }) => isFailure).length;
  const stoodMs = Math.min(knownForMs(log, node, nowMs), nowMs - (falls.at(-1)?.atMs ?? -Infinity));
  return (1 + stoodMs) / (1 + (falls.length - failures) + constants.failureWeight * failures) / (1 + kept);
}

/**
 * Replicas to begin: each problem that has none on a node that stands gets the most stable place there is. Equal scores go
 * by name, so that the choice is always the same.
 */
export function chooseReplicas(
  log: readonly FallEvent[], alive: readonly string[], replicas: readonly ReplicaEntry[], nowMs: number, constants = MOVEMENT_DEFAULTS,
): { owner: string; replica: string }[] {
  const placesOf = (node: string) => replicas.filter(({ owner, replica }) => owner === node && alive.includes(replica)).map(({ replica }) => replica);
  const needsPlace = (node: string) => {
    const places = placesOf(node);
    return places.length < constants.maxReplicasOfOwner && !places.some((place) => recentFalls(log, place, nowMs, constants) <= constants.maxRecentFalls);
  };
  const problems = alive.map((node) => ({ node, score: problemScore(log, node, nowMs, constants) }))
    .filter(({ node, score }) => score > constants.problemThreshold && needsPlace(node))
    .sort((left, right) => right.score - left.score || (left.node < right.node ? -1 : 1))
    .slice(0, constants.problemsAtOnce);
  const chosen: { owner: string; replica: string }[] = [];
  for (const { node: owner } of problems) {
    const [best] = alive.filter((node) => node !== owner && !replicas.some((each) => each.owner === owner && each.replica === node))
      .map((node) => ({ node, score: stableScore(log, node, [...replicas, ...chosen].filter(({ replica }) => replica === node).length, nowMs, constants) }))
      .filter((each): each is { node: string; score: number } => each.score !== undefined)
      .sort((left, right) => right.score - left.score || (left.node < right.node ? -1 : 1));
    if (best) chosen.push({ owner, replica: best.node });
  }
  return chosen;
}

function recentFalls(log: readonly FallEvent[], node: string, nowMs: number, { recentMs }: MovementConstants): number {
  return fallsOf(log, node).filter(({ atMs }) => nowMs - atMs < recentMs).length;
}

function knownForMs(log: readonly FallEvent[], node: string, nowMs: number): number {
  const first = log.find((event) => event.node === node);
  return first ? Math.max(nowMs - first.atMs, 0) : 0;
}
