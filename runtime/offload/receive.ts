/** The receiving end of effects: an ordinary call of a function on this node, under the delivery's id. */
import { Fault } from '../model/faults.js';
import { functionUnknown } from '../model/unknown.js';
import type { FunctionRequest } from '../session/call.js';
import { bodyOf, type CallRequest, type Content } from '../session/effect.js';
import type { Served } from '../session/invoke.js';
import type { Place } from '../session/marks.js';

/** Where to go on when the session was not where it was looked for. */
export interface Trail {
  session?: string;
  redirectedHome?: string;
  hops?: number;
}

/** Body of `receive-propagate`. */
export interface PropagateOrder extends Trail {
  id: string;
  place?: Place;
  function: string;
  content: Content;
}

/** Body of `/peer/call`. */
export interface CallOrder extends Trail {
  id: string;
  place?: Place;
  function: string;
  session: string;
  request: CallRequest;
}

export type Received =
  /** `refused`: the function took it and said no for good. `later`: it may take it another time. */
  | { kind: 'done' | 'refused' | 'later'; status: number; reason?: string }
  | { kind: 'moved'; to: string; session: string; home: string; hops: number };

/** A call on this node's own functions, as a client's would be. */
export interface LocalCall extends Trail {
  function: string;
  id: string;
  place?: Place;
  request: FunctionRequest;
}

/** The functions deployed here, for the offload layer; the gateway's deployments stand behind it. */
export interface LocalFunctions {
  /** Undefined when it is not deployed here. */
  find(name: string): { isStateful: boolean; receives: boolean } | undefined;
  call(call: LocalCall): Promise<Served>;
  names(): string[];
}

/** Session in which an Offloadable function of a node keeps what it receives: one a function and node, homed there. */
export function receivingSession(functionName: string, node: string): string {
  return `propagate:${functionName}@${node}`;
}

const REASON_CHARS = 200;

export class Receiver {
  constructor(private readonly node: string, private readonly functions: LocalFunctions) {}

  propagate(order: PropagateOrder): Promise<Received> {
    const { isStateful, receives } = this.#find(order.function);
    if (!receives) throw new Fault('NOT_A_RECEIVER', { function: order.function, node: this.node });
    const session = isStateful ? order.session ?? receivingSession(order.function, this.node) : undefined;
    return this.#run({ ...order, session }, { method: 'POST', path: '', query: '', headers: {}, content: order.content }, isStateful);
  }

  call(order: CallOrder): Promise<Received> {
    return this.#run(order, order.request, this.#find(order.function).isStateful);
  }

  #find(name: string) {
    const found = this.functions.find(name);
    if (!found) throw functionUnknown(name, this.node, this.functions.names());
    return found;
  }

  async #run(order: Trail & { id: string; function: string; place?: Place }, request: CallRequest, isStateful: boolean): Promise<Received> {
    const { id, place, session, redirectedHome, hops } = order;
    const served = await this.functions.call({
      function: order.function, id, place, session, redirectedHome, hops, request: requestOf(request, id, session),
    });
    if (served.kind === 'moved') return { kind: 'moved', to: served.to, session: session!, home: served.home, hops: served.hops };
    const { status, body } = served.response;
    if (status < 400) return { kind: 'done', status };
    const reason = body.toString('utf8', 0, REASON_CHARS);
    // What a session's function answered stands under the id: it would be answered again, every time.
    return { kind: !isStateful && mayPass(status) ? 'later' : 'refused', status, reason };
  }
}

/** Whether the same call may go better another time. */
export function mayPass(status: number): boolean {
  return status >= 500 || [401, 403, 408, 409, 425, 429, 499].includes(status);
}

function requestOf({ method, path, query, headers, content }: CallRequest, id: string, session: string | undefined): FunctionRequest {
  const { type, body } = bodyOf(content);
  const named = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]));
  return {
    method, path, query, body,
    headers: {
      ...(type !== undefined && { 'content-type': type }), ...named, 'x-session-request-id': id, ...(session !== undefined && { 'x-session': session }),
    },
  };
}
