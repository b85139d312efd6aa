/** Looks through the books in slices, so that a domain with a million sessions is searched without keeping anybody waiting. */
import { setImmediate as turn } from 'node:timers/promises';
import { SEARCH_SLICE } from '../runtime/model/limits.js';
import type { FunctionUse, SessionState } from '../runtime/model/oracle-answers.js';
import type { SessionEntry } from './domain.js';

export interface SessionQuery {
  /** Part of the id, or the whole lid; whatever the case. */
  text?: string;
  node?: string;
  home?: string;
  functionName?: string;
  state?: SessionState;
}

export interface FoundSessions {
  /** That match, not only those of this page. */
  total: number;
  sessions: SessionEntry[];
}

export function stateOf({ moving, current, home }: SessionEntry): SessionState {
  return moving ? 'moving' : current === home ? 'home' : 'away';
}

export async function findSessions(all: Iterable<SessionEntry>, query: SessionQuery, { offset, limit }: { offset: number; limit: number }): Promise<FoundSessions> {
  const matches = matcherOf(query);
  const sessions: SessionEntry[] = [];
  let [total, looked] = [0, 0];
  for (const entry of all) {
    looked += 1;
    if (looked % SEARCH_SLICE === 0) await turn();
    if (!matches(entry)) continue;
    total += 1;
    if (total > offset && sessions.length < limit) sessions.push(entry);
  }
  return { total, sessions };
}

/** By name of function; what a session does counts for each of its functions. */
export async function usesOf(all: Iterable<SessionEntry>): Promise<Map<string, FunctionUse>> {
  const uses = new Map<string, FunctionUse>();
  let looked = 0;
  for (const { functions, bytes, requestsPerSecond } of all) {
    looked += 1;
    if (looked % SEARCH_SLICE === 0) await turn();
    for (const name of functions) {
      const use = uses.get(name) ?? { sessions: 0, bytes: 0, requestsPerSecond: 0 };
      uses.set(name, { sessions: use.sessions + 1, bytes: use.bytes + bytes, requestsPerSecond: use.requestsPerSecond + requestsPerSecond });
    }
  }
  return uses;
}

function matcherOf({ text, node, home, functionName, state }: SessionQuery): (entry: SessionEntry) => boolean {
  const wanted = text?.toLowerCase();
  return (entry) => (node === undefined || entry.current === node) && (home === undefined || entry.home === home)
    && (functionName === undefined || entry.functions.includes(functionName)) && (state === undefined || stateOf(entry) === state)
    && (wanted === undefined || entry.lid === wanted || entry.id.toLowerCase().includes(wanted));
}
