/**
 * What the code of a function imports. It is bundled into the function, so it has to stay small and
 * may import nothing that runs a node.
 */
export type { EffectRequest, HandlerContext, Logger, LogLevel, ReadOnlyContext, StatelessContext } from './context.js';
export type { EdgeDB, ReadOnlyEdgeDB } from './edgedb.js';
export { eventFunction, type EventHandler, type FunctionContext, type FunctionEvent } from './event.js';
export { Offloadable, ReadOnlyOffloadable, Streaming } from './offloadable.js';
export type { HandlerRequest, StreamingRequest } from './request.js';
export type { HandlerResponse } from './response.js';
export type { Secrets } from './secrets.js';
export { testContext, testRequest, testStreamingRequest, type TestContextOptions, type TestRequestOptions } from './testing/context.js';
export type { Value } from './value.js';
