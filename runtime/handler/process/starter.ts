/** Starts the processes of one function, one at a time, and ever slower when they keep dying. */
import type { Clock, Timer } from '../../base/clock.js';
import { messageOf } from '../../base/thrown.js';
import { Fault } from '../../model/faults.js';
import { MAX_FAILED_STARTS, RESTART_FIRST_MS, RESTART_FORGIVEN_MS, RESTART_MOST_MS } from '../../model/limits.js';
import type { FunctionLog } from '../log.js';
import { LoadRefused, type Member } from './member.js';
import type { Load } from './messages.js';
import type { Pool } from './pool.js';

export interface StarterEvents {
  ready(member: Member): void;
  died(member: Member, reason: string): void;
  /** No process comes; whoever waits for one fails with this. */
  failed(fault: Fault): void;
}

export class Starter {
  #starting = false;
  #stopped = false;
  #timer: Timer;
  /** Deaths in a row. */
  #deaths = 0;
  #failedStarts = 0;
  #notBeforeMs = 0;

  constructor(
    private readonly options: { clock: Clock; log: FunctionLog; pool: Pool; load: Load },
    private readonly events: StarterEvents,
  ) {}

  start(): void {
    if (this.#starting || this.#stopped) return;
    this.#starting = true;
    const waitMs = this.#notBeforeMs - this.options.clock.now();
    if (waitMs <= 0) void this.#start();
    else this.#timer = this.options.clock.setTimeout(() => void this.#start(), waitMs);
  }

  /** Notes a death: after the first in a row the next start is at once, then after longer and longer pauses. */
  mourn(member: Member): void {
    const { clock } = this.options;
    const nowMs = clock.now();
    this.#deaths = nowMs - member.loadedAtMs >= RESTART_FORGIVEN_MS ? 1 : this.#deaths + 1;
    const pauseMs = this.#deaths === 1 ? 0 : Math.min(RESTART_FIRST_MS * 2 ** (this.#deaths - 2), RESTART_MOST_MS);
    this.#notBeforeMs = nowMs + pauseMs;
  }

  stop(): void {
    this.#stopped = true;
    this.options.clock.clearTimeout(this.#timer);
  }

  async #start(): Promise<void> {
    const { pool, load, log } = this.options;
    if (this.#stopped) return;
    const member = pool.take({ service: load.service, died: (dead, reason) => this.events.died(dead, reason) });
    try {
      await member.dedicate(load);
      this.#starting = false;
      this.#failedStarts = 0;
      if (this.#stopped) void member.retire();
      else this.events.ready(member);
    } catch (error) {
      this.#starting = false;
      this.#failedStarts += 1;
      const reason = messageOf(error);
      log({ level: 'error', function: load.service, message: 'A worker could not be started', details: { reason } });
      this.#afterFailure(member, error, reason);
    }
  }

  #afterFailure(member: Member, error: unknown, reason: string): void {
    const { service } = this.options.load;
    if (error instanceof LoadRefused) {
      void member.retire();
      this.events.failed(new Fault('DEPLOY_FAILED', { function: service, reason }));
    } else if (this.#failedStarts >= MAX_FAILED_STARTS) {
      this.#failedStarts = 0;
      this.events.failed(new Fault('WORKER_LOST', { function: service }));
    } else {
      this.mourn(member);
      this.start();
    }
  }
}
