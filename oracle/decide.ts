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
      const intent = intents.submit({ kind: 'migrate', session, to, ...(rehome && { rehome }) }, 'policy', reason);
      if (intent.state === 'waiting') domain.shifts.ask(session, decision);
    } else {
      // It stays the policy's to open until it has been opened: that wish may be refused, or come to nothing.
      if (decision.kind === 'cordon') domain.noteStatus(decision.node, true, 'policy');
      intents.submit({ kind: decision.kind, node: decision.node }, 'policy', reason);
    }
  }
  if (!policy.closesNodes) reopen({ domain, intents });
  if (decisions.length > 0) log.info({ policy: policy.name, decisions: decisions.length }, 'the policy decided');
  return decisions.length;
}

/** What a former policy has closed would stay closed for ever under one that closes nothing. */
function reopen({ domain, intents }: Pick<DecidingParts, 'domain' | 'intents'>): void {
  for (const [node, { cordonedByPolicy, cordonedByOperator, accepting }] of domain.nodes) {
    if (!cordonedByPolicy || cordonedByOperator) continue;
    if (!accepting) intents.submit({ kind: 'uncordon', node }, 'policy', 'the policy that closed it decides no more');
  }
}
