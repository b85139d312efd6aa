/**
 * What this node knows of the others: the list of nodes, replicas and restarts as the oracle tells it, asked for every
 * few seconds; without an oracle, what the tree knows and what DISCOVERY names. What was heard last stays known, over a
 * restart of this node too.
 */
import { readFile } from 'node:fs/promises';
import { writeAtomically } from '../base/atomic-file.js';
import type { Clock, Timer } from '../base/clock.js';
import type { Directory } from '../base/directory.js';
import type { PeerClient } from '../base/http-client.js';
import type { Log } from '../base/log.js';
import { FAN_OUT_MS, LEARN_EVERY_MS } from '../model/limits.js';
import type { ClusterNode, Replica, Restart } from './cluster.js';

export interface KnowledgeParts {
  node: string;
  /** Where it is kept. */
  file: string;
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
  /** The oracle has told it in this life. */
  hasHeard = false;
  #told: ClusterNode[] | undefined;
  #kept = '';
  readonly #discovered = new Map<string, ClusterNode>();
  #timer: Timer;
  #closed = false;

  constructor(private readonly parts: KnowledgeParts) {}

  async start(): Promise<void> {
    const kept = await readFile(this.parts.file, 'utf8').catch(() => '');
    if (kept !== '') this.#restore(kept);
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
      if (oracleUrl !== undefined) {
        this.#take((await peers.call(oracleUrl, 'GET', '/api/v1/telemetry')).body);
        this.hasHeard = true;
        await this.#keep();
      }
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

  #restore(kept: string): void {
    try {
      this.#take(JSON.parse(kept));
      this.#kept = kept;
    } catch {
      // It is written anew with the next word of the oracle.
    }
  }

  async #keep(): Promise<void> {
    const text = JSON.stringify({ nodes: this.#told, replicas: this.replicas, restarts: this.restarts });
    if (text === this.#kept || this.#closed) return;
    await writeAtomically(this.parts.file, text);
    this.#kept = text;
  }

  /** Each named address is asked who it is; one that has said so once is known as down when it does not answer. */
  async #discover(): Promise<void> {
    const { discovery, peers, node } = this.parts;
    await Promise.all(discovery.map(async (host) => {
      const url = /^https?:/.test(host) ? host : `http://${host.includes(':') ? host : `${host}:8080`}`;
      try {
        const { name, head } = (await peers.call(url, 'POST', '/peer/telemetry/who', undefined, undefined, { timeoutMs: FAN_OUT_MS })).body as { name: string; head: boolean };
        if (name !== node) this.#discovered.set(host, { name, url, isHead: head, isAlive: true });
      } catch {
        const known = this.#discovered.get(host);
        if (known) this.#discovered.set(host, { ...known, isAlive: false });
      }
    }));
  }

  #again(): void {
    if (this.#closed) return;
    this.#timer = this.parts.clock.setTimeout(() => void this.learn().finally(() => this.#again()), LEARN_EVERY_MS);
  }
}
