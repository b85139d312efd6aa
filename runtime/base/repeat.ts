import type { Clock, Timer } from './clock.js';
import type { Log } from './log.js';

/** Runs the work again and again; one that fails is logged and tried the next time. */
export function repeat(work: () => Promise<unknown>, { clock, log, everyMs }: { clock: Clock; log: Log; everyMs: number }): { end(): void } {
  let timer: Timer;
  let ended = false;
  const again = () => {
    timer = clock.setTimeout(() => {
      work()
        .catch((error: unknown) => log.warn({ reason: (error as Error).message }, 'repeated work failed this time'))
        .finally(() => ended || again());
    }, everyMs);
  };
  again();
  return {
    end() {
      ended = true;
      clock.clearTimeout(timer);
    },
  };
}
