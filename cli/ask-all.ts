/** Asks every node of a domain, some at a time: a domain may have thousands, and this machine has only so many sockets. */
import PQueue from 'p-queue';
import type { KnownNode } from './state.js';

const AT_ONCE = 32;

/** What became of each, in the order of the nodes. */
export function askAll<T>(nodes: KnownNode[], ask: (node: KnownNode) => Promise<T>): Promise<PromiseSettledResult<T>[]> {
  const queue = new PQueue({ concurrency: AT_ONCE });
  return Promise.allSettled(nodes.map((node) => queue.add(() => ask(node))));
}
