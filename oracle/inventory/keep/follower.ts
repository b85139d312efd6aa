/** Keeps the engine's tables at the heels of the journal, and starts and closes the engine. */
import type { Clock, Timer } from '../../../runtime/base/clock.js';
import { ENGINE_IDLE_MS } from '../../../runtime/model/limits.js';
import { Engine, type EngineParts } from '../engine/engine.js';
import type { Sources } from '../sources/sources.js';
import type { Segment } from './journal.js';
import type { Snapshot } from './snapshots.js';

export interface FollowerParts extends EngineParts {
  clock: Clock;
  /** The newest snapshot, oldest first the ones before. */
  snapshots(): Snapshot[];
  /** Sources that queries may read and that were fetched or copied. */
  sources: Sources;
  /** Closes the open file of the journal and returns all whole ones. */
  rotate(): Promise<Segment[]>;
}

export class Follower {
  #engine: Promise<Engine> | undefined;
  /** Number of the last change that the tables have; undefined as long as they are empty. */
  #upTo: number | undefined;
  #shown: string[] = [];
  #placed = '';
  #users = 0;
  #idle: Timer;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly parts: FollowerParts) {}

  /** The engine, whatever its tables have. It is not closed while `work` runs. */
  async use<T>(work: (engine: Engine) => Promise<T>): Promise<T> {
    const { clock } = this.parts;
    this.#users += 1;
    clock.clearTimeout(this.#idle);
    try {
      return await work(await this.#open());
    } finally {
      this.#users -= 1;
      if (this.#users === 0) this.#idle = clock.setTimeout(() => void this.close(), ENGINE_IDLE_MS);
    }
  }

  /** The engine with its tables as they are on the disk now; `upTo` is the number of the last change in them. */
  caughtUp<T>(work: (engine: Engine, upTo: number) => Promise<T>): Promise<T> {
    return this.#inTurn(() => this.use(async (engine) => {
      const upTo = await this.#catchUp(engine);
      return work(engine, upTo);
    }));
  }

  /** Runs `work` while nobody looks at the tables; afterwards they are filled anew. */
  replacing<T>(work: () => Promise<T>): Promise<T> {
    return this.#inTurn(() => work().finally(() => {
      this.#upTo = undefined;
    }));
  }

  async close(): Promise<void> {
    const engine = this.#engine;
    this.#engine = undefined;
    this.#upTo = undefined;
    this.#shown = [];
    this.#placed = '';
    this.parts.clock.clearTimeout(this.#idle);
    await engine?.then((open) => open.close(), () => undefined);
  }

  async #open(): Promise<Engine> {
    for (let asked = this.#engine; ; asked = this.#engine) {
      const known = await asked?.catch(() => undefined);
      if (known && !known.hasEnded) return known;
      // Who waited with us may have started another.
      if (this.#engine === asked) break;
    }
    this.#upTo = undefined;
    this.#shown = [];
    this.#placed = '';
    this.#engine = Engine.start(this.parts);
    return this.#engine;
  }

  async #catchUp(engine: Engine): Promise<number> {
    const segments = await this.parts.rotate();
    const snapshots = this.parts.snapshots();
    const newest = snapshots.at(-1);
    if (this.#upTo === undefined) {
      await engine.call('load', newest && { name: newest.name, folder: newest.folder });
      this.#upTo = newest?.seq ?? 0;
    }
    const after = this.#upTo;
    const missing = segments.filter(({ last }) => last > after);
    if (missing.length > 0) {
      await engine.call('ingest', missing.map(({ file }) => file), after);
      this.#upTo = missing.at(-1)!.last;
    }
    return this.#upTo;
  }

  /** Snapshots and sources as queries see them. */
  async show(engine: Engine): Promise<void> {
    await this.#place(engine);
    const places = this.parts.snapshots().map(({ name, folder }) => ({ name, folder }));
    const names = places.map(({ name }) => name);
    if (names.join() === this.#shown.join() && names.length > 0) return;
    await engine.call('show', places);
    this.#shown = names;
  }

  async #place(engine: Engine): Promise<void> {
    const { sources } = this.parts;
    const { places } = sources;
    const placed = JSON.stringify(places);
    if (placed === this.#placed) return;
    await engine.call('sources', places);
    this.#placed = placed;
    await sources.tidy();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}
