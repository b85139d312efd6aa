/**
 * The domain, mirrored in a Redis for tools written for EDGELESS: differences only, all of one refresh in
 * one pipeline; old samples are taken out; intents that tools push are taken in. The mirror may be away
 * for a while: when it is back it is written anew, whole.
 */
import { createClient, type RedisClientType } from 'redis';
import { v5 } from 'uuid';
import type { Clock, Timer } from '../../runtime/base/clock.js';
import { pidOf } from '../../runtime/base/ids.js';
import type { Log } from '../../runtime/base/log.js';
import type { RegisteredNode } from '../../runtime/model/oracle-answers.js';
import type { NodeReport } from '../../runtime/model/report.js';
import type { Domain, DomainChange, SessionEntry } from '../domain.js';
import {
  capabilitiesJson, capabilitiesKeys, dependencyKey, DOMAIN_ID, functionInstance, healthJson, healthKey, type IncomingIntent, instanceKey, INTENTS,
  performanceKeys, PROVIDERS, providerKey, resourceInstance, sampleElement, stampOf,
} from './keys.js';
import { Incoming } from './incoming.js';
import { BEGIN } from './scripts.js';
import type { ProxySettings } from './settings.js';

export interface MirrorParts {
  settings: ProxySettings;
  domainId: string;
  /** Namespace of the domain's ids. */
  namespace: string;
  domain: Domain;
  nodes(): readonly RegisteredNode[];
  /** False: what tools push stays in the mirror for the time being. */
  mayTakeIntents?(): boolean;
  /** Called with what a tool pushed; throws nothing. */
  onIntent(intent: IncomingIntent): void;
  /** Resolves with whether what was taken in would survive a crash. */
  kept?(): Promise<boolean>;
  /** Of a mirror that has a Redis to itself: is this its process? */
  isOwnServer?(pid: number): boolean;
  /** A pushed intent that says nothing sensible: reported and removed. */
  onBadIntent(key: string, reason: string): void;
  clock: Clock;
  log: Log;
}

type Command = string[];

const REFRESH_MS = 2_000;
/** Intents are looked for more often: a tool waits for them. */
const INTENTS_EVERY_MS = 500;
const PIPELINE = 5_000;
/** Sessions that are put into words at a time: a domain of a million is mirrored without keeping the oracle from its other work. */
const SESSIONS_AT_ONCE = 2_000;
/** Samples that wait for the next refresh; more come only from nodes that say too much. */
const MOST_SAMPLES = 200_000;

export class Mirror {
  private readonly client: RedisClientType;
  private readonly dirtyNodes = new Set<string>();
  private readonly dirtySessions = new Map<string, SessionEntry>();
  private readonly dirtyDependencies = new Map<string, SessionEntry>();
  private readonly goneSessions = new Set<string>();
  private readonly written = { capabilities: new Map<string, string>(), nodes: new Set<string>() };
  private samples: Command[] = [];
  /** Sorted sets that hold something, with the newest of it. */
  private readonly sampleKeys = new Map<string, number>();
  private readonly timers = new Set<Timer>();
  private readonly incoming: Incoming;
  /** When the database was last emptied; undefined while it is not known to be ours. */
  private begunMs: number | undefined;
  /** It refused something since then. */
  private isIncomplete = false;
  private collectedMs: number;
  private closed = false;

  constructor(private readonly parts: MirrorParts) {
    this.client = createClient({ url: parts.settings.redis_url, socket: { reconnectStrategy: (retries) => Math.min(100 * 2 ** retries, 5_000) } }) as RedisClientType;
    this.client.on('error', (error: Error) => parts.log.debug({ reason: error.message }, 'the mirror does not answer'));
    this.collectedMs = parts.clock.now();
    const { mayTakeIntents = () => true, onIntent, onBadIntent, kept = async () => true } = parts;
    this.incoming = new Incoming({ client: this.client, mayTake: mayTakeIntents, onIntent, onBad: onBadIntent, kept });
  }

  /** Connects, empties the database (but for pending intents), writes what is known, and goes on from there. */
  async start(): Promise<void> {
    await this.client.connect();
    this.client.on('ready', () => {
      this.begunMs = undefined;
      void this.refresh().catch((error: unknown) => this.complain(error));
    });
    this.repeat(() => this.refresh(), REFRESH_MS);
    this.repeat(() => this.takeIntents(), INTENTS_EVERY_MS);
    await this.refresh();
  }

  /** To be told of every change of the domain. */
  note(change: DomainChange): void {
    if (change.kind === 'node') this.dirtyNodes.add(change.node);
    else if (change.kind === 'gone') this.drop(change.session);
    else if (change.kind === 'dependency') this.dirtyDependencies.set(change.session.lid, change.session);
    else this.touch(change.session);
  }

  /** To be told of every report, for its health and samples. */
  noteReport(node: RegisteredNode, { health, samples }: NodeReport): void {
    const { clock, namespace, settings } = this.parts;
    // While the mirror is away nothing is kept for it: it begins anew.
    if (!this.client.isReady || this.samples.length > MOST_SAMPLES) return;
    const nowMs = clock.now();
    this.sample(healthKey(node.id), nowMs, healthJson(health));
    for (const { session, epoch, metric, value, atMs } of samples) {
      const entry = this.parts.domain.session(session);
      const lid = entry?.lid ?? v5(`session/${session}`, namespace);
      const pid = pidOf(lid, node.id, epoch, namespace);
      for (const key of performanceKeys(metric, pid, settings.performance_keys)) this.sample(key, atMs, sampleElement(atMs, value));
    }
  }

  /** Writes what changed; everything, where the database has not been begun with or has refused something. */
  async refresh(): Promise<void> {
    if (!this.client.isReady) return;
    if (this.begunMs === undefined || (this.isIncomplete && this.isOver(this.begunMs))) await this.beginAnew();
    try {
      await this.writeChanges();
    } catch (error) {
      // What it refused is not known any more: a server without room, say, is tried again from the beginning, but not at every turn.
      this.isIncomplete = true;
      throw error;
    }
  }

  async takeIntents(): Promise<void> {
    if (this.client.isReady) await this.incoming.take();
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const timer of this.timers) this.parts.clock.clearTimeout(timer);
    await this.refresh().catch(() => undefined);
    this.client.destroy();
  }

  // ── What is written ──────────────────────────────────────────────────────────────────────────

  private async beginAnew(): Promise<void> {
    const { clock, domain, domainId, nodes } = this.parts;
    await this.assertOwnServer();
    await this.client.eval(BEGIN, { keys: [INTENTS, DOMAIN_ID], arguments: [domainId] });
    this.begunMs = clock.now();
    this.isIncomplete = false;
    this.samples = [];
    this.sampleKeys.clear();
    this.written.capabilities.clear();
    this.written.nodes.clear();
    for (const { name } of nodes()) this.dirtyNodes.add(name);
    for (const entry of domain.all()) {
      this.touch(entry);
      if (entry.dependencies) this.dirtyDependencies.set(entry.lid, entry);
    }
  }

  /** Where the port of the mirror's own Redis has become somebody else's, their data stays. */
  private async assertOwnServer(): Promise<void> {
    const { isOwnServer } = this.parts;
    if (!isOwnServer) return;
    const pid = /^process_id:(\d+)/m.exec(await this.client.info('server'))?.[1];
    if (!isOwnServer(Number(pid))) throw new Error(`another server has the mirror's port, process ${pid}: nothing is written there`);
  }

  private async writeChanges(): Promise<void> {
    await this.send([...this.nodeCommands(), ...this.goneCommands()]);
    while (this.dirtySessions.size + this.dirtyDependencies.size > 0) await this.send(this.sessionCommands());
    await this.send(this.samples.splice(0));
    if (this.isOver(this.collectedMs)) await this.send(this.garbage(this.parts.clock.now()));
  }

  /** Is a period over since then? A step of the clock backwards would put it off for as long. */
  private isOver(sinceMs: number): boolean {
    return Math.abs(this.parts.clock.now() - sinceMs) >= this.parts.settings.proxy_gc_period_seconds * 1000;
  }

  private nodeCommands(): Command[] {
    const { nodes, domain, clock, namespace } = this.parts;
    const registered = new Map(nodes().map((node) => [node.name, node]));
    const commands: Command[] = [];
    let changed = false;
    for (const name of this.dirtyNodes) {
      const node = registered.get(name);
      const capabilities = domain.nodes.get(name)?.capabilities;
      if (!node) continue;
      if (node.state === 'failed') {
        // As its tools expect: a node that is not there has no capabilities and no health.
        this.written.nodes.delete(node.id);
        this.written.capabilities.delete(name);
        commands.push(['DEL', ...capabilitiesKeys(node.id), healthKey(node.id), ...PROVIDERS.map((provider) => providerKey(`${name}-${provider.name}`))]);
        changed = true;
        continue;
      }
      if (!this.written.nodes.has(node.id)) {
        commands.push(...providerCommands(node, namespace), ['SET', 'provider:last_update', stampOf(clock.now())]);
        this.written.nodes.add(node.id);
      }
      const json = capabilities && capabilitiesJson(capabilities);
      if (json === undefined || this.written.capabilities.get(name) === json) continue;
      this.written.capabilities.set(name, json);
      commands.push(...capabilitiesKeys(node.id).map((key): Command => ['SET', key, json]));
      changed = true;
    }
    this.dirtyNodes.clear();
    if (changed) commands.push(...capabilitiesKeys('last_update').map((key): Command => ['SET', key, stampOf(clock.now())]));
    return commands;
  }

  private goneCommands(): Command[] {
    const commands = [...this.goneSessions].map((lid): Command => ['DEL', instanceKey(lid), dependencyKey(lid)]);
    this.goneSessions.clear();
    return commands.length === 0 ? [] : [...commands, ['SET', 'instance:last_update', stampOf(this.parts.clock.now())]];
  }

  /** The next of those that have changed. */
  private sessionCommands(): Command[] {
    const { nodes, clock, namespace } = this.parts;
    const stamp = stampOf(clock.now());
    const idOf = new Map(nodes().map(({ name, id }) => [name, id]));
    const commands: Command[] = [];
    for (const [lid, entry] of takeSome(this.dirtySessions)) {
      const node = idOf.get(entry.current);
      if (node === undefined) continue;
      commands.push(['SET', instanceKey(lid), functionInstance({
        functions: entry.functions, outputs: Object.keys(entry.dependencies ?? {}), lid, node, pid: pidOf(lid, node, entry.epoch, namespace),
        workflow: v5(`workflow/${entry.functions[0] ?? ''}`, namespace),
      })]);
    }
    if (commands.length > 0) commands.push(['SET', 'instance:last_update', stamp]);
    const dependent = takeSome(this.dirtyDependencies);
    for (const [lid, { dependencies = {} }] of dependent) {
      const outputs = Object.fromEntries(Object.entries(dependencies).map(([output, session]) => [output, v5(`session/${session}`, namespace)]));
      commands.push(['SET', dependencyKey(lid), JSON.stringify(outputs)]);
    }
    if (dependent.length > 0) commands.push(['SET', 'dependency:last_update', stamp]);
    return commands;
  }

  private touch(session: SessionEntry): void {
    this.goneSessions.delete(session.lid);
    this.dirtySessions.set(session.lid, session);
  }

  private drop(session: SessionEntry): void {
    this.dirtySessions.delete(session.lid);
    this.dirtyDependencies.delete(session.lid);
    this.goneSessions.add(session.lid);
  }

  private sample(key: string, atMs: number, element: string): void {
    this.samples.push(['ZADD', key, stampOf(atMs), element]);
    this.sampleKeys.set(key, atMs);
  }

  /** Takes out of every sorted set what is older than a period; a set that got nothing since is gone then. */
  private garbage(nowMs: number): Command[] {
    this.collectedMs = nowMs;
    const beforeMs = nowMs - this.parts.settings.proxy_gc_period_seconds * 1000;
    const commands: Command[] = [];
    for (const [key, newestMs] of this.sampleKeys) {
      commands.push(['ZREMRANGEBYSCORE', key, '-inf', `(${stampOf(beforeMs)}`]);
      if (newestMs < beforeMs) this.sampleKeys.delete(key);
    }
    return commands;
  }

  private async send(commands: Command[]): Promise<void> {
    for (let from = 0; from < commands.length; from += PIPELINE) {
      const pipeline = this.client.multi();
      for (const command of commands.slice(from, from + PIPELINE)) pipeline.addCommand(command);
      await pipeline.execAsPipeline();
    }
  }

  private repeat(work: () => Promise<void>, everyMs: number): void {
    const { clock } = this.parts;
    const timer = clock.setTimeout(() => {
      this.timers.delete(timer);
      void work().catch((error: unknown) => this.complain(error)).finally(() => this.closed || this.repeat(work, everyMs));
    }, everyMs);
    this.timers.add(timer);
  }

  private complain(error: unknown): void {
    this.parts.log.warn({ reason: (error as Error).message }, 'the mirror could not be written; it is tried again');
  }
}

function takeSome<Value>(from: Map<string, Value>): [string, Value][] {
  const taken: [string, Value][] = [];
  for (const row of from) {
    taken.push(row);
    from.delete(row[0]);
    if (taken.length >= SESSIONS_AT_ONCE) break;
  }
  return taken;
}

/** The name of a provider begins with that of its host, as EDGELESS names them. */
function providerCommands(node: RegisteredNode, namespace: string): Command[] {
  return PROVIDERS.flatMap(({ name, classType, outputs }): Command[] => {
    const lid = v5(`resource/${node.name}/${name}`, namespace);
    return [
      ['SET', providerKey(`${node.name}-${name}`), JSON.stringify({ class_type: classType, node_id: node.id, outputs })],
      ['SET', instanceKey(lid), resourceInstance(classType, node.id, lid, v5(`workflow/${node.name}`, namespace))],
    ];
  });
}
