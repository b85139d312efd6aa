/** The links from this node to those that keep its replicas, as the head's table says; and the end of replicas here that nobody wants any more. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '../base/atomic-file.js';
import type { PeerClient } from '../base/http-client.js';
import { ABANDONED_REPLICA_MS } from '../model/limits.js';
import type { Log } from '../base/log.js';
import type { Knowledge } from './knowledge.js';
import type { StoredBatch } from './points.js';
import type { Range } from './read-query.js';
import { type KeyedKind, PEER_REPLICATE } from './replica-message.js';
import { type Debt, Link } from './replicate.js';
import type { Series } from './series.js';
import type { KeyedChange, Storage } from './storage.js';

export interface ReplicasParts {
  node: string;
  stateDir: string;
  peers: PeerClient;
  oracleUrl?: string;
  storage: Storage;
  knowledge: Knowledge;
  now(): number;
  log: Log;
}

type Debts = Record<string, Debt[]>;

export class Replicas {
  private readonly links = new Map<string, Link>();
  private debts: Debts = {};
  /** Owners whose data is here though the table does not say so, and since when. */
  private readonly unwanted = new Map<string, number>();
  private saving: Promise<void> = Promise.resolve();

  constructor(private readonly parts: ReplicasParts) {}

  async start(): Promise<void> {
    this.debts = await readFile(this.file, 'utf8').then((text) => JSON.parse(text) as Debts, () => ({}));
  }

  async close(): Promise<void> {
    for (const link of this.links.values()) link.end();
    await this.saving;
  }

  stored(batch: StoredBatch): void {
    for (const link of this.links.values()) link.stored(batch);
  }

  deleted(series: readonly Series[], range: Range | undefined): void {
    for (const link of this.links.values()) link.deleted(series, range);
  }

  keyed(kind: KeyedKind, change: KeyedChange): void {
    for (const link of this.links.values()) link.keyed(kind, change);
  }

  /** The table may have changed, or a replica may be there again. */
  reconcile(): void {
    this.abandon();
    const { node, knowledge } = this.parts;
    const wanted = new Set(knowledge.replicas.filter(({ owner }) => owner === node).map(({ replica }) => replica));
    for (const [replica, link] of this.links) {
      if (wanted.has(replica)) continue;
      link.end();
      this.links.delete(replica);
      delete this.debts[replica];
    }
    for (const replica of wanted) {
      let link = this.links.get(replica);
      if (!link) this.links.set(replica, link = this.link(replica));
      void link.check();
    }
  }

  /** A replica that the table does not have any more goes, once that is certain: the head says so for long, and the owner is there to have its own. */
  private abandon(): void {
    const { node, storage, knowledge, now } = this.parts;
    for (const owner of storage.owners()) {
      const isWanted = knowledge.replicas.some((each) => each.owner === owner && each.replica === node);
      const ownerIsThere = knowledge.nodes().some(({ name, isAlive }) => name === owner && isAlive);
      if (isWanted || !ownerIsThere || !knowledge.hasHeard) this.unwanted.delete(owner);
      else if (!this.unwanted.has(owner)) this.unwanted.set(owner, now());
      else if (now() - this.unwanted.get(owner)! >= ABANDONED_REPLICA_MS) {
        this.unwanted.delete(owner);
        storage.forgetOwner(owner).catch((error: unknown) => this.parts.log.warn({ owner, reason: (error as Error).message }, 'a replica could not be given up'));
      }
    }
  }

  private link(replica: string): Link {
    const { node, storage, peers, knowledge, oracleUrl, now, log } = this.parts;
    const debts = this.debts[replica] ??= [];
    return new Link({
      node, replica, storage, now, log, debts, keepDebts: () => this.save(),
      async send(message) {
        const url = knowledge.nodes().find(({ name }) => name === replica)?.url;
        if (url === undefined) throw new Error('nobody knows where it is');
        return ((await peers.call(url, 'POST', PEER_REPLICATE, message)).body as { boot: string }).boot;
      },
      async report(state) {
        if (oracleUrl !== undefined) await peers.call(oracleUrl, 'POST', '/api/v1/telemetry/state', { replica, state });
      },
    });
  }

  private get file(): string {
    return join(this.parts.stateDir, 'replica-debts.json');
  }

  private save(): void {
    this.saving = this.saving.then(() => writeAtomically(this.file, JSON.stringify(this.debts)))
      .catch((error: unknown) => this.parts.log.warn({ reason: (error as Error).message }, 'deletions that replicas have to learn of could not be kept'));
  }
}
