/**
 * Which functions this node knows, and which of them it runs. The newest word on a function wins,
 * be it a deployment or a removal; both survive a restart.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '../base/atomic-file.js';
import type { Clock } from '../base/clock.js';
import { appliesAt, type Place } from '../base/constraints.js';
import type { Log } from '../base/log.js';
import type { Deployment } from '../model/config.js';
import { Fault } from '../model/faults.js';
import { REMOVED_KEEP_MS } from '../model/limits.js';
import type { Worker } from '../session/call.js';
import type { Bundles } from './bundles.js';
import { Deployed } from './deployed.js';
import { bundleOf, type Entry, isNewer, isRemoval, sameRun } from './deployment-rules.js';
import { DEFAULT_NAMESPACE, keyOf } from './faas/names.js';
import { MetricsBook } from './function-metrics.js';

const DEFAULT_SUFFIX = `.${DEFAULT_NAMESPACE}`;

/** Makes workers; the handler layer provides it. */
export interface Workers {
  /** @param bundlePath the ES module to run; undefined for what is none. Rejects with DEPLOY_FAILED. */
  load(deployment: Deployment, bundlePath: string | undefined): Promise<Worker>;
}

export interface DeploymentsParts {
  place: Place;
  stateDir: string;
  bundles: Bundles;
  workers: Workers;
  /** Gives a function its secrets: resolves with what its environment says of them. Missing: there are none. */
  secrets?: { mount(functionName: string, names: readonly string[] | undefined): Promise<Record<string, string>>; unmount(functionName: string): Promise<void> };
  clock: Clock;
  log: Log;
}

export class Deployments {
  readonly metrics = new MetricsBook();
  private readonly known = new Map<string, Entry>();
  private readonly running = new Map<string, Deployed>();
  /** Changes of one function happen one after the other. */
  private readonly turns = new Map<string, Promise<unknown>>();
  private readonly listeners = new Set<() => void>();
  private readonly retiring = new Set<Promise<void>>();
  private saving: Promise<void> = Promise.resolve();

  constructor(private readonly parts: DeploymentsParts) {}

  /** The function of that name that runs here: `name.namespace`, or without the namespace when it is the default one. */
  find(name: string): Deployed | undefined {
    const deployed = this.running.get(name);
    if (deployed !== undefined || !name.endsWith(DEFAULT_SUFFIX)) return deployed;
    return this.running.get(name.slice(0, -DEFAULT_SUFFIX.length));
  }

  /** Names of the functions that run here, in order. */
  names(): string[] {
    return [...this.running.keys()].sort();
  }

  list(): Deployed[] {
    return this.names().map((name) => this.running.get(name)!);
  }

  /** Everything known, also what does not run here and what was removed. */
  entries(): Entry[] {
    return [...this.known.values()];
  }

  entry(name: string): Entry | undefined {
    return this.known.get(name);
  }

  /** Of those names, the ones that are still to come. What is known but does not apply here is not awaited. */
  missing(awaited: readonly string[]): string[] {
    return awaited.filter((name) => !this.running.has(name) && !this.isElsewhere(name));
  }

  onChange(listener: () => void): void {
    this.listeners.add(listener);
  }

  /** A time for a new word on a function: later than every word on it so far. */
  stamp(name: string): number {
    return Math.max(this.parts.clock.now(), (this.known.get(name)?.atMs ?? 0) + 1);
  }

  /**
   * Takes a deployment or removal over, unless a newer word is known. The old worker ends after its calls.
   * Resolves with whether anything changed. Rejects with DEPLOY_FAILED, and then nothing has changed.
   */
  apply(entry: Entry): Promise<boolean> {
    return this.inTurn(keyOf(entry), () => this.take(entry));
  }

  /** The place has changed: what is for it now begins to run, what is not any more ends. */
  async reconsider(): Promise<void> {
    for (const entry of this.known.values()) {
      const key = keyOf(entry);
      if (isRemoval(entry) || appliesAt(this.parts.place, entry.constraints) === this.running.has(key)) continue;
      await this.inTurn(key, () => this.run(entry)).catch((error: unknown) => {
        this.parts.log.error({ function: key, reason: String(error) }, 'a function could not follow a change of the node\'s collections');
      });
      for (const listener of this.listeners) listener();
    }
  }

  /** Runs what was known at the last stop. What cannot be loaded is logged and stays known. */
  async restore(): Promise<void> {
    await Promise.all((await this.saved()).map(async (entry) => {
      try {
        await this.apply(entry);
      } catch (error) {
        this.known.set(keyOf(entry), entry);
        this.parts.log.error({ function: keyOf(entry), reason: String(error) }, 'a function could not be restored');
      }
    }));
  }

  async close(): Promise<void> {
    await Promise.all(this.turns.values());
    for (const deployed of this.running.values()) void this.retire(deployed);
    this.running.clear();
    await Promise.all(this.retiring);
    await Promise.all(this.turns.values());
    await this.saving;
  }

  private inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.turns.get(key) ?? Promise.resolve()).then(work);
    const settled = turn.catch(() => undefined);
    this.turns.set(key, settled);
    void settled.then(() => {
      if (this.turns.get(key) === settled) this.turns.delete(key);
    });
    return turn;
  }

  private isElsewhere(name: string): boolean {
    const entry = this.known.get(name);
    return entry !== undefined && (isRemoval(entry) || !appliesAt(this.parts.place, entry.constraints));
  }

  private async take(entry: Entry): Promise<boolean> {
    const key = keyOf(entry);
    const known = this.known.get(key);
    if (known && this.isSettled(known) && !isNewer(entry, known)) return false;
    if (isRemoval(entry)) await this.remove(key);
    else await this.run(entry);
    this.known.set(key, entry);
    await this.save();
    for (const listener of this.listeners) listener();
    return true;
  }

  private async remove(key: string): Promise<void> {
    const inHand = this.running.get(key)?.inHand ?? 0;
    const ended = this.swap(key, undefined);
    if (inHand === 0) return this.parts.secrets?.unmount(key);
    // What is in hand may still read them; unless the function has come back by then.
    void ended?.then(() => this.inTurn(key, async () => {
      if (!this.running.has(key)) await this.parts.secrets?.unmount(key);
    })).catch((error: unknown) => this.parts.log.warn({ function: key, reason: String(error) }, 'the secrets of a removed function are still in its folder'));
  }

  /** False for a deployment that should run here and does not, because its worker could not be loaded at the restart. */
  private isSettled(entry: Entry): boolean {
    return isRemoval(entry) || this.running.has(keyOf(entry)) || !appliesAt(this.parts.place, entry.constraints);
  }

  private async run(deployment: Deployment): Promise<void> {
    const { bundles, workers, place, secrets } = this.parts;
    const service = keyOf(deployment);
    const sha256 = bundleOf(deployment);
    if (sha256 !== undefined && !await bundles.has(sha256)) {
      const reason = `bundle ${sha256} is not here; put it to /system/bundles/${sha256} first`;
      throw new Fault('DEPLOY_FAILED', { function: service, reason });
    }
    if (!appliesAt(place, deployment.constraints)) {
      this.swap(service, undefined);
      return;
    }
    const old = this.running.get(service);
    if (old && sameRun(old.deployment, deployment)) return;
    const mounted = await secrets?.mount(service, deployment.secrets);
    const placed = { ...deployment, service, envVars: { ...deployment.envVars, ...mounted } };
    const worker = await workers.load(placed, sha256 && bundles.pathOf(sha256)).catch(async (error: unknown) => {
      // What runs on has its own secrets again.
      await secrets?.mount(service, old?.deployment.secrets).catch(() => undefined);
      throw error instanceof Fault ? error : new Fault('DEPLOY_FAILED', { function: service, reason: String(error) }, { cause: error });
    });
    const fresh = new Deployed(deployment, worker, this.metrics.of(service));
    this.swap(service, fresh);
    this.staff(fresh, old);
  }

  /** A function that is replaced keeps as many replicas as it had, within what its new labels allow. */
  private staff(fresh: Deployed, old: Deployed | undefined): void {
    const { min, max, isScaled } = fresh.rules;
    const had = old?.rules.isScaled && !old.isAsleep ? old.replicas.wanted : 1;
    if (!isScaled) return;
    fresh.scale(Math.max(1, min, Math.min(had, max))).catch((error: unknown) => {
      this.parts.log.warn({ function: fresh.name, reason: String(error) }, 'a function could not be scaled');
    });
  }

  /** @returns the end of the one that ran before */
  private swap(name: string, fresh: Deployed | undefined): Promise<void> | undefined {
    const old = this.running.get(name);
    if (fresh) this.running.set(name, fresh);
    else this.running.delete(name);
    return old && this.retire(old);
  }

  private retire(old: Deployed): Promise<void> {
    const ended = old.retire().catch((error: unknown) => {
      this.parts.log.warn({ function: old.name, reason: String(error) }, 'a worker did not close');
    });
    this.retiring.add(ended);
    void ended.then(() => this.retiring.delete(ended));
    return ended;
  }

  // ── What is kept ─────────────────────────────────────────────────────────────────────────────

  private get path(): string {
    return join(this.parts.stateDir, 'deployments.json');
  }

  private save(): Promise<void> {
    this.saving = this.saving.catch(() => undefined).then(() => {
      const oldest = this.parts.clock.now() - REMOVED_KEEP_MS;
      for (const [name, entry] of this.known) if (isRemoval(entry) && entry.atMs < oldest) this.known.delete(name);
      return writeAtomically(this.path, JSON.stringify({ entries: this.entries() }, undefined, 2));
    });
    return this.saving;
  }

  private async saved(): Promise<Entry[]> {
    try {
      return (JSON.parse(await readFile(this.path, 'utf8')) as { entries: Entry[] }).entries;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.parts.log.error({ path: this.path, reason: String(error) }, 'the deployments could not be read; starting without');
      }
      return [];
    }
  }
}
