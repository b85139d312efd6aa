/** Deployments go down the tree: each node passes on what it knows until its children have it, and asks its parent at its start. */
import type { Clock, Timer } from '../base/clock.js';
import type { PeerClient } from '../base/http-client.js';
import type { Log } from '../base/log.js';
import { asFault, Fault, type FaultDetails } from '../model/faults.js';
import { PASS_ON_FIRST_MS, PASS_ON_MOST_MS } from '../model/limits.js';
import type { Bundles } from './bundles.js';
import { bundleOf, type Entry, entryOf, isRemoval } from './deployment-rules.js';
import type { Deployments } from './deployments.js';
import { keyOf } from './faas/names.js';
import type { PassedSettings } from './faas/passed-settings.js';

export interface Child {
  name: string;
  url: string;
}

/** Where a change has arrived below a node, itself included, and where not yet. */
export interface Spread {
  nodes: string[];
  pending: string[];
}

/** A child's answer to the entries it was given. */
export interface Acceptance extends Spread {
  /** Names of the functions whose entry, or a newer one, the child has now. */
  accepted: string[];
  /** Bundles that it needs first. */
  missing: string[];
  failed: { function: string; code: string; details: FaultDetails }[];
}

export interface PassingOnParts {
  node: string;
  deployments: Deployments;
  bundles: Bundles;
  /** Secrets and namespaces, which go before the deployments that need them. */
  settings?: PassedSettings;
  children(): Child[];
  parentUrl?: string;
  peers: PeerClient;
  clock: Clock;
  log: Log;
}

const PATH = '/peer/deployments';
const SETTINGS_PATH = '/peer/settings';
/** Time a child is given beyond what it may itself wait for its own children. */
const MARGIN_MS = 2_000;

export class PassingOn {
  /** Per child: the time of the entry that it has of each function. */
  private readonly acknowledged = new Map<string, Map<string, number>>();
  /** The same of secrets and namespaces. */
  private readonly settled = new Map<string, Map<string, number>>();
  private readonly busy = new Set<string>();
  private readonly timers = new Map<string, Timer>();
  private closed = false;

  constructor(private readonly parts: PassingOnParts) {
    parts.deployments.onChange(() => this.start());
    parts.settings?.onChange(() => this.start());
  }

  /** Passes on whatever children lack; call it also when a child has appeared. */
  start(): void {
    for (const child of this.parts.children()) void this.attend(child, PASS_ON_FIRST_MS);
  }

  /** Takes what a parent passes on. @param waitMs how long to wait for the own subtree; 0 not at all */
  async receive(bodies: unknown[], waitMs: number): Promise<Acceptance> {
    const acceptance: Acceptance = { accepted: [], missing: [], failed: [], nodes: [], pending: [] };
    await Promise.all(bodies.map(async (body) => {
      try {
        const entry = entryOf(body, 0);
        const sha256 = isRemoval(entry) ? undefined : bundleOf(entry);
        if (sha256 !== undefined && !await this.parts.bundles.has(sha256)) {
          acceptance.missing.push(sha256);
          return;
        }
        await this.parts.deployments.apply(entry);
        acceptance.accepted.push(keyOf(entry));
      } catch (error) {
        // One that this node does not take, perhaps because it is of another version, keeps none of the others away.
        const { code, details } = asFault(error);
        acceptance.failed.push({ function: nameIn(body), code, details });
      }
    }));
    return { ...acceptance, ...await this.spread(waitMs) };
  }

  /** Waits until every child's subtree has everything, at most `waitMs`; with 0 it does not ask. */
  async spread(waitMs: number): Promise<Spread> {
    const { node, children, clock } = this.parts;
    const untilMs = clock.now() + waitMs;
    const below = waitMs > 0 ? await Promise.all(children().map((child) => this.spreadTo(child, untilMs))) : [];
    return { nodes: [node, ...below.flatMap(({ nodes }) => nodes)], pending: below.flatMap(({ pending }) => pending) };
  }

  /** Fetches what the parent knows; again and again until it answers. */
  async catchUp(): Promise<void> {
    const { parentUrl, peers, clock, log } = this.parts;
    if (parentUrl === undefined) return;
    for (let waitMs = PASS_ON_FIRST_MS; !this.closed; waitMs = Math.min(waitMs * 2, PASS_ON_MOST_MS)) {
      try {
        if (this.parts.settings) {
          const { body } = await peers.call(parentUrl, 'GET', SETTINGS_PATH);
          await this.parts.settings.receive((body as { settings: unknown[] }).settings);
        }
        const { body } = await peers.call(parentUrl, 'GET', PATH);
        for (const given of (body as { entries: unknown[] }).entries) await this.fetch(parentUrl, given);
        return;
      } catch (error) {
        log.debug({ parentUrl, reason: String(error) }, 'the parent\'s deployments could not be fetched yet');
      }
      await new Promise<void>((resolve) => this.timers.set('', clock.setTimeout(resolve, waitMs)));
    }
  }

  close(): void {
    this.closed = true;
    for (const timer of this.timers.values()) this.parts.clock.clearTimeout(timer);
  }

  private async fetch(parentUrl: string, given: unknown): Promise<void> {
    const { bundles, deployments, peers, log } = this.parts;
    const entry = this.checked(given);
    if (entry === undefined) return;
    const known = deployments.entry(keyOf(entry));
    if (known && known.atMs >= entry.atMs) return;
    const sha256 = isRemoval(entry) ? undefined : bundleOf(entry);
    if (sha256 !== undefined && !await bundles.has(sha256)) {
      const { stream } = await peers.call(parentUrl, 'GET', `/system/bundles/${sha256}`, undefined, 'text/javascript');
      await bundles.write(sha256, stream!);
    }
    await deployments.apply(entry).catch((error: unknown) => {
      log.error({ function: keyOf(entry), reason: String(error) }, 'a deployment failed');
    });
  }

  private checked(given: unknown): Entry | undefined {
    try {
      return entryOf(given, 0);
    } catch (error) {
      this.parts.log.error({ function: nameIn(given), reason: String(error) }, 'a deployment of the parent is none that this node takes');
      return undefined;
    }
  }

  // ── Down ─────────────────────────────────────────────────────────────────────────────────────

  /** One pass at a time for each child; a failed one is repeated later, after a longer pause each time. */
  private async attend(child: Child, pauseMs: number): Promise<void> {
    const { clock, log } = this.parts;
    if (this.busy.has(child.url) || this.closed) return;
    this.busy.add(child.url);
    clock.clearTimeout(this.timers.get(child.url));
    let failed = true;
    try {
      failed = (await this.give(child, this.lackedBy(child), 0)).failed.length > 0;
    } catch (error) {
      log.debug({ child: child.name, reason: String(error) }, 'deployments could not be passed on yet');
    } finally {
      this.busy.delete(child.url);
    }
    if (failed) {
      const next = Math.min(pauseMs * 2, PASS_ON_MOST_MS);
      this.timers.set(child.url, clock.setTimeout(() => void this.attend(child, next), pauseMs));
    } else if (this.lackedBy(child).length > 0 || this.settingsLackedBy(child).length > 0) {
      await this.attend(child, PASS_ON_FIRST_MS);
    }
  }

  private async spreadTo(child: Child, untilMs: number): Promise<Spread> {
    const { clock } = this.parts;
    for (let pauseMs = PASS_ON_FIRST_MS; ; pauseMs *= 2) {
      const leftMs = untilMs - clock.now();
      if (leftMs <= 0 || this.closed) return { nodes: [], pending: [child.name] };
      try {
        const { nodes, pending, failed } = await this.give(child, this.passable(), leftMs);
        if (failed.length === 0) return { nodes, pending };
        return { nodes: nodes.filter((name) => name !== child.name), pending: [child.name, ...pending] };
      } catch (error) {
        if (error instanceof Fault && !error.retryable) return { nodes: [], pending: [child.name] };
        await new Promise<void>((resolve) => clock.setTimeout(resolve, Math.min(pauseMs, leftMs)));
      }
    }
  }

  private passable(): Entry[] {
    return this.parts.deployments.entries().filter(({ scope }) => scope !== 'node');
  }

  private lackedBy(child: Child): Entry[] {
    const has = this.acknowledged.get(child.url);
    return this.passable().filter((entry) => (has?.get(keyOf(entry)) ?? 0) < entry.atMs);
  }

  private async give(child: Child, entries: Entry[], waitMs: number): Promise<Acceptance> {
    await this.giveSettings(child);
    if (entries.length === 0 && waitMs === 0) return { accepted: [], missing: [], failed: [], nodes: [], pending: [] };
    const first = await this.put(child, entries, waitMs);
    if (first.missing.length === 0) return first;
    for (const sha256 of new Set(first.missing)) await this.putBundle(child, sha256);
    return this.put(child, entries, waitMs);
  }

  private settingsLackedBy(child: Child): string[] {
    const has = this.settled.get(child.url);
    return [...this.parts.settings?.times() ?? []].filter(([key, atMs]) => (has?.get(key) ?? 0) < atMs).map(([key]) => key);
  }

  private async giveSettings(child: Child): Promise<void> {
    const keys = this.settingsLackedBy(child);
    if (keys.length === 0) return;
    const times = this.parts.settings!.times();
    const has = this.settled.get(child.url) ?? new Map<string, number>();
    this.settled.set(child.url, has);
    for await (const batch of this.parts.settings!.batches(keys)) {
      await this.parts.peers.call(child.url, 'PUT', SETTINGS_PATH, { settings: batch.settings });
      for (const key of batch.keys) has.set(key, times.get(key)!);
    }
  }

  private async put(child: Child, entries: Entry[], waitMs: number): Promise<Acceptance> {
    const options = waitMs > 0 ? { timeoutMs: waitMs + MARGIN_MS } : {};
    const { body } = await this.parts.peers.call(child.url, 'PUT', `${PATH}?wait=${Math.round(waitMs)}`, { entries }, undefined, options);
    const acceptance = body as Acceptance;
    const has = this.acknowledged.get(child.url) ?? new Map<string, number>();
    this.acknowledged.set(child.url, has);
    const accepted = new Set(acceptance.accepted);
    for (const entry of entries) if (accepted.has(keyOf(entry))) has.set(keyOf(entry), entry.atMs);
    return acceptance;
  }

  private async putBundle(child: Child, sha256: string): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.parts.bundles.read(sha256)) chunks.push(chunk);
    await this.parts.peers.call(child.url, 'PUT', `/system/bundles/${sha256}`, Buffer.concat(chunks));
  }
}

/** Of what may be no deployment at all. */
function nameIn(body: unknown): string {
  const { service, namespace } = (body ?? {}) as { service?: unknown; namespace?: unknown };
  return keyOf({ service: String(service), ...(typeof namespace === 'string' && { namespace }) });
}
