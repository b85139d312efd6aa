/** A node that stops gives its sessions to its parent, as many as it can in its time; the others stay in its store until it is back. */
import type { Clock } from '../base/clock.js';
import type { Log } from '../base/log.js';
import { reasonOf } from '../base/log.js';
import { Fault } from '../model/faults.js';
import type { Offload } from './offload.js';

export interface LeaveParts {
  offload: Pick<Offload, 'offload'>;
  clock: Clock;
  log: Log;
  /** Time for all of them together. */
  withinMs: number;
}

/** Resolves with how many have moved. Never rejects. */
export async function moveAll({ offload, clock, log, withinMs }: LeaveParts): Promise<number> {
  let over = false;
  let moved = 0;
  const round = async (): Promise<void> => {
    while (!over) {
      await offload.offload(undefined, 'idle');
      moved += 1;
    }
  };
  await new Promise<void>((resolve) => {
    const timer = clock.setTimeout(resolve, withinMs);
    round().catch((error: unknown) => {
      const isDone = error instanceof Fault && (error.code === 'NOTHING_TO_MOVE' || error.code === 'NO_PARENT');
      if (!isDone) log.warn({ moved, reason: reasonOf(error) }, 'sessions stay here while the node is stopped');
    }).finally(() => {
      clock.clearTimeout(timer);
      resolve();
    });
  });
  over = true;
  if (moved > 0) log.info({ moved }, 'sessions were moved to the parent before the end');
  return moved;
}
