/** HTTP in front of a manager: health, the commands in every spelling, and the routes between nodes. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { linger } from '../base/bounded-body.js';
import type { Clock } from '../base/clock.js';
import { FUNCTION_PREFIX, parseFunctionPath } from '../base/function-path.js';
import type { Ids } from '../base/ids.js';
import { listenOn } from '../base/listen.js';
import type { Log } from '../base/log.js';
import { MANAGER } from '../base/manager-url.js';
import type { Commands, Route } from '../base/reply.js';
import type { Access } from '../gateway/access.js';
import { createAdmin } from '../gateway/admin.js';
import { sendFault, sendReply } from '../gateway/answer.js';
import { createCommandDoor } from '../gateway/command-door.js';
import { asFault, Fault } from '../model/faults.js';
import { CLIENT_IDLE_MS, CLOSE_GRACE_MS } from '../model/limits.js';

export interface ManagerServerParts {
  node: string;
  commands: Commands;
  access: Access;
  routes: Route[];
  /** Rejects while the store does not answer. */
  ready(): Promise<void>;
  clock: Clock;
  ids: Ids;
  log: Log;
}

export interface ManagerServer {
  http: Server;
  /** As `listenOn`. */
  listen(port: number, host: string): Promise<string>;
  /** Lets the requests in hand end, for a while. */
  close(): Promise<void>;
}

export function createManagerServer(parts: ManagerServerParts): ManagerServer {
  const { node, commands, access, ready, clock, ids, log } = parts;
  const door = createCommandDoor(commands, access);
  const admin = createAdmin(parts);
  let closing = false;

  async function serve(request: IncomingMessage, response: ServerResponse, expects: boolean): Promise<void> {
    try {
      const url = request.url ?? '/';
      if (url === '/_/health') return await sendReply(response, { status: 200, text: 'OK' });
      if (url === '/_/ready') return await answerReady(response);
      const at = commandOf(url);
      if (at) await door.serve(at, request, response, expects);
      else (await admin)(request, response);
    } catch (error) {
      const fault = asFault(error, ids.uuid());
      if (fault.code === 'INTERNAL') log.error({ ...fault.details, reason: String((error as Error).stack ?? error) }, 'a request failed');
      if (!response.destroyed) sendFault(response, fault);
      linger(request, clock);
    }
  }

  /** `/?command=x` as the gateway hands `/function/<manager>?command=x` on, `/x`, and `/function/x`. */
  function commandOf(url: string): ReturnType<typeof parseFunctionPath> | undefined {
    const at = parseFunctionPath(url.startsWith(FUNCTION_PREFIX) ? url : FUNCTION_PREFIX + url.replace(/^\/+/, ''));
    const isBare = at.name === '' || at.name === MANAGER;
    if (isBare && at.path === '') return { ...at, name: MANAGER };
    return commands.names.includes(at.name) ? at : undefined;
  }

  async function answerReady(response: ServerResponse): Promise<void> {
    if (closing) throw new Fault('DRAINING', { node });
    await ready();
    await sendReply(response, { status: 200, text: 'OK' });
  }

  const http = createServer({ keepAliveTimeout: CLIENT_IDLE_MS }, (request, response) => void serve(request, response, false));
  http.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => void serve(request, response, true));
  return {
    http,
    listen: (port, host) => listenOn(http, host, port),
    close: () => new Promise((resolve) => {
      closing = true;
      const timer = clock.setTimeout(() => http.closeAllConnections(), CLOSE_GRACE_MS);
      http.close(() => {
        clock.clearTimeout(timer);
        resolve();
      });
      http.closeIdleConnections();
    }),
  };
}
