/**
 * Finds a store server as a process of its own, for whoever starts several nodes: one search, and at most one
 * download, instead of one a node. Prints what was found as one line of JSON, `FoundServer`; before that the line `fetching`
 * when it has to download one.
 */
import { findServer } from './find.js';

console.log(JSON.stringify(await findServer({ onFetch: () => console.log('fetching') })));
