/** Every bound of the runtime, each with its reason, by what it bounds. Sizes in bytes, times in milliseconds. */
export * from './limits/sessions.js';
export * from './limits/moves.js';
export * from './limits/effects.js';
export * from './limits/requests.js';
export * from './limits/sockets.js';
export * from './limits/workers.js';
export * from './limits/deployments.js';
export * from './limits/async-calls.js';
export * from './limits/nodes.js';
export * from './limits/stores.js';
export * from './limits/oracle.js';
export * from './limits/inventory.js';
export * from './limits/telemetry.js';
