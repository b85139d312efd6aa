/** What the oracle's books have, asked for in pages. */
import { domainNamespace, pidOf } from '../runtime/base/ids.js';
import { MAX_PAGE } from '../runtime/model/limits.js';
import type { ListedSession, RegisteredNode } from '../runtime/model/oracle-answers.js';
import { askOracle } from './oracle-target.js';
import type { Target } from './target.js';

/** Node by node: the oracle then looks at no session twice. */
export async function allInstances(target: Target, { node, functionName }: { node?: string; functionName?: string } = {}): Promise<ListedSession[]> {
  const names = node === undefined ? (await askOracle<RegisteredNode[]>(target, '/api/v1/nodes')).map(({ name }) => name) : [node];
  const found: ListedSession[] = [];
  for (const name of names) {
    let [offset, total] = [0, 0];
    do {
      const query = new URLSearchParams({ node: name, limit: String(MAX_PAGE), offset: String(offset), ...(functionName !== undefined && { function: functionName }) });
      const page = await askOracle<{ total: number; sessions: ListedSession[] }>(target, `/api/v1/sessions?${query}`);
      found.push(...page.sessions);
      ({ total } = page);
      offset += MAX_PAGE;
    } while (offset < total);
  }
  return found;
}

/** Says which residency an instance is: the physical id of EDGELESS. */
export async function physicalIds(target: Target): Promise<(at: { lid: string; current: string; epoch: number }) => string | undefined> {
  const [nodes, { id: domain }] = await Promise.all([askOracle<RegisteredNode[]>(target, '/api/v1/nodes'), askOracle<{ id: string }>(target, '/api/v1/domain')]);
  const namespace = domainNamespace(domain);
  const idOf = new Map(nodes.map(({ name, id }) => [name, id]));
  return ({ lid, current, epoch }) => {
    const node = idOf.get(current);
    return node && pidOf(lid, node, epoch, namespace);
  };
}
