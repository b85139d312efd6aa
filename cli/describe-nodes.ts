/** What every node of a domain says about itself, as far as tables and trees show it. */
import { askAll } from './ask-all.js';
import { CliFailure, EXIT } from './failure.js';
import type { KnownNode } from './state.js';
import type { Target } from './target.js';

/** One that is not there says so at once: who waits so long is told of a machine that hangs, and not of one that is merely busy. */
const TIMEOUT_MS = 10_000;

export interface NodeStatus extends KnownNode {
  /** `no access`: it joined later and has another admin's password. */
  state: 'ready' | 'not ready' | 'unreachable' | 'no access';
  labels: Record<string, string>;
  /** Of the inventory, that it is a member of. */
  collections?: string[];
  /** Names; missing when it cannot be reached. */
  functions?: string[];
  store?: string;
  /** Sessions that live there. */
  sessions?: number;
  /** `accept`, `reject`, or null at the root. */
  offloadStatus?: string | null;
}

interface Described {
  labels: Record<string, string>;
  collections?: string[];
  store: string;
  offloadStatus: string | null;
  functions: string[];
  sessions: Record<string, number>;
}

/** The nodes of the state folder and those that joined later, which the oracle knows; each below its parent, depth first. */
export async function allNodes({ client, oracleUrl, nodes }: Target): Promise<KnownNode[]> {
  if (oracleUrl === undefined) return nodes;
  const listed = await client.json<(KnownNode & { parent?: string | null })[]>(oracleUrl, 'GET', '/api/v1/nodes').catch(() => []);
  const late = listed.filter(({ name, parent }) => parent && !nodes.some((node) => node.name === name));
  const all = [...nodes, ...late.map(({ name, level, url, parent }) => ({ name, level, url, parent }))];
  const below = (node: KnownNode): KnownNode[] => [node, ...all.filter(({ parent }) => parent === node.name).flatMap(below)];
  return all.filter(({ parent }) => parent === undefined).flatMap(below);
}

/** In the order of the nodes. Throws when one of the state folder's refuses; one that is silent is `unreachable`. */
export async function describeNodes(target: Target, nodes: KnownNode[] = target.nodes): Promise<NodeStatus[]> {
  return (await askAll(nodes, (node) => describeNode(target, node))).map((answer, index) => {
    if (answer.status === 'fulfilled') return answer.value;
    if (target.nodes.includes(nodes[index]!)) throw answer.reason;
    return { ...nodes[index]!, state: 'no access', labels: {} };
  });
}

async function describeNode({ client }: Target, node: KnownNode): Promise<NodeStatus> {
  const options = { timeoutMs: TIMEOUT_MS };
  try {
    const health = await client.send(node.url, 'GET', '/healthz', options);
    const { labels, collections = [], store, offloadStatus, functions, sessions } = await client.json<Described>(node.url, 'GET', '/api/v1/node', options);
    return { ...node, state: health.status === 200 ? 'ready' : 'not ready', labels, collections, store, offloadStatus, functions, sessions: sessions['resident'] };
  } catch (error) {
    if (error instanceof CliFailure && error.exitCode === EXIT.unreachable) return { ...node, state: 'unreachable', labels: {} };
    throw error;
  }
}
