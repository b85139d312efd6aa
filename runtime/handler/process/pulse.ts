/** Watches the processes of one function: do they still answer, are they too big, are they used at all? */
import type { Clock, Timer } from '../../base/clock.js';
import {
  ORPHAN_GRACE_MS, PING_EVERY_MS, STALLED_AFTER_MS, STALLS_REMEMBERED_MS, WORKER_IDLE_MS,
} from '../../model/limits.js';
import type { Member } from './member.js';

export interface PulseEvents {
  /** It has calls and does not answer. */
  stalled(member: Member): void;
  /** Without work and no longer wanted: unused for long, grown too big, or with handlers that do not end. */
  tired(member: Member): void;
}

/** A node that stood still itself reads the answers that have come meanwhile between one look and the next. */
const STALLED_AFTER_LOOKS = STALLED_AFTER_MS / PING_EVERY_MS;

export class Pulse {
  #timer: Timer;
  /** When the next look is due; nobody looks after idle processes more often than they may be idle. */
  #pace: 'none' | 'slow' | 'fast' = 'none';
  #stalledUntilMs = 0;

  constructor(private readonly clock: Clock, private readonly members: ReadonlySet<Member>, private readonly events: PulseEvents) {}

  /** True while calls of this function should not share a process. */
  get stalledLately(): boolean {
    return this.#stalledUntilMs > 0 && this.clock.now() < this.#stalledUntilMs;
  }

  /** A call was given to a process. */
  beat(): void {
    if (this.#pace !== 'fast') this.#next('fast');
  }

  stop(): void {
    this.clock.clearTimeout(this.#timer);
    this.#pace = 'fast';
  }

  #next(pace: 'slow' | 'fast'): void {
    this.clock.clearTimeout(this.#timer);
    this.#pace = pace;
    this.#timer = this.clock.setTimeout(() => this.#look(), pace === 'fast' ? PING_EVERY_MS : WORKER_IDLE_MS);
  }

  #look(): void {
    this.#pace = 'none';
    const nowMs = this.clock.now();
    let active = false;
    for (const member of this.members) {
      const isWorking = member.load > member.orphans.size || member.used;
      if (isWorking) member.usedAtMs = nowMs;
      if (!isWorking && this.#isUnwanted(member, nowMs)) {
        this.events.tired(member);
      } else if (isWorking || member.load > 0) {
        active = true;
        this.#ask(member, nowMs);
      }
    }
    if (this.members.size > 0 && this.#pace === 'none') this.#next(active ? 'fast' : 'slow');
  }

  #ask(member: Member, nowMs: number): void {
    const isHaunted = member.orphanedAtMs !== undefined && nowMs - member.orphanedAtMs >= ORPHAN_GRACE_MS;
    if (isHaunted || member.overweight) member.leaving = true;
    if (member.stalled || member.pingedAtMs === undefined) {
      if (member.stalled) void this.#weigh(member);
      else member.ping();
      return;
    }
    member.looks += 1;
    if (member.looks >= STALLED_AFTER_LOOKS && nowMs - member.pingedAtMs >= STALLED_AFTER_MS) {
      this.#stalledUntilMs = nowMs + STALLS_REMEMBERED_MS;
      this.events.stalled(member);
    }
  }

  async #weigh(member: Member): Promise<void> {
    await member.weigh();
    if (member.overweight && !member.dead) member.kill('it took more memory than a worker process may');
  }

  #isUnwanted(member: Member, nowMs: number): boolean {
    return member.leaving || member.overweight || nowMs - member.usedAtMs >= WORKER_IDLE_MS;
  }
}
