/** The counters above the carts: each product once for each acknowledged add, whatever was killed or moved. */
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Tree } from '../../bench/harness/tree.js';

export const COUNTER = {
  name: 'products-counter', folder: fileURLToPath(new URL('../../../functions/products-counter', import.meta.url)),
  annotations: { worker: 'process', receives: 'true' },
};
/** Level that the carts propagate to. */
export const COUNTER_LEVEL = 'city';

type Counts = Map<string, number>;

/** Waits until as much is counted as was acknowledged, or nothing more is counted for so long, then compares. @returns what is wrong, in words */
export async function counterFaults(tree: Tree, acknowledged: string[], withinMs = 120_000): Promise<string[]> {
  let untilMs = Date.now() + withinMs;
  let counted = await countsOf(tree);
  for (let before = sumOf(counted); before < acknowledged.length && Date.now() < untilMs; before = Math.max(before, sumOf(counted))) {
    await sleep(200);
    counted = await countsOf(tree);
    if (sumOf(counted) > before) untilMs = Date.now() + withinMs;
  }
  const faults = differences(counted, acknowledged);
  for (const node of tree.all) {
    const { json } = await tree.admin(node, 'GET', '/api/v1/dead-letters');
    for (const { reason } of json as { reason: string }[]) faults.push(`a dead letter at ${node.name}: ${reason}`);
  }
  return faults;
}

export function differences(counted: Counts, acknowledged: string[]): string[] {
  const expected: Counts = new Map();
  for (const product of acknowledged) expected.set(product, (expected.get(product) ?? 0) + 1);
  return [...new Set([...expected.keys(), ...counted.keys()])]
    .filter((product) => expected.get(product) !== counted.get(product))
    .map((product) => `the counters have ${counted.get(product) ?? 0} of ${product}, ${expected.get(product) ?? 0} were acknowledged`);
}

async function countsOf(tree: Tree): Promise<Counts> {
  const counts: Counts = new Map();
  for (const node of tree.all.filter(({ options: { level } }) => level === COUNTER_LEVEL)) {
    const headers = { 'x-session': `propagate:${COUNTER.name}@${node.name}` };
    const answer = await fetch(`${node.url}/function/${COUNTER.name}`, { headers, signal: AbortSignal.timeout(120_000) });
    if (!answer.ok) continue;
    const { products } = await answer.json() as { products: Record<string, number> };
    for (const [product, count] of Object.entries(products)) counts.set(product, (counts.get(product) ?? 0) + count);
  }
  return counts;
}

function sumOf(counts: Counts): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}
