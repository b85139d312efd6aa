/** Sends a request on to where its session is, or to who decides about it. */
import { Fault } from '../model/faults.js';
import { MAX_REDIRECTS } from '../model/limits.js';
import type { Invocation, Served } from './invoke.js';
import type { Neighbourhood } from './ports.js';

export interface Elsewhere {
  moved(call: Invocation, to: string, home: string, epoch: number): Promise<Served>;
  /** Redirected here, and nobody home: home decides. Once it has, and has sent the client here again, nobody can. */
  astray(call: Invocation, home: string): Promise<Served>;
}

export function createElsewhere({ node, neighbourhood }: { node: string; neighbourhood: Neighbourhood }): Elsewhere {
  async function moved(call: Invocation, to: string, home: string, epoch: number): Promise<Served> {
    return { kind: 'moved', to, url: await neighbourhood.urlOf(to), home, epoch, hops: (call.hops ?? 0) + 1 };
  }

  async function astray(call: Invocation, home: string): Promise<Served> {
    if ((call.hops ?? 0) >= MAX_REDIRECTS - 1) throw new Fault('SESSION_LOST', { holder: node });
    return moved(call, home, home, 0);
  }

  return { moved, astray };
}
