/**
 * What this node knows of the others: the list of nodes, replicas and restarts as the oracle tells it, asked for every
 * few seconds; without an oracle, what the tree knows and what DISCOVERY names. What was heard last stays known.
 */
import type { Clock, Timer } from '../base/clock.js';
import type { Directory } from '../base/directory.js';
import type { PeerClient } from '../base/http-client.js';
import type { Log } from '../base/log.js';
import { LEARN_EVERY_MS } from '../model/limits.js';
import type { ClusterNode, Replica, Restart } from './cluster.js';

export interface KnowledgeParts {
  node: string;
  directory: Directory;
  peers: PeerClient;
  oracleUrl?: string;
  isHead: boolean | undefined;
  discovery: string[];
  clock: Clock;
  log: Log;
  /** Called when replicas or nodes may have changed. */
  onLearnt?(): void;
}

export class Knowledge {
  replicas: Replica[] = [];
  restarts: Restart[] = [];
  #told: ClusterNode[] | undefined;
  readonly #discovered = new Map<string, ClusterNode>();
  #timer: Timer;
  #closed = false;

  constructor(private readonly parts: KnowledgeParts) {}

  start(): void {
    void this.learn().finally(() => this.#again());
  }

  close(): void {
    this.#closed = true;
    this.parts.clock.clearTimeout(this.#timer);
  }

  nodes(): ClusterNode[] {
    const { node, directory, isHead } = this.parts;
    const { self } = directory;
    const root = directory.isRoot() ? self.name : directory.ancestors().at(-1)?.name;
    const known = new Map<string, ClusterNode>();
    for (const name of directory.known()) known.set(name, { name, url: directory.urlOf(name)!, isHead: name === root, isAlive: true });
    for (const other of this.#discovered.values()) known.set(other.name, other);
    for (const told of this.#told ?? []) known.set(told.name, told);
    known.set(node, { name: node, url: self.url, isHead: isHead ?? node === root, isAlive: true });
    return [...known.values()];
  }

  /** Asks once. */
  async learn(): Promise<void> {
    const { oracleUrl, peers, log } = this.parts;
    try {
      if (oracleUrl !== undefined) this.#take((await peers.call(oracleUrl, 'GET', '/api/v1/telemetry')).body);
    } catch (error) {
      log.debug({ oracleUrl, reason: (error as Error).message }, 'the oracle told nothing of telemetry');
    }
    await this.#discover();
    this.parts.onLearnt?.();
  }

  #take(body: unknown): void {
    const { nodes, replicas, restarts } = (body ?? {}) as { nodes?: ClusterNode[]; replicas?: Replica[]; restarts?: Restart[] };
    if (Array.isArray(nodes)) this.#told = nodes;
    if (Array.isArray(replicas)) this.replicas = replicas;
    if (Array.isArray(restarts)) this.restarts = restarts;
  }

  /** Each named address is asked who it is, until it has said so. */
  async #discover(): Promise<void> {
    const { discovery, peers, node } = this.parts;
    await Promise.all(discovery.map(async (host) => {
      if (this.#discovered.has(host)) return;
      const url = /^https?:/.test(host) ? host : `http://${host.includes(':') ? host : `${host}:8080`}`;
      try {
        const { name, head } = (await peers.call(url, 'POST', '/peer/telemetry/who')).body as { name: string; head: boolean };
        if (name !== node) this.#discovered.set(host, { name, url, isHead: head, isAlive: true });
      } catch {
        // It may come later.
      }
    }));
  }

  #again(): void {
    if (this.#closed) return;
    this.#timer = this.parts.clock.setTimeout(() => void this.learn().finally(() => this.#again()), LEARN_EVERY_MS);
  }
}
