/**
 * The calls of one function door that are in hand: all of them, and those of each connection. They are chained
 * through the calls themselves, because sets, which grow and shrink with each request, would cost more than
 * everything else that is noted about a call.
 */
import type { Socket } from 'node:net';
import type { FunctionCall } from './function-call.js';

/** `lastCall` is the newest in hand on the connection; there are several only where requests are pipelined. */
type Watched = Socket & { lastCall?: FunctionCall | null };

export class CallsInHand {
  #newest: FunctionCall | undefined;

  /** @param disconnected takes the calls that were in hand on a connection that closed */
  constructor(private readonly disconnected: (calls: FunctionCall[]) => void) {}

  get isEmpty(): boolean {
    return this.#newest === undefined;
  }

  add(call: FunctionCall): void {
    call.older = this.#newest;
    if (this.#newest) this.#newest.newer = call;
    this.#newest = call;
    const socket = call.incoming.socket as Watched;
    // One watch for each connection is cheaper than one for each answer.
    if (socket.lastCall === undefined) socket.on('close', () => this.disconnected(callsOn(socket)));
    else if (socket.lastCall !== null) call.before = socket.lastCall;
    socket.lastCall = call;
  }

  /** Only of a call that was added, and once. */
  remove(call: FunctionCall): void {
    if (call.newer) call.newer.older = call.older;
    else this.#newest = call.older;
    if (call.older) call.older.newer = call.newer;
    call.newer = call.older = undefined;
    const socket = call.incoming.socket as Watched;
    if (socket.lastCall === call) {
      socket.lastCall = call.before ?? null;
      return;
    }
    for (let at = socket.lastCall; at; at = at.before) if (at.before === call) at.before = call.before;
  }

  /** From the newest on; the list is a copy, so that calls may be removed meanwhile. */
  list(): FunctionCall[] {
    const calls: FunctionCall[] = [];
    for (let call = this.#newest; call; call = call.older) calls.push(call);
    return calls;
  }
}

function callsOn(socket: Watched): FunctionCall[] {
  const calls: FunctionCall[] = [];
  for (let call = socket.lastCall; call; call = call.before) calls.push(call);
  return calls;
}
