/**
 * What a function's module exports. A bundle carries its own copy of these classes, so the runtime
 * recognises them by a brand under a global symbol and never by `instanceof`.
 */
import type { HandlerContext, ReadOnlyContext } from './context.js';
import type { HandlerRequest } from './request.js';

/** Global symbol of the brand; its value on a class is a FunctionKind. */
export const KIND = Symbol.for('handler.kind');

/**
 * A function with a session: `handleOffload` runs alone for its session and its writes are committed
 * together with its answer, or not at all when it throws.
 * One instance serves every session of a worker: keep state in `context.edgeDB`, never in fields.
 */
export abstract class Offloadable {
  static readonly [KIND]: string = 'offloadable';
  /** Returns the answer: see `Answerable` in response.ts for what it may be. */
  abstract handleOffload(request: HandlerRequest, context: HandlerContext): unknown;
}

/** A function that only reads its session: it sees one consistent snapshot and never waits for a writer or a move. */
export abstract class ReadOnlyOffloadable {
  static readonly [KIND]: string = 'read-only';
  abstract handleOffload(request: HandlerRequest, context: ReadOnlyContext): unknown;
}
