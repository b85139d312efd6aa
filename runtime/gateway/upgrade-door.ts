/**
 * Requests that ask for another protocol, such as WebSocket. A function whose worker speaks it gets the connection;
 * one of a function whose bundle takes messages is spoken by the gateway itself (handler/sockets). Every other request is
 * answered as if it had not asked, which HTTP allows: some clients offer HTTP/2 with every request.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { serveAsEver } from '../base/as-ever.js';
import type { Clock } from '../base/clock.js';
import { FUNCTION_PREFIX, type FunctionPath, parseFunctionPath } from '../base/function-path.js';
import type { Ids } from '../base/ids.js';
import type { Log } from '../base/log.js';
import { textOf } from '../base/thrown.js';
import { createSocketDoor } from '../handler/sockets/socket-door.js';
import { asFault, Fault } from '../model/faults.js';
import { MAX_IN_HAND_PER_FUNCTION } from '../model/limits.js';
import type { UpgradeCall } from '../session/call.js';
import type { Sessions } from '../session/invoke.js';
import { type Cors, originOf } from './cors.js';
import type { Deployed } from './deployed.js';
import type { Deployments } from './deployments.js';
import type { FunctionDoorParts } from './function-door.js';
import { socketFunction } from './socket-function.js';
import { rawFault } from '../base/raw-answer.js';

export interface UpgradeDoorParts {
  node: string;
  deployments: Pick<Deployments, 'find' | 'onChange'>;
  sessions: Sessions;
  clock: Clock;
  onSaid?: FunctionDoorParts['onSaid'];
  activity?: FunctionDoorParts['activity'];
  /** Missing: functions see to it themselves. */
  cors?: Cors;
  ids: Ids;
  log: Log;
  monotonic: () => number;
}

export interface UpgradeDoor {
  /** For the server's event `upgrade`. */
  serve(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Refuses new ones, and tells the functions of those that are open. */
  drain(): void;
  /** Ends those that are still open. */
  close(): void;
}

const EMPTY = Buffer.alloc(0);
const SWITCHING_PROTOCOLS = 101;

export function createUpgradeDoor(server: Server, parts: UpgradeDoorParts): UpgradeDoor {
  const { node, deployments, cors, ids, log, monotonic } = parts;
  const sockets = createSocketDoor(parts);
  deployments.onChange(() => sockets.reconsider());
  const open = new Set<Duplex>();
  const control = new AbortController();

  function serve(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const at = request.url!.startsWith(FUNCTION_PREFIX) ? parseFunctionPath(request.url!) : undefined;
    const deployed = at && deployments.find(at.name);
    if (at && deployed?.worker.sockets && /^websocket$/i.test(request.headers.upgrade ?? '')) return converse(deployed, at, request, socket, head);
    if (!at || !deployed?.worker.upgrade || /^h2c?$/i.test(request.headers.upgrade ?? '')) return serveAsEver(server, request, socket, head);
    const { method, headers } = request;
    const call: UpgradeCall = {
      callId: ids.uuid(), request: { method: method!, path: at.path, query: at.query, headers, body: EMPTY }, timeoutMs: deployed.timeoutMs,
      signal: AbortSignal.any([control.signal, deployed.ending]), ...begin(deployed, socket),
    };
    try {
      if (control.signal.aborted) throw new Fault('DRAINING', { node });
      // A browser asks nobody before it opens such a connection, and shows its page whatever comes.
      if (cors !== undefined && !cors.lets(request, at)) throw new Fault('ORIGIN_REFUSED', { origin: String(originOf(request)) });
      admit(deployed);
      deployed.worker.upgrade(call, socket, head);
    } catch (error) {
      call.refuse(error);
    }
  }

  function converse(deployed: Deployed, at: FunctionPath, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (cors === undefined || cors.lets(request, at)) void sockets.serve(socketFunction(deployed, parts), at, request, socket, head);
    else socket.end(rawFault(new Fault('ORIGIN_REFUSED', { origin: String(originOf(request)) })), () => socket.destroy());
  }

  function admit(deployed: Deployed): void {
    if (deployed.isAsleep) deployed.wake();
    if (deployed.inHand > MAX_IN_HAND_PER_FUNCTION) throw new Fault('OVERLOADED', { function: deployed.name, limit: MAX_IN_HAND_PER_FUNCTION });
    if (deployed.inHand > deployed.mostInHand) throw new Fault('TOO_MANY_CALLS', { function: deployed.name, limit: deployed.mostInHand });
  }

  /** In hand for as long as the connection lasts. */
  function begin(deployed: Deployed, socket: Duplex): Pick<UpgradeCall, 'answered' | 'refuse'> {
    const startedMs = monotonic();
    let status = SWITCHING_PROTOCOLS;
    deployed.metrics.started += 1;
    deployed.inHand += 1;
    open.add(socket);
    socket.once('close', () => {
      open.delete(socket);
      deployed.metrics.finish(status, monotonic() - startedMs);
      deployed.leave();
    });
    return {
      answered: (told) => { status = told; },
      refuse(error) {
        const fault = asFault(error);
        status = fault.status;
        if (status >= 500 && status !== 503) log.error({ function: deployed.name, code: fault.code, reason: textOf(fault.cause ?? error) }, 'a connection could not be handed over');
        if (socket.writable) socket.end(rawFault(fault), () => socket.destroy());
        else socket.destroy();
      },
    };
  }

  return {
    serve,
    drain() {
      control.abort();
      sockets.drain();
    },
    close() {
      sockets.close();
      for (const socket of open) socket.destroy();
    },
  };
}
