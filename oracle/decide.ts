/** The oracle's own decisions: every tick the policy looks at the domain, and its wishes go into the queue. */
import type { Log } from '../runtime/base/log.js';
import type { Domain } from './domain.js';
import type { Intents } from './intents.js';
import type { Registry } from './registry.js';
import type { Policy } from './view.js';

export interface DecidingParts {
  policy: Policy;
  domain: Domain;
  registry: Registry;
  intents: Intents;
  log: Log;
}

/** One look. @returns how many wishes were taken in. */
export function decide({ policy, domain, registry, intents, log }: DecidingParts): number {
  const nodes = registry.list();
  domain.forget(nodes.filter(({ state }) => state === 'failed').map(({ name }) => name));
  const decisions = policy.decide(domain.view(nodes));
  for (const decision of decisions) {
    const { reason } = decision;
    if (decision.kind === 'migrate') {
      const { session, to, rehome } = decision;
      intents.submit({ kind: 'migrate', session, to, ...(rehome && { rehome }) }, 'policy', reason);
    } else {
      domain.noteStatus(decision.node, decision.kind === 'cordon', 'policy');
      intents.submit({ kind: decision.kind, node: decision.node }, 'policy', reason);
    }
  }
  if (decisions.length > 0) log.info({ policy: policy.name, decisions: decisions.length }, 'the policy decided');
  return decisions.length;
}
