/** Small domains for policies to look at. */
import type { DomainView, NodeView, SessionView } from '../../oracle/view.js';

export function node(name: string, parent: string | null, given: Partial<NodeView> = {}): NodeView {
  return {
    name, parent, alive: true, accepting: true, cordonedByOperator: false, capacity: 1, busy: 0, waiting: 0, latencyMs: 0, memoryUsedBytes: 0,
    memoryLimitBytes: 0, ...given,
  };
}

export function session(id: string, given: Partial<SessionView> & { home: string }): SessionView {
  return {
    id, current: given.home, bytes: 1_000, functions: ['f'], requestsPerSecond: 0, serviceMs: 0, arrivals: new Map(), lastAccessMs: 0, movedMs: undefined,
    moving: false, ...given,
  };
}

export function viewOf(nodes: NodeView[], sessions: SessionView[], canRun: DomainView['canRun'] = () => true): DomainView {
  return {
    atMs: 1_000_000, nodes, node: (name) => nodes.find((each) => each.name === name), sessionsAt: (name) => sessions.filter(({ current }) => current === name),
    awayFrom: (name) => sessions.filter(({ home, current }) => home === name && current !== name),
    roaming: () => sessions.filter(({ arrivals, home }) => [...arrivals.keys()].some((name) => name !== home)), canRun,
  };
}
