/**
 * What a function's module exports. A bundle carries its own copy of these classes, so the runtime
 * recognises them by a brand under a global symbol and never by `instanceof`.
 */
import type { HandlerContext, ReadOnlyContext, StatelessContext } from './context.js';
import type { HandlerRequest, StreamingRequest } from './request.js';

/** Global symbol of the brand; its value on a class is a FunctionKind, or `streaming` for a stateless one that streams. */
export const KIND = Symbol.for('handler.kind');

/**
 * A function with a session: `handleOffload` runs alone for its session and its writes are committed
 * together with its answer, or not at all when it throws.
 * One instance serves every session of a worker: keep state in `context.edgeDB`, never in fields.
 */
export abstract class Offloadable {
  static readonly [KIND]: string = 'offloadable';
  /** Returns the answer: see `toResponse` in response.ts for what it may be. */
  abstract handleOffload(request: HandlerRequest, context: HandlerContext): unknown;
  /** With it the function accepts WebSockets: called for each message as `handleOffload` is for a request; what it returns is sent back. */
  handleMessage?(message: HandlerRequest, context: HandlerContext): unknown;
}

/** A function that only reads its session: it sees one consistent snapshot and never waits for a writer or a move. */
export abstract class ReadOnlyOffloadable {
  static readonly [KIND]: string = 'read-only';
  abstract handleOffload(request: HandlerRequest, context: ReadOnlyContext): unknown;
  /** As that of Offloadable. */
  handleMessage?(message: HandlerRequest, context: ReadOnlyContext): unknown;
}

/**
 * A stateless function that takes the body of its request piece by piece, whatever its size. (Every stateless function may
 * answer with a stream; this is about what comes in.)
 */
export abstract class Streaming {
  static readonly [KIND]: string = 'streaming';
  /** Returns the answer: see `toResponse` in response.ts for what it may be. `async *handle` streams what it yields. */
  abstract handle(request: StreamingRequest, context: StatelessContext): unknown;
  /** As that of Offloadable, without a session. */
  handleMessage?(message: HandlerRequest, context: StatelessContext): unknown;
}
