/** Moments of a move for whoever measures it (the benchmark does); nobody listens otherwise, and then it costs a glance. */
import { channel } from 'node:diagnostics_channel';

export type Milestone =
  /** The source grants nothing any more: the write pause begins. */
  | 'stopped'
  /** The departure is durable at the source. */
  | 'left'
  /** The target has all of it. */
  | 'arrived'
  /** The target grants: the write pause is over. */
  | 'granting';

export interface Passed {
  milestone: Milestone;
  session: string;
  /** Monotonic and the same in every process of the machine. */
  atNs: bigint;
}

export const MILESTONES = 'session-move-milestones';

export function pass(milestone: Milestone, session: string): void {
  const listeners = channel(MILESTONES);
  if (listeners.hasSubscribers) listeners.publish({ milestone, session, atNs: process.hrtime.bigint() } satisfies Passed);
}
