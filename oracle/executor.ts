/** Carries intents out by asking nodes, some at a time; what a node answers is the intent's answer. */
import type { PeerClient } from '../runtime/base/http-client.js';
import type { Log } from '../runtime/base/log.js';
import { INTENT_DEADLINE_MS, MAX_RUNNING_INTENTS } from '../runtime/model/limits.js';
import type { Domain } from './domain.js';
import type { Intent, Intents } from './intents.js';
import type { Registry } from './registry.js';

export interface ExecutorParts {
  intents: Intents;
  domain: Domain;
  registry: Registry;
  peers: PeerClient;
  log: Log;
}

export class Executor {
  private readonly running = new Set<Promise<void>>();
  private closed = false;

  constructor(private readonly parts: ExecutorParts) {}

  /** Begins whatever may begin now. */
  go(): void {
    while (!this.closed && this.running.size < MAX_RUNNING_INTENTS) {
      const intent = this.parts.intents.next();
      if (!intent) return;
      const work: Promise<void> = this.carryOut(intent).finally(() => {
        this.running.delete(work);
        this.go();
      });
      this.running.add(work);
    }
  }

  /** Resolves when nothing runs any more. */
  async idle(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running);
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.idle();
  }

  private async carryOut(intent: Intent): Promise<void> {
    const { intents, log } = this.parts;
    try {
      const answer = intent.wish.kind === 'migrate' ? await this.migrate(intent, intent.wish) : await this.setStatus(intent.wish);
      intents.end(intent, 'done', answer);
    } catch (error) {
      const answer = (error as Error).message;
      log.info({ intent: intent.id, by: intent.by, answer }, 'an intent was refused');
      intents.end(intent, 'refused', answer);
    }
  }

  private async migrate(intent: Intent, { session, to, rehome = false }: Intent['wish'] & { kind: 'migrate' }): Promise<string> {
    const { domain, registry, peers } = this.parts;
    const entry = domain.session(session);
    if (!entry) throw new Error('no node has reported this session');
    const target = registry.find(to);
    if (!target) throw new Error(`there is no node ${to}`);
    if (target.state !== 'alive') throw new Error(`node ${to} has failed`);
    intent.from = entry.current;
    if (entry.current === to && (!rehome || entry.home === to)) return `it is at ${to} already`;
    const holder = registry.find(entry.current);
    if (holder?.state !== 'alive') throw new Error(`node ${entry.current}, which holds it, has failed`);
    domain.startMove(session, intent.by === 'policy');
    let done = false;
    try {
      const path = `/api/v1/sessions/${encodeURIComponent(session)}/migrate`;
      await peers.call(holder.url, 'POST', path, { to, ...(rehome && { rehome }) }, undefined, { timeoutMs: INTENT_DEADLINE_MS });
      done = true;
    } finally {
      domain.endMove(session, done);
    }
    return `it is at ${to} now`;
  }

  private async setStatus({ kind, node }: Intent['wish'] & { kind: 'cordon' | 'uncordon' }): Promise<string> {
    const { registry, peers } = this.parts;
    const target = registry.find(node);
    if (!target) throw new Error(`there is no node ${node}`);
    const status = kind === 'cordon' ? 'reject' : 'accept';
    await peers.call(target.url, 'POST', `/function/set-offload-status?status=${status}`);
    return `its status is ${status}`;
  }
}
