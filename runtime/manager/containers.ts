/** The containers of functions on this node: who is here, and calls on them by the node's gateway. */
import { Fields } from '../base/fields.js';
import type { Clock } from '../base/clock.js';
import type { Ids } from '../base/ids.js';
import { BESIDE } from '../base/manager-url.js';
import type { Route } from '../base/reply.js';
import { Fault } from '../model/faults.js';
import { DELIVERY_MS, HANDLER_TIMEOUT_MS } from '../model/limits.js';
import type { SendOn } from '../offload/forward.js';
import type { Offload } from '../offload/offload.js';
import type { LocalCall, LocalFunctions } from '../offload/receive.js';
import type { Served } from '../session/invoke.js';
import type { Neighbourhood } from '../session/ports.js';
import { PLACE_HEADER, sealPlace } from '../session/sealed-place.js';

/** A container says that it is here this often; one that has been silent for so long has gone. */
const SILENT_MS = 60_000;

interface Known {
  isStateful: boolean;
  receives: boolean;
  seenMs: number;
}

export interface ContainersParts {
  node: string;
  sendOn: SendOn;
  /** The domain's key. */
  key: string;
  clock: Clock;
  ids: Ids;
}

export class Containers implements LocalFunctions {
  private readonly known = new Map<string, Known>();

  constructor(private readonly parts: ContainersParts) {}

  here(name: string, isStateful: boolean, receives: boolean): void {
    this.known.set(name, { isStateful, receives, seenMs: this.parts.clock.now() });
  }

  names(): string[] {
    const oldestMs = this.parts.clock.now() - SILENT_MS;
    return [...this.known].filter(([, { seenMs }]) => seenMs >= oldestMs).map(([name]) => name).sort();
  }

  /** Also one that has been silent: what is for it waits until it is back. */
  find(name: string): { isStateful: boolean; receives: boolean } | undefined {
    return this.known.get(name);
  }

  /** Rejects with a fault that lets the caller try again when no container answered. */
  async call({ function: name, id, place, session, request, redirectedHome, hops }: LocalCall): Promise<Served> {
    const { node, sendOn, ids, key } = this.parts;
    const sealed = place && session !== undefined ? { [PLACE_HEADER]: sealPlace(key, { session, id }, place) } : {};
    const invocation = {
      function: name, callId: ids.uuid(), session: session ?? '', request: { ...request, headers: { ...request.headers, ...sealed } }, signal: AbortSignal.timeout(DELIVERY_MS), timeoutMs: HANDLER_TIMEOUT_MS,
      ttlMs: 0, worker: undefined as never,
    };
    const answer = await sendOn(invocation, node, redirectedHome ?? node, hops ?? 0);
    const { moved, busy, response } = answer;
    if (moved) return { kind: 'moved', ...moved, url: '', hops: (hops ?? 0) + 1, epoch: answer.epoch };
    const isStateful = this.known.get(name)?.isStateful ?? true;
    // Without its name the answer is not the function's but of something in front of it.
    const isOwn = !isStateful || answer.node !== '';
    if (busy || (!isOwn && response.status >= 400)) throw new Fault('PEER_UNREACHABLE', { node, url: name, reason: `it answered ${response.status}` });
    return { kind: 'answer', response, node, epoch: answer.epoch, version: answer.version, replayed: answer.replayed };
  }
}

/** What the containers may ask, signed with the domain's key in the name of this node. */
export function besideRoutes(node: string, containers: Containers, offload: Offload, neighbourhood: Neighbourhood): Route[] {
  const route = (path: string, run: (fields: Fields) => Promise<unknown>): Route => ({
    method: 'POST', path, access: 'peer',
    run: async ({ body, caller }) => {
      if (typeof caller !== 'object' || caller.peer !== node) throw new Fault('FORBIDDEN', { reason: `only functions of node ${node} may call this` });
      return { status: 200, json: await run(new Fields(body)) };
    },
  });
  return [
    route(BESIDE.here, async (fields) => {
      containers.here(fields.text('function'), fields.flag('isStateful'), fields.flag('receives'));
      return {};
    }),
    route(BESIDE.locate, async (fields) => {
      const options = { claim: fields.flag('claim'), epoch: fields.count('epoch') };
      return { located: await neighbourhood.locate(fields.session(), fields.text('function'), options), accepting: offload.accepting() };
    }),
    route(BESIDE.url, async (fields) => ({ url: await neighbourhood.urlOf(fields.text('node')) })),
    route(BESIDE.shed, async (fields) => ({ shed: await neighbourhood.shed(fields.session()) })),
    route(BESIDE.retire, async (fields) => {
      await neighbourhood.retire(fields.session());
      return {};
    }),
    route(BESIDE.sendHome, async (fields) => {
      return { asked: await neighbourhood.sendHome(fields.session(), fields.text('home')) };
    }),
    route(BESIDE.owes, async (fields) => {
      neighbourhood.owes(fields.session(), fields.count('effects'));
      return {};
    }),
  ];
}
