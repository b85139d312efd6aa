/**
 * Everything the oracle does beyond knowing who is there: its books, the policy's tick, the queue of
 * intents and who carries them out, the mirror and the dataset. Nodes serve without any of it.
 */
import { join } from 'node:path';
import type { Clock, Timer } from '../runtime/base/clock.js';
import type { PeerClient } from '../runtime/base/http-client.js';
import { domainNamespace, type Ids, lidOf, pidOf } from '../runtime/base/ids.js';
import type { Log } from '../runtime/base/log.js';
import { ORACLE_TICK_MS, SETTLE_LEAST_TICKS, SETTLE_MOST_TICKS } from '../runtime/model/limits.js';
import type { Intent, IntentOrigin, RegisteredNode, Wish } from '../runtime/model/oracle-answers.js';
import type { NodeReport, ReportReply } from '../runtime/model/report.js';
import { Dataset } from './dataset.js';
import type { Board } from './dashboard/board.js';
import { decide } from './decide.js';
import { Domain, type DomainChange } from './domain.js';
import { Executor, TOO_LATE } from './executor.js';
import { Intents } from './intents.js';
import { type Kept, Keeping } from './keeping.js';
import type { IncomingIntent } from './mirror/keys.js';
import { Mirror } from './mirror/mirror.js';
import type { MirrorServer } from './mirror/server.js';
import type { ProxySettings } from './mirror/settings.js';
import type { Machines } from './kubernetes/machines.js';
import { csvToParquet } from './parquet.js';
import { policyNamed } from './policy/policies.js';
import { bySettings, type PolicySettings } from './policy/settings.js';
import type { Registry } from './registry.js';
import { Samples } from './samples.js';
import type { Policy } from './view.js';

export interface OrchestrationParts {
  domainId: string;
  stateDir: string;
  policy: string;
  policySettings?: Partial<PolicySettings>;
  proxy?: ProxySettings;
  /** The mirror's own Redis, where it has one. */
  mirrorServer?: Pick<MirrorServer, 'isOwn'>;
  registry: Registry;
  peers: PeerClient;
  clock: Clock;
  ids: Ids;
  log: Log;
  board?: Board;
  /** Knows the machines below the nodes. */
  machines?: Pick<Machines, 'applied'>;
}

/** The policy looks so soon after a node has reported a queue, so that the reports of others at about the same time are in. */
const URGENT_LOOK_MS = 250;
/** A session whose move was refused is left alone by the policy for so long. */
const REFUSED_REST_MS = 10_000;

export class Orchestration {
  readonly domain: Domain;
  readonly intents: Intents;
  readonly policy: Policy;
  private readonly executor: Executor;
  private readonly mirror: Mirror | undefined;
  readonly samples = new Samples();
  private readonly recorder: Dataset | undefined;
  private readonly namespace: string;
  private kept: Kept = { intents: [], ended: [], cordonedByPolicy: [], cordonedByOperator: [] };
  private readonly keeping: Keeping;
  private timer: Timer;
  readonly startedMs: number;
  /** The policy's last look. */
  lastTick: { lookedMs: number; tookMs: number; decisions: number } | undefined;
  private soon: Timer;
  private ticks = 0;
  private settledMs: number | undefined;
  private closed = false;

  constructor(private readonly parts: OrchestrationParts) {
    const { domainId, clock, ids, registry, peers, log, proxy } = parts;
    this.startedMs = clock.now();
    this.namespace = domainNamespace(domainId);
    this.policy = policyNamed(parts.policy, parts.policySettings);
    this.domain = new Domain({ namespace: this.namespace, now: () => clock.now(), onChange: (change) => this.onChange(change), isAsked: (session) => this.intents.isAsked(session) });
    this.intents = new Intents({ ids, now: () => clock.now(), onChange: () => this.keeping.soon(), onEnd: (intent) => this.onEnd(intent) });
    this.executor = new Executor({ intents: this.intents, domain: this.domain, registry, peers, log, isSettled: () => this.isDeciding, kept: () => this.keep(), now: () => clock.now() });
    this.keeping = new Keeping({ file: join(parts.stateDir, 'intents.json'), snapshot: () => this.snapshot(), log });
    if (proxy?.proxy_type === 'Redis') {
      this.mirror = new Mirror({
        settings: proxy, domainId, namespace: this.namespace, domain: this.domain, nodes: () => registry.list(), clock, log,
        mayTakeIntents: () => this.isDeciding,
        onIntent: (intent) => this.takeIncoming(intent), kept: () => this.keep(),
        ...(parts.mirrorServer && { isOwnServer: (pid: number) => parts.mirrorServer!.isOwn(pid) }),
        onBadIntent: (key, reason) => log.warn({ intent: key.slice(0, 200), reason }, 'an intent in the mirror was removed'),
      });
    }
    if (proxy?.dataset_settings) {
      this.recorder = new Dataset({ settings: proxy.dataset_settings, namespace: this.namespace, now: () => clock.now(), log, toParquet: csvToParquet });
    }
  }

  /** After a start nobody is moved before the nodes have had time to say what they hold. */
  get isDeciding(): boolean {
    return this.settledMs !== undefined;
  }

  async start(): Promise<void> {
    this.kept = await this.keeping.read();
    this.intents.restore(this.kept.intents, this.kept.ended);
    await this.recorder?.open();
    // The mirror may come later: who serves and who decides does not wait for it.
    void this.mirror?.start().catch((error: unknown) => this.parts.log.warn({ reason: (error as Error).message }, 'the mirror could not be opened'));
    this.tick();
  }

  /** From a node that is registered. */
  report(node: RegisteredNode, told: NodeReport): ReportReply {
    const report = this.parts.machines?.applied(node, told) ?? told;
    const isNew = !this.domain.nodes.has(node.name);
    const reply = this.domain.report(node.name, report);
    if (isNew) this.recall(node.name);
    this.mirror?.noteReport(node, report);
    this.samples.note(node.name, report.samples);
    this.recorder?.noteReport(node, report, (session, epoch) => pidOf(lidOf(session, this.namespace), node.id, epoch, this.namespace));
    if (this.isDeciding && report.load.waiting > report.load.capacity) this.lookSoon();
    return reply;
  }

  /** A node failed, came back or moved in the tree. */
  noteNode(node: string): void {
    this.mirror?.note({ kind: 'node', node });
  }

  submit(wish: Wish, by: IntentOrigin, reason: string): Intent {
    if (wish.kind !== 'migrate') this.domain.noteStatus(wish.node, wish.kind === 'cordon', 'operator');
    const intent = this.intents.submit(wish, by, reason);
    this.executor.go();
    return intent;
  }

  /** Its numbers, those that nobody set too. */
  get policySettings(): PolicySettings {
    return bySettings(this.parts.policySettings ?? {});
  }

  /** When it began to decide, or will at the latest. */
  get decidesFromMs(): number {
    return this.settledMs ?? this.startedMs + SETTLE_MOST_TICKS * ORACLE_TICK_MS;
  }

  /** Folder of the dataset, when one is recorded. */
  get dataset(): string | undefined {
    return this.recorder && this.parts.proxy?.dataset_settings?.dataset_path;
  }

  /** Resolves when all that was asked for so far would survive a crash; with false when the disk has refused it. */
  keep(): Promise<boolean> {
    return this.keeping.done();
  }

  /** Resolves when the intent has ended, or after `ms`. */
  async settled(intent: Intent, ms: number): Promise<Intent> {
    const untilMs = this.parts.clock.now() + ms;
    while ((intent.state === 'waiting' || intent.state === 'running') && this.parts.clock.now() < untilMs) {
      await new Promise<void>((resolve) => void this.parts.clock.setTimeout(resolve, 20));
    }
    return intent;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.parts.clock.clearTimeout(this.timer);
    this.parts.clock.clearTimeout(this.soon);
    await this.mirror?.close();
    await this.recorder?.close();
    await this.keeping.done();
  }

  private tick(): void {
    const { clock } = this.parts;
    this.timer = clock.setTimeout(() => {
      this.ticks += 1;
      if (!this.isDeciding && this.haveAllReported()) this.settledMs = clock.now();
      this.look();
      this.parts.board?.tick(this.domain, this.parts.registry.list());
      if (!this.closed) this.tick();
    }, ORACLE_TICK_MS);
  }

  private look(): void {
    const { clock, registry, log } = this.parts;
    try {
      if (this.isDeciding) {
        const lookedMs = clock.now();
        const decisions = decide({ policy: this.policy, domain: this.domain, registry, intents: this.intents, log });
        this.lastTick = { lookedMs, tookMs: clock.now() - lookedMs, decisions };
      }
      this.keeping.soon();
      this.executor.go();
    } catch (error) {
      log.error({ reason: String((error as Error)?.stack ?? error) }, 'the policy could not decide');
    }
  }

  /** Where requests queue, nobody waits for the next tick. */
  private lookSoon(): void {
    const { clock } = this.parts;
    this.soon ??= clock.setTimeout(() => {
      this.soon = undefined;
      if (!this.closed) this.look();
    }, URGENT_LOOK_MS);
  }

  /** Counted in ticks, which a step of the clock does not change. Whoever is named in an intent of a former life is still to come. */
  private haveAllReported(): boolean {
    if (this.ticks < SETTLE_LEAST_TICKS) return false;
    if (this.ticks >= SETTLE_MOST_TICKS) return true;
    const alive = this.parts.registry.list().filter(({ state }) => state === 'alive');
    return alive.length > 0 && alive.every(({ name }) => this.domain.nodes.get(name)?.isComplete) && this.intents.snapshot().every(({ wish }) => this.executor.isKnown(wish));
  }

  private onEnd(intent: Intent): void {
    const { wish, state, endedMs, by, answer } = intent;
    this.parts.board?.noteIntent(intent);
    if (wish.kind === 'uncordon' && state === 'done') this.domain.noteStatus(wish.node, false, 'policy');
    if (wish.kind !== 'migrate') return;
    this.domain.shifts.end(wish.session, state === 'done' ? endedMs : undefined);
    // Whatever was in the way will not be gone at the next look.
    if (state === 'refused' && by === 'policy' && answer !== TOO_LATE) this.domain.rest(wish.session, REFUSED_REST_MS);
  }

  private onChange(change: DomainChange): void {
    this.mirror?.note(change);
    this.parts.board?.noteChange(change);
    if (change.kind !== 'session') return;
    const node = this.parts.registry.find(change.session.current);
    if (node) this.recorder?.noteSession(change.session, node.id);
  }

  /** An intent that a tool left in the mirror: ids of its own kind become our names. */
  private takeIncoming(intent: IncomingIntent): void {
    const nodes = this.parts.registry.list();
    const nameOf = (id: string) => nodes.find((node) => node.id === id)?.name;
    if (intent.kind !== 'migrate') {
      const node = nameOf(intent.node);
      if (node === undefined) this.intents.refuse({ kind: intent.kind, node: intent.node }, 'mirror', 'asked for in the mirror', 'no node has this id');
      else this.submit({ kind: intent.kind, node }, 'mirror', 'asked for in the mirror');
      return;
    }
    const session = this.domain.byLogicalId(intent.lid);
    const to = intent.nodes.map(nameOf).find((name) => name !== undefined && nodes.find((node) => node.name === name)?.state === 'alive');
    const wish: Wish = { kind: 'migrate', session: session?.id ?? intent.lid, to: to ?? intent.nodes[0]! };
    if (!session) this.intents.refuse(wish, 'mirror', 'asked for in the mirror', 'no session has this id');
    else if (to === undefined) this.intents.refuse(wish, 'mirror', 'asked for in the mirror', 'none of the nodes asked for is there');
    else this.submit({ ...wish, ...(!this.isOnPath(session.home, to) && { rehome: true }) }, 'mirror', 'asked for in the mirror');
  }

  /** EDGELESS knows no path: an intent for a node elsewhere in the tree is a re-home. */
  private isOnPath(home: string, node: string): boolean {
    for (let at = this.parts.registry.find(home); at; at = at.parent === null ? undefined : this.parts.registry.find(at.parent)) if (at.name === node) return true;
    return false;
  }

  // ── What survives a restart ──────────────────────────────────────────────────────────────────

  /** A node's status from before the restart: who closed it is not what the node itself can say. */
  private recall(node: string): void {
    if (this.kept.cordonedByPolicy.includes(node)) this.domain.noteStatus(node, true, 'policy');
    if (this.kept.cordonedByOperator.includes(node)) this.domain.noteStatus(node, true, 'operator');
  }

  private snapshot(): Kept {
    const { nodes } = this.domain;
    // A node that has not reported since the restart is as it was before.
    const closed = (by: 'cordonedByPolicy' | 'cordonedByOperator') => [
      ...[...nodes].filter(([, state]) => state[by]).map(([name]) => name), ...this.kept[by].filter((name) => !nodes.has(name)),
    ];
    return { intents: this.intents.snapshot(), ended: this.intents.lastEnded(), cordonedByPolicy: closed('cordonedByPolicy'), cordonedByOperator: closed('cordonedByOperator') };
  }
}
