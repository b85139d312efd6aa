/**
 * Finds a store server as a process of its own, for whoever starts several nodes: one search, and at most one
 * download, instead of one a node. Prints what was found as one line of JSON, `FoundServer`.
 */
import { findServer } from './find.js';

console.log(JSON.stringify(await findServer()));
