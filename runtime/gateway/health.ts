/** Whether the node serves: its store answers, what it was told to run is there, the oracle knows it. */
import type { Clock } from '../base/clock.js';
import { Fault } from '../model/faults.js';
import { HEALTH_PING_MS } from '../model/limits.js';

export interface HealthParts {
  store: { ping(): Promise<void> };
  /** Names of functions that are awaited and not deployed yet. */
  missing(): string[];
  /** Always true for a node that was started without an oracle. */
  registered(): boolean;
  clock: Clock;
}

export interface Health {
  /** Why the node does not serve, in words; undefined when it does. */
  reason(): Promise<string | undefined>;
}

export function createHealth({ store, missing, registered, clock }: HealthParts): Health {
  return {
    async reason() {
      const silent = await silenceOf(store, clock);
      if (silent) return silent;
      const awaited = missing();
      if (awaited.length > 0) return `functions not deployed yet: ${awaited.join(', ')}`;
      return registered() ? undefined : 'not registered with the oracle yet';
    },
  };
}

async function silenceOf(store: HealthParts['store'], clock: Clock): Promise<string | undefined> {
  let timer: unknown;
  const late = new Promise<string>((resolve) => {
    timer = clock.setTimeout(() => resolve(`the store did not answer within ${HEALTH_PING_MS} ms`), HEALTH_PING_MS);
  });
  const reasonOf = (error: unknown) => error instanceof Fault ? error.message : 'the store does not answer';
  const answered = store.ping().then(() => undefined, reasonOf);
  try {
    return await Promise.race([answered, late]);
  } finally {
    clock.clearTimeout(timer);
  }
}
