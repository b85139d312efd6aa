/** Randomness of a simulation: streams for making plans, and dice that fall by where they are thrown. */

/** Small, fast and good enough to decide what happens next. */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * A die for each place, with a throw for each time: what falls at one place does not depend on how often others
 * were asked. So a plan with something taken out meets mostly the same luck.
 */
export class Dice {
  readonly #thrown = new Map<string, number>();

  constructor(private readonly seed: number) {}

  /** @returns which throw it was at this place, and what fell, from 0 up to, but never, 1 */
  throw(place: string): { count: number; value: number } {
    const count = (this.#thrown.get(place) ?? 0) + 1;
    this.#thrown.set(place, count);
    return { count, value: mulberry32(hash(`${this.seed}/${place}/${count}`))() };
  }
}

/** FNV-1a. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) state = Math.imul(state ^ text.charCodeAt(at), 0x01000193);
  return state >>> 0;
}
