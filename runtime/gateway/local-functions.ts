/** The functions deployed here as the offload layer calls them: like a client's call, without a socket. */
import type { Ids } from '../base/ids.js';
import { leave } from '../handler/http-body.js';
import { ANNOTATIONS } from '../model/config.js';
import { DELIVERY_MS } from '../model/limits.js';
import { functionUnknown } from '../model/unknown.js';
import type { LocalCall, LocalFunctions } from '../offload/receive.js';
import type { Served, Sessions } from '../session/invoke.js';
import type { Deployed } from './deployed.js';
import type { Deployments } from './deployments.js';

export interface LocalFunctionsParts {
  node: string;
  deployments: Pick<Deployments, 'find' | 'names'>;
  /** Made after the offload layer, of which it is a part. */
  sessions(): Sessions;
  ids: Ids;
}

export function createLocalFunctions({ node, deployments, sessions, ids }: LocalFunctionsParts): LocalFunctions {
  async function call(asked: LocalCall): Promise<Served> {
    const deployed = deployments.find(asked.function);
    if (!deployed) throw functionUnknown(asked.function, node, deployments.names());
    if (deployed.isAsleep) deployed.wake();
    deployed.inHand += 1;
    try {
      return await run(deployed, asked);
    } finally {
      deployed.leave();
    }
  }

  async function run({ name, worker, timeoutMs, ttlMs, isStateful }: Deployed, asked: LocalCall): Promise<Served> {
    const { id, place, session, request, redirectedHome, hops } = asked;
    const signal = AbortSignal.timeout(DELIVERY_MS);
    const callId = ids.uuid();
    if (!isStateful || session === undefined) {
      const { response, telemetry } = await worker.run({ function: name, callId, request, signal, timeoutMs });
      if (response.stream !== undefined) leave(response.stream);
      return { kind: 'answer', response, node, epoch: 0, version: 0, replayed: false, telemetry };
    }
    const served = await sessions().invoke({
      function: name, worker, timeoutMs, ttlMs, callId, session, requestId: id, request, signal, ...(place && { place }),
      ...(redirectedHome !== undefined && { redirectedHome }), ...(hops !== undefined && { hops }),
    });
    if (served.kind === 'answer' && served.response.stream) leave(served.response.stream);
    return served;
  }

  return {
    find(name) {
      const deployed = deployments.find(name);
      return deployed && { isStateful: deployed.isStateful, receives: deployed.deployment.annotations?.[ANNOTATIONS.receives] === 'true' };
    },
    names: () => deployments.names(),
    call,
  };
}
