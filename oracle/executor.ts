/** Carries intents out by asking nodes, some at a time; what a node answers is the intent's answer. */
import type { PeerClient } from '../runtime/base/http-client.js';
import type { Log } from '../runtime/base/log.js';
import { INTENT_DEADLINE_MS, MAX_RUNNING_INTENTS, MAX_RUNNING_INTENTS_OF_NODE, STALE_DECISION_MS } from '../runtime/model/limits.js';
import type { Intent, Wish } from '../runtime/model/oracle-answers.js';
import type { Domain } from './domain.js';
import type { Intents } from './intents.js';
import type { Registry } from './registry.js';

export interface ExecutorParts {
  intents: Intents;
  domain: Domain;
  registry: Registry;
  peers: PeerClient;
  /** Have the nodes had time to say what they hold? Before, a session that nobody has reported is waited for, and a node that has not registered yet. */
  isSettled(): boolean;
  /** Resolves when what is known so far is on the disk. */
  kept(): Promise<unknown>;
  now(): number;
  log: Log;
}

/** Why a decision of a policy was dropped that nobody had time for. */
export const TOO_LATE = 'its turn came too late: the policy looks again';

export class Executor {
  private readonly running = new Set<Promise<void>>();
  /** Calls under way to each node: one that does not answer must not keep the others from their turn. */
  private readonly callsOf = new Map<string, number>();
  private closed = false;

  constructor(private readonly parts: ExecutorParts) {}

  /** Begins whatever may begin now. */
  go(): void {
    while (!this.closed && this.running.size < MAX_RUNNING_INTENTS) {
      const intent = this.parts.intents.next((each) => this.mayBegin(each));
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

  /** Is everything there that is named in the wish? */
  isKnown(wish: Wish): boolean {
    const { domain, registry } = this.parts;
    return registry.has(nodeOf(wish)) && (wish.kind !== 'migrate' || domain.session(wish.session) !== undefined);
  }

  private mayBegin({ wish }: Intent): boolean {
    if (!this.isKnown(wish) && !this.parts.isSettled()) return false;
    const entry = wish.kind === 'migrate' ? this.parts.domain.session(wish.session) : undefined;
    return !entry || [entry.current, nodeOf(wish)].every((node) => (this.callsOf.get(node) ?? 0) < MAX_RUNNING_INTENTS_OF_NODE);
  }

  private async carryOut(intent: Intent): Promise<void> {
    const { intents, log, now } = this.parts;
    try {
      if (intent.by === 'policy' && now() - intent.createdMs > STALE_DECISION_MS) throw new Error(TOO_LATE);
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
    const touched = [entry.current, to];
    for (const node of touched) this.callsOf.set(node, (this.callsOf.get(node) ?? 0) + 1);
    let done = false;
    try {
      const path = `/api/v1/sessions/${encodeURIComponent(session)}/migrate`;
      await peers.call(holder.url, 'POST', path, { to, ...(rehome && { rehome }) }, undefined, { timeoutMs: INTENT_DEADLINE_MS });
      done = true;
    } finally {
      domain.endMove(session, done);
      for (const node of touched) this.release(node);
    }
    return `it is at ${to} now`;
  }

  private release(node: string): void {
    const left = (this.callsOf.get(node) ?? 1) - 1;
    if (left > 0) this.callsOf.set(node, left);
    else this.callsOf.delete(node);
  }

  private async setStatus({ kind, node }: Intent['wish'] & { kind: 'cordon' | 'uncordon' }): Promise<string> {
    const { registry, peers, kept } = this.parts;
    const target = registry.find(node);
    if (!target) throw new Error(`there is no node ${node}`);
    // A node that an oracle closed and died would count as closed by an operator, and nobody would open it again.
    await kept();
    const status = kind === 'cordon' ? 'reject' : 'accept';
    await peers.call(target.url, 'POST', `/function/set-offload-status?status=${status}`);
    return `its status is ${status}`;
  }
}

function nodeOf(wish: Wish): string {
  return wish.kind === 'migrate' ? wish.to : wish.node;
}
