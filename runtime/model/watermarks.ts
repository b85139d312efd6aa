/** The offload trigger's policy; percentages are of the capacity. */
export interface Watermarks {
  /** MB that keys and values of the sessions held here may take. */
  capacityMb: number;
  /** Above it sessions are offloaded until it is no longer exceeded. */
  highPercent: number;
  /** Below it sessions homed in this node's subtree may come back. */
  lowPercent: number;
  /** Seconds between rounds of the node's own timer; 0 or missing: only by command. */
  everySeconds?: number;
  /** Sessions moved in one round. */
  batch?: number;
  choose?: 'largest' | 'idle' | 'random';
}

const USUAL = { highPercent: 80, lowPercent: 60 };
const MAX_BATCH = 1_000;

/** With what was not said. */
export function completed(marks: Partial<Watermarks>): Partial<Watermarks> & typeof USUAL {
  const { highPercent = USUAL.highPercent, lowPercent = USUAL.lowPercent } = marks;
  return { ...marks, highPercent, lowPercent };
}

/** What is wrong with a policy, by the name of the field; undefined when it can be followed. */
export function marksProblem(marks: Partial<Watermarks>): { name: keyof Watermarks; reason: string } | undefined {
  const { capacityMb, highPercent, lowPercent, batch = 1, everySeconds = 0, choose = 'largest' } = completed(marks);
  if (capacityMb === undefined || !(capacityMb > 0)) return { name: 'capacityMb', reason: 'the MB that the sessions of a node may take are needed, above 0' };
  if (!(highPercent > 0 && highPercent <= 100)) return { name: 'highPercent', reason: 'a percentage of the capacity, above 0 and up to 100' };
  if (!(lowPercent >= 0 && lowPercent < highPercent)) return { name: 'lowPercent', reason: 'a percentage of the capacity, below the high one' };
  if (!Number.isInteger(batch) || batch < 1 || batch > MAX_BATCH) return { name: 'batch', reason: `a whole number from 1 to ${MAX_BATCH}` };
  if (!(everySeconds >= 0)) return { name: 'everySeconds', reason: 'seconds from 0 on' };
  return ['largest', 'idle', 'random'].includes(choose) ? undefined : { name: 'choose', reason: 'largest, idle or random' };
}
