import type { Clock } from '../../runtime/base/clock.js';
import { Life } from './life.js';

/** The processes of a world's nodes: each lives until it is ended, and stands still while it is paused. */
export class Processes {
  readonly #lives = new Map<string, Life>();
  /** Nodes whose process stands still, and what waits for it to go on. */
  readonly #paused = new Map<string, (() => void)[]>();

  begin(name: string): Life {
    const life = new Life();
    this.#lives.set(name, life);
    return life;
  }

  /** The present life of a node, or its last. */
  lifeOf(name: string): Life | undefined {
    return this.#lives.get(name);
  }

  /** The node's process stands still, as under SIGSTOP: nothing of it happens until it goes on. */
  pause(name: string): void {
    if (!this.#paused.has(name)) this.#paused.set(name, []);
  }

  resume(name: string): void {
    const waiting = this.#paused.get(name) ?? [];
    this.#paused.delete(name);
    for (const goOn of waiting) goOn();
  }

  /** Waits for a process that stands still; nothing to wait for when it does not. */
  awake(name: string): Promise<void> | undefined {
    const waiting = this.#paused.get(name);
    return waiting && new Promise((resolve) => void waiting.push(resolve));
  }

  /** The world's time as a node sees it: off by so many ms, and still while the node is. */
  clockOf(name: string, clock: Clock, offsetMs: () => number): Clock {
    return {
      now: () => clock.now() + offsetMs(),
      setTimeout: (task, ms) => clock.setTimeout(() => {
        const waiting = this.#paused.get(name);
        if (waiting) waiting.push(task);
        else task();
      }, ms),
      clearTimeout: (timer) => clock.clearTimeout(timer),
    };
  }
}
