/**
 * Tells the oracle how the node is and what its sessions do: every few seconds the changes, and
 * everything when the oracle has lost the thread. The oracle may be away; nothing waits for it.
 */
import type { Clock, Timer } from '../base/clock.js';
import { capabilitiesOf } from '../base/hardware.js';
import type { PeerClient } from '../base/http-client.js';
import type { Log } from '../base/log.js';
import type { Machine } from '../base/machine.js';
import { MAX_PAGE, MAX_SESSIONS_PER_REPORT, ORACLE_TICK_MS } from '../model/limits.js';
import type { Slot } from '../model/record.js';
import type { NodeCapabilities, NodeHealthStatus, NodeLoad, NodeReport, ReportReply, SessionReport } from '../model/report.js';
import type { SessionStore } from '../store/store.js';
import type { Activity, SessionActivity } from './activity.js';

/** Numbers that only ever grow, over all functions of the node. */
export interface WorkDone {
  requests: number;
  tookMs: number;
  /** By `LATENCY_BOUNDS_MS`. */
  latencyCounts: number[];
  inHand: number;
}

export interface ReporterParts {
  node: string;
  boot: string;
  oracleUrl: string;
  peers: PeerClient;
  store: Pick<SessionStore, 'slot' | 'page'>;
  activity: Activity;
  labels: Record<string, string>;
  machine: Machine;
  /** What an operator knows better than the operating system. */
  capabilities?: Partial<NodeCapabilities>;
  /** Requests that the node can work on at once. */
  capacity: number;
  memoryLimitBytes: number;
  /** How the machine is. */
  health(): NodeHealthStatus | Promise<NodeHealthStatus>;
  workDone(): WorkDone;
  accepting(): boolean;
  /** Calls the listener with the id of every session whose record changes. */
  onSession(listener: (session: string) => void): void;
  monotonic: () => number;
  clock: Clock;
  log: Log;
}

const COOLING_REPORTS = 6;
const NOTHING: SessionActivity = { requests: 0, redirected: 0, busyMs: 0 };

export class Reporter {
  private readonly dirty = new Set<string>();
  /** Sessions that the oracle thinks are here, with their epochs and bytes. */
  private readonly told = new Map<string, { epoch: number; bytes: number }>();
  /** Sessions that had requests of late, and for how many reports more they are told with none: their rate has to fade. */
  private readonly cooling = new Map<string, number>();
  private capabilities: NodeCapabilities | undefined;
  private number = 0;
  private wantsAll = true;
  private work: WorkDone;
  private atMs: number;
  private timer: Timer;
  private closed = false;

  constructor(private readonly parts: ReporterParts) {
    const { monotonic, onSession } = parts;
    this.work = parts.workDone();
    this.atMs = monotonic();
    onSession((session) => void this.dirty.add(session));
  }

  start(): void {
    this.next();
  }

  close(): void {
    this.closed = true;
    this.parts.clock.clearTimeout(this.timer);
  }

  private next(): void {
    const { clock, log } = this.parts;
    this.timer = clock.setTimeout(() => {
      void this.send()
        .catch((error: unknown) => log.debug({ reason: (error as Error).message }, 'the oracle did not take a report'))
        .finally(() => this.closed || this.next());
    }, ORACLE_TICK_MS);
  }

  private async send(): Promise<void> {
    const { peers, oracleUrl, node } = this.parts;
    const isFull = this.wantsAll;
    // Whatever goes wrong from here on, the oracle has a gap.
    this.wantsAll = true;
    const report = await this.make(isFull);
    const { body } = await peers.call(oracleUrl, 'POST', `/api/v1/nodes/${encodeURIComponent(node)}/report`, report);
    this.wantsAll = (body as ReportReply).wantsAll;
  }

  private async make(isFull: boolean): Promise<NodeReport> {
    const { parts } = this;
    const { served, astray, samples, outputs } = parts.activity.take();
    const changed = isFull ? undefined : this.takeDirty(served);
    const slots = changed ? await this.slotsOf(changed) : await this.everySlot();
    const { load, keptShare } = this.load();
    for (const [id, slot] of slots) noteForwarded(astray, id, slot, served.get(id));
    const { sessions, gone } = this.sessionsOf(slots, served, isFull, keptShare);
    load.memoryUsedBytes = this.bytesTold();
    const isNews = this.capabilities === undefined;
    this.capabilities ??= await capabilitiesOf({ machine: parts.machine, labels: parts.labels, ...(parts.capabilities && { overrides: parts.capabilities }) });
    this.number += 1;
    return {
      boot: parts.boot, number: this.number, isFull, accepting: parts.accepting(), health: await parts.health(), load,
      ...((isNews || isFull) && { capabilities: this.capabilities }), sessions, gone,
      astray: [...astray].map(([id, requests]) => ({ id, requests })), samples, dependencies: outputs.map(([id, each]) => ({ id, outputs: each })),
    };
  }

  /** Those with requests first: a long list of others goes on with the next report. */
  private takeDirty(served: Map<string, SessionActivity>): string[] {
    const ids = [...new Set([...served.keys(), ...this.dirty, ...this.cooling.keys()])].slice(0, MAX_SESSIONS_PER_REPORT);
    for (const id of ids) {
      this.dirty.delete(id);
      const left = served.has(id) ? COOLING_REPORTS : (this.cooling.get(id) ?? 0) - 1;
      if (left > 0) this.cooling.set(id, left);
      else this.cooling.delete(id);
    }
    return ids;
  }

  private async slotsOf(ids: string[]): Promise<[string, Slot | undefined][]> {
    return Promise.all(ids.map(async (id): Promise<[string, Slot | undefined]> => [id, await this.parts.store.slot(id)]));
  }

  private async everySlot(): Promise<[string, Slot][]> {
    this.dirty.clear();
    this.told.clear();
    const slots: [string, Slot][] = [];
    let after: string | undefined;
    do {
      const page = await this.parts.store.page(after, MAX_PAGE);
      for (const slot of page.slots) if (isHere(slot)) slots.push([slot.session, slot]);
      after = page.next;
    } while (after !== undefined);
    return slots;
  }

  private sessionsOf(slots: [string, Slot | undefined][], served: Map<string, SessionActivity>, isFull: boolean, keptShare: number): Pick<NodeReport, 'sessions' | 'gone'> {
    const sessions: SessionReport[] = [];
    const gone: NodeReport['gone'] = [];
    for (const [id, slot] of slots) {
      const told = this.told.get(id);
      if (slot && isHere(slot)) {
        this.told.set(id, { epoch: slot.epoch, bytes: slot.bytes });
        sessions.push(reportOf(slot, served.get(id) ?? NOTHING, keptShare));
        continue;
      }
      this.told.delete(id);
      if (told && !isFull) gone.push({ id, epoch: told.epoch });
    }
    return { sessions, gone };
  }

  /**
   * The node's load without its memory, and the share of their time that requests kept a place in it: of a hundred in hand where four
   * can be worked on, each waited for most of its time, and asks the node's next holder for no more than the rest.
   */
  private load(): { load: NodeLoad; keptShare: number } {
    const { workDone, monotonic, capacity, memoryLimitBytes } = this.parts;
    const [now, work] = [monotonic(), workDone()];
    const passedMs = Math.max(1, now - this.atMs);
    const last = this.work.latencyCounts;
    const requests = work.requests - this.work.requests;
    const tookMs = work.tookMs - this.work.tookMs;
    Object.assign(this, { atMs: now, work });
    const busy = Math.min(capacity, tookMs / passedMs);
    const load = {
      capacity, busy, waiting: Math.max(0, Math.round(work.inHand - capacity)), latencyMs: requests === 0 ? 0 : tookMs / requests,
      memoryUsedBytes: 0, memoryLimitBytes, requests, latencyCounts: work.latencyCounts.map((count, bucket) => count - (last[bucket] ?? 0)),
    };
    return { load, keptShare: tookMs > 0 ? busy * passedMs / tookMs : 1 };
  }

  private bytesTold(): number {
    let sum = 0;
    for (const { bytes } of this.told.values()) sum += bytes;
    return sum;
  }
}

function isHere(slot: Slot): boolean {
  return slot.state === 'resident' || slot.state === 'leaving';
}

/** What this node had another one serve for its clients arrived here all the same. */
function noteForwarded(astray: Map<string, number>, id: string, slot: Slot | undefined, { requests, redirected }: SessionActivity = NOTHING): void {
  if (requests > redirected && !(slot && isHere(slot))) astray.set(id, (astray.get(id) ?? 0) + requests - redirected);
}

function reportOf(slot: Slot, { requests, redirected, busyMs }: SessionActivity, keptShare: number): SessionReport {
  const { session: id, home, epoch, bytes, functions, lastAccessAtMs: lastAccessMs } = slot;
  return { id, home, epoch, bytes, functions, requests, ...(redirected > 0 && { redirected }), busyMs: busyMs * keptShare, lastAccessMs, moving: slot.state === 'leaving' };
}
