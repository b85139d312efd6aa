/** The protocol's commands over HTTP, in their two spellings: `/function/<command>` and `?command=<command>` of the manager. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FunctionPath } from '../base/function-path.js';
import { MANAGER } from '../base/manager-url.js';
import type { Commands } from '../base/reply.js';
import { Fault } from '../model/faults.js';
import type { Access } from './access.js';
import { sendReply } from './answer.js';
import { textOfHeader } from '../base/header-text.js';
import { readPayload } from './incoming-body.js';

export interface CommandDoor {
  has(name: string): boolean;
  /** Rejects with a fault. */
  serve(at: FunctionPath, request: IncomingMessage, response: ServerResponse, expects: boolean): Promise<void>;
}

export function createCommandDoor(commands: Commands, access: Access): CommandDoor {
  const names = new Set(commands.names);

  return {
    has: (name) => name === MANAGER || names.has(name),
    async serve(at, request, response, expects) {
      const admitted = access.admit(request);
      const params = new URLSearchParams(at.query);
      const name = at.name === MANAGER ? params.get('command') ?? '' : at.name;
      if (!names.has(name)) throw new Fault('COMMAND_UNKNOWN', { command: name || '(none)', commands: [...names] });
      if (request.method !== 'POST' && request.method !== 'GET') throw new Fault('METHOD_NOT_ALLOWED', { allowed: 'POST or GET' });
      params.delete('command');
      const body = await readPayload(request, response, admitted, expects);
      const forced = request.headers['x-forced-session'];
      await sendReply(response, await commands.run(name, params, body, {
        method: request.method, accept: request.headers.accept ?? '', caller: admitted.caller,
        ...(typeof forced === 'string' && { forcedSession: textOfHeader(forced) }),
      }));
    },
  };
}
