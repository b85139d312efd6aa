/** Adds up what several have taken of the processor, also those that have gone since; it never falls. */

export class Meter<One> {
  readonly #seen = new Map<One, number>();
  #totalMs = 0;

  /**
   * @param measure what one has taken in all, in ms; undefined when that cannot be known now
   * @param isOwn all of it counts; otherwise what somebody took before it was seen first does not
   */
  constructor(private readonly measure: (one: One) => Promise<number | undefined>, private readonly isOwn = false) {}

  /** Of all of these and those before them. What is not among them any more is forgotten. */
  async read(all: Iterable<One>): Promise<number> {
    const present = new Set(all);
    for (const one of this.#seen.keys()) if (!present.has(one)) this.#seen.delete(one);
    await Promise.all([...present].map(async (one) => {
      const ms = await this.measure(one);
      if (ms !== undefined) this.note(one, ms);
    }));
    return this.#totalMs;
  }

  note(one: One, ms: number): void {
    const before = this.#seen.get(one) ?? (this.isOwn ? 0 : ms);
    this.#totalMs += Math.max(0, ms - before);
    this.#seen.set(one, Math.max(before, ms));
  }
}
