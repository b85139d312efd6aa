/** Numbers that the policies turn on, each with its reason. All movable by the oracle's configuration. */
export interface PolicySettings {
  /** Pressure above which a node gives sessions away. */
  high: number;
  /** Pressure that giving away aims at: below `high`, so that it does not begin again at once. */
  target: number;
  /** Pressure below which a node takes its own sessions back; the gap to `target` is the hysteresis. */
  low: number;
  /** Pressure from which new sessions are born above, before anything old has to move. */
  redirect: number;
  memoryHigh: number;
  memoryLow: number;
  /** Requests waiting for each place of the capacity, from which a node counts as queueing. */
  queueHigh: number;
  /** A session is not moved again for so long: at most ceil(60,000 / cooldownMs) moves of one session in any minute. */
  cooldownMs: number;
  /** Share of a session's requests that must arrive at one other leaf before it is re-homed there. */
  roamingShare: number;
  mostMoves: number;
  mostMovesOfNode: number;
}

export const DEFAULT_SETTINGS: PolicySettings = {
  high: 0.85, target: 0.65, low: 0.45, redirect: 0.75, memoryHigh: 0.8, memoryLow: 0.5, queueHigh: 2, cooldownMs: 30_000,
  roamingShare: 0.6, mostMoves: 1_000, mostMovesOfNode: 250,
};

export function bySettings(given: Partial<PolicySettings>): PolicySettings {
  const settings = { ...DEFAULT_SETTINGS, ...given };
  if (!(settings.low < settings.target && settings.target < settings.high)) {
    throw new RangeError('a policy needs low < target < high, or sessions would go up and down for ever');
  }
  if (!(settings.memoryLow < settings.memoryHigh)) throw new RangeError('a policy needs memoryLow < memoryHigh');
  if (!(settings.cooldownMs > 0)) throw new RangeError('a policy needs a cooldown above 0');
  return settings;
}
