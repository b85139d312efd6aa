/** Reports as a node makes them. */
import { HEALTH_FIELDS, type NodeHealthStatus, type NodeReport, type SessionReport } from '../../runtime/model/report.js';
import type { RegisteredNode } from '../../runtime/model/oracle-answers.js';

export const HEALTH = Object.fromEntries(HEALTH_FIELDS.map((field, at) => [field, at])) as NodeHealthStatus;

export function reportOf(number: number, sessions: SessionReport[] = [], given: Partial<NodeReport> = {}): NodeReport {
  return {
    boot: 'b', number, isFull: false, accepting: true, health: HEALTH,
    load: { capacity: 4, busy: 0, waiting: 0, latencyMs: 0, memoryUsedBytes: 0, memoryLimitBytes: 0 }, sessions, gone: [], astray: [], dependencies: [], samples: [],
    ...given,
  };
}

export function told(id: string, given: Partial<SessionReport> = {}): SessionReport {
  return { id, home: 'edge', epoch: 0, bytes: 10, functions: ['cart'], requests: 0, busyMs: 0, lastAccessMs: 0, moving: false, ...given };
}

export function registered(name: string, parent: string | null, id: string): RegisteredNode {
  return {
    id, name, parent, url: `http://${name}`, level: 'l', state: 'alive', labels: {}, store: 'memory', functions: ['cart'], registeredMs: 0, lastSeenMs: 0, restarts: 0,
  };
}
