/** Which senders are through with what they sent: told to their receivers with a later delivery, so that these need not remember them. */
import type { Clock } from '../base/clock.js';
import { MAX_SETTLED_PER_DELIVERY, MAX_SETTLING, SETTLE_AFTER_MS } from '../model/limits.js';

interface Settled {
  number: number;
  /** When the last of it was struck out. */
  atMs: number;
}

/** Only in memory: what is lost with the process, its receivers remember for longer. */
export class Settling {
  /** By receiver and lane, the longest settled first. */
  readonly #receivers = new Map<string, Map<string, Settled>>();
  #size = 0;

  constructor(private readonly clock: Clock) {}

  add(receiver: string, lane: string, number: number): void {
    const lanes = this.#receivers.get(receiver) ?? new Map<string, Settled>();
    this.#receivers.set(receiver, lanes);
    if (!lanes.delete(lane)) this.#size += 1;
    lanes.set(lane, { number, atMs: this.clock.now() });
    if (this.#size > MAX_SETTLING) this.#forgetOldest();
  }

  /** Lanes of which nothing can be under way any more. */
  due(receiver: string): [lane: string, number: number][] {
    const latestMs = this.clock.now() - SETTLE_AFTER_MS;
    const due: [string, number][] = [];
    for (const [lane, { number, atMs }] of this.#receivers.get(receiver) ?? []) {
      if (atMs > latestMs || due.length >= MAX_SETTLED_PER_DELIVERY) break;
      due.push([lane, number]);
    }
    return due;
  }

  /** The receiver has been told. */
  told(receiver: string, settled: [lane: string, number: number][]): void {
    const lanes = this.#receivers.get(receiver);
    for (const [lane, number] of settled) {
      if (lanes?.get(lane)?.number !== number) continue;
      lanes.delete(lane);
      this.#size -= 1;
    }
    if (lanes?.size === 0) this.#receivers.delete(receiver);
  }

  #forgetOldest(): void {
    const { value: [receiver, lanes] } = this.#receivers.entries().next() as { value: [string, Map<string, Settled>] };
    const [lane] = lanes.keys();
    lanes.delete(lane!);
    this.#size -= 1;
    if (lanes.size === 0) this.#receivers.delete(receiver);
  }
}
