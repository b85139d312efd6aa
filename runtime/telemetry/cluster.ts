/** The nodes of the domain as telemetry sees them: who is there, who is the head, who has replicas of whom, and how they are asked. */
import { reasonOfSilence, type Unavailable } from './unavailable.js';
import { Fault } from '../model/faults.js';
import { FAN_OUT_MS } from '../model/limits.js';

export interface ClusterNode {
  name: string;
  url: string;
  isHead: boolean;
  /** False when the head counts it as failed. */
  isAlive: boolean;
}

/** The owner's points are kept at the replica as well. */
export interface Replica {
  owner: string;
  replica: string;
  /** `registered`: points are on their way; `live`: everything is there. */
  state: 'registered' | 'live';
  sinceMs: number;
}

export interface Restart {
  node: string;
  kind: 'joined' | 'restarted' | 'returned' | 'failed';
  atMs: number;
}

export interface ClusterParts {
  self: string;
  /** Every node that is known, this one too. */
  nodes(): ClusterNode[];
  replicas(): Replica[];
  /** Asks another node; rejects with a fault. */
  ask(url: string, path: string, body: unknown, timeoutMs: number): Promise<unknown>;
}

export interface Answered<T> {
  node: string;
  value: T;
}

export interface FanOut<T> {
  answered: Answered<T>[];
  /** Names as they were asked for. */
  unavailable: Unavailable[];
}

export class Cluster {
  constructor(private readonly parts: ClusterParts) {}

  get self(): string {
    return this.parts.self;
  }

  nodes(): ClusterNode[] {
    return this.parts.nodes();
  }

  /**
   * Asks the named nodes at once, each within the deadline. For a node that does not answer its live replica does, in its name.
   * @param own this node's own answer
   * @param path of the peer's route; `{owner}` in the body names whose data is meant
   */
  async ask<T>(names: readonly string[], path: string, body: Record<string, unknown>, own: (owner: string) => Promise<T> | T, options: { replicas: boolean } = { replicas: true }): Promise<FanOut<T>> {
    const { found, unknown } = this.named(names);
    const settled = await Promise.all(found.map(async (node) => {
      try {
        return { node: node.name, value: await this.askOne(node, path, body, own, options.replicas) };
      } catch (error) {
        if (isAboutTheQuestion(error)) throw error;
        return { name: node.name, reason: reasonOfSilence(error) };
      }
    }));
    const answered = settled.filter((each): each is Answered<Awaited<T>> => 'node' in each) as Answered<T>[];
    const unavailable = settled.filter((each): each is Unavailable => 'name' in each);
    return { answered, unavailable: [...unavailable, ...unknown.map((name) => ({ name, reason: 'no such node is known' }))] };
  }

  private async askOne<T>(node: ClusterNode, path: string, body: Record<string, unknown>, own: (owner: string) => Promise<T> | T, withReplicas: boolean): Promise<T> {
    const { self, ask } = this.parts;
    if (node.name === self) return own('');
    try {
      return await ask(node.url, path, { ...body, owner: '' }, FAN_OUT_MS) as T;
    } catch (error) {
      if (!withReplicas || isAboutTheQuestion(error)) throw error;
      return await this.askReplicas(node.name, path, body, own, error);
    }
  }

  private async askReplicas<T>(owner: string, path: string, body: Record<string, unknown>, own: (owner: string) => Promise<T> | T, cause: unknown): Promise<T> {
    const live = this.parts.replicas().filter((each) => each.owner === owner && each.state === 'live');
    const nodes = this.nodes();
    for (const { replica } of live) {
      if (replica === this.self) return own(owner);
      const url = nodes.find(({ name }) => name === replica)?.url;
      if (url === undefined) continue;
      try {
        return await this.parts.ask(url, path, { ...body, owner }, FAN_OUT_MS) as T;
      } catch {
        // The next replica may answer.
      }
    }
    throw cause;
  }

  /** By name, by address, or by host, which may be that of several nodes. No names: every node. */
  private named(names: readonly string[]): { found: ClusterNode[]; unknown: string[] } {
    const nodes = this.nodes();
    if (names.length === 0) return { found: nodes, unknown: [] };
    const found = new Set<ClusterNode>();
    const unknown: string[] = [];
    for (const name of names) {
      const fitting = nodes.filter((node) => node.name === name);
      const alike = fitting.length > 0 ? fitting : nodes.filter(({ url }) => isAt(url, name));
      if (alike.length === 0) unknown.push(name);
      for (const node of alike) found.add(node);
    }
    return { found: [...found], unknown };
  }
}

/** What every node would say; anything else is this one's own trouble. */
function isAboutTheQuestion(error: unknown): boolean {
  return error instanceof Fault && (error.code === 'ANSWER_TOO_LARGE' || error.code === 'TELEMETRY_INVALID');
}

function isAt(url: string, name: string): boolean {
  if (!URL.canParse(url)) return false;
  const { hostname, host, origin } = new URL(url);
  return name === hostname || name === host || name.replace(/\/+$/, '') === origin;
}
