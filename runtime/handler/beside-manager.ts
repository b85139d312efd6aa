/** The domain as the container of a function sees it: by asking the manager of its node, which knows the tree and moves sessions. */
import type { Clock } from '../base/clock.js';
import { createPeerClient } from '../base/http-client.js';
import type { Ids } from '../base/ids.js';
import { reasonOf, type Log } from '../base/log.js';
import { BESIDE } from '../base/manager-url.js';
import { createPeerSigner } from '../base/peer-signature.js';
import { repeat } from '../base/repeat.js';
import { Fault } from '../model/faults.js';
import type { Located, Neighbourhood } from '../session/ports.js';

const SAY_EVERY_MS = 5_000;

export interface BesideManagerOptions {
  node: string;
  /** Of the manager, e.g. http://gateway:8080/function/session-offloading-manager */
  url: string;
  /** The domain's key. */
  key: string;
  function: string;
  isStateful: boolean;
  /** It takes what others propagate. */
  receives: boolean;
  clock: Clock;
  ids: Ids;
  log: Log;
}

export interface BesideManager {
  neighbourhood: Neighbourhood;
  /** Says that the function is here, again and again; the first time it resolves whether or not anybody listened. */
  announce(): Promise<void>;
  close(): Promise<void>;
}

export function createBesideManager({ node, url, key, clock, ids, log, ...self }: BesideManagerOptions): BesideManager {
  const peers = createPeerClient({ signer: createPeerSigner({ node, key, clock, ids }) });
  const ask = async <T>(path: string, body: object): Promise<T> => (await peers.call(url, 'POST', path, body)).body as T;
  const sayHere = () => ask(BESIDE.here, self).catch((error: unknown) => log.debug({ reason: reasonOf(error) }, 'the manager was not reached'));
  let accepting = true;
  let saying: { end(): void } | undefined;

  return {
    neighbourhood: {
      async locate(session, functionName, options) {
        const answer = await ask<{ located: Located; accepting: boolean }>(BESIDE.locate, { session, function: functionName, ...options });
        // Nobody is born without having been located first, so this is as fresh as it has to be.
        accepting = answer.accepting;
        return answer.located;
      },
      urlOf: async (to) => (await ask<{ url: string }>(BESIDE.url, { node: to })).url,
      accepting: () => accepting,
      shed: async (session) => (await ask<{ shed: boolean }>(BESIDE.shed, { session })).shed,
      retire: async (session) => void await ask(BESIDE.retire, { session }),
      sendHome: async (session, home) => (await ask<{ asked: boolean }>(BESIDE.sendHome, { session, home })).asked,
      forward: () => Promise.reject(new Fault('MOVING')),
      // Should the manager not hear it, its sweep finds what the session owes.
      owes: (session, effects = 0) => void ask(BESIDE.owes, { session, effects }).catch((error: unknown) => log.debug({ reason: reasonOf(error) }, 'the manager was not told')),
      mayOwe: () => undefined,
    },
    async announce() {
      await sayHere();
      saying = repeat(sayHere, { clock, log, everyMs: SAY_EVERY_MS });
    },
    async close() {
      saying?.end();
      await peers.close();
    },
  };
}
