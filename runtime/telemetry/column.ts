/**
 * The points of one series in memory: sorted by time, each time once, in chunks that know their own sum, least and
 * most. A point that comes in order costs a few stores; a late one finds its chunk and is put into its place, and one
 * that comes again takes the place of the former: the last write wins, and nothing has to be sorted out at a read.
 */
import { CHUNK_POINTS } from '../model/limits.js';
import { type Aggregate, combine } from './aggregate.js';
import { addBlocks, BLOCKS, Chunk, SUMMARY_NUMBERS, type Wanted } from './chunk.js';

/** So few that both arrays of a chunk lie in the heap itself, without a buffer of their own. */
const FIRST_POINTS = 4;
/** What a point that is alone takes: it needs no chunk, and many series never have a second one. */
const SOLE_BYTES = 32;
const NONE: readonly never[] = Object.freeze([]);

/**
 * What a search looks at instead of the chunks, so that it finds it together in memory: of each chunk but the last one, which grows. Made when
 * it is needed, gone when it is no longer true.
 */
interface Outline {
  begins: number[];
  ends: number[];
  /** From each point to the next, of chunks that are full and regular; else 0. */
  steps: number[];
  /** Of the blocks of those chunks, each at its place. */
  summaries: Float64Array | undefined;
}

export class Column {
  /** By time; none is empty. */
  private chunks: readonly Chunk[] = NONE;
  private outline: Outline | undefined;
  /** Time of a point that is the only one, and in no chunk; -1 when there is none. */
  private soleMs = -1;
  private soleValue = 0;

  get isEmpty(): boolean {
    return this.chunks.length === 0 && this.soleMs < 0;
  }

  get bytes(): number {
    return this.chunks.reduce((bytes, chunk) => bytes + chunk.bytes, this.soleMs < 0 ? 0 : SOLE_BYTES);
  }

  /** The pieces that can be given up, by time: when the last point of each is, and what it takes. */
  pieces(): { lastMs: number; bytes: number }[] {
    if (this.soleMs >= 0) return [{ lastMs: this.soleMs, bytes: SOLE_BYTES }];
    return this.chunks.map(({ lastMs, bytes }) => ({ lastMs, bytes }));
  }

  /** @returns bytes by which the column grew */
  put(atMs: number, value: number): number {
    const last = this.chunks[this.chunks.length - 1];
    if (last === undefined) return this.putFirst(atMs, value);
    if (atMs <= last.lastMs) return this.late(atMs, value);
    if (!last.fits(atMs)) return this.begin(this.chunks.length, atMs, value, FIRST_POINTS);
    if (last.length < last.capacity) {
      last.push(atMs, value);
      return 0;
    }
    if (last.capacity === CHUNK_POINTS) return this.begin(this.chunks.length, atMs, value, CHUNK_POINTS);
    const before = last.bytes;
    last.grow();
    last.push(atMs, value);
    return last.bytes - before;
  }

  /** The first stays alone until a second one comes. */
  private putFirst(atMs: number, value: number): number {
    if (this.soleMs >= 0 && this.soleMs !== atMs) return this.unfold() + this.put(atMs, value);
    const grown = this.soleMs < 0 ? SOLE_BYTES : 0;
    this.soleMs = atMs;
    this.soleValue = value;
    return grown;
  }

  /** A point that is alone gets its chunk. @returns bytes by which the column grew */
  private unfold(): number {
    const { soleMs, soleValue } = this;
    if (soleMs < 0) return 0;
    this.soleMs = -1;
    return this.begin(0, soleMs, soleValue, FIRST_POINTS) - SOLE_BYTES;
  }

  /** Calls back with each chunk that has points in the range (both ends included) and the indexes of them. */
  eachPart(fromMs: number, toMs: number, visit: (chunk: Chunk, from: number, to: number) => void): void {
    if (this.soleMs >= 0) {
      if (this.soleMs >= fromMs && this.soleMs <= toMs) visit(Chunk.of(this.soleMs, this.soleValue), 0, 1);
      return;
    }
    for (let at = this.chunkAt(fromMs); at < this.chunks.length; at += 1) {
      const chunk = this.chunks[at]!;
      if (chunk.firstMs > toMs) return;
      const from = chunk.firstMs >= fromMs ? 0 : chunk.indexOf(fromMs);
      const to = chunk.lastMs <= toMs ? chunk.length : chunk.indexOf(toMs + 1);
      if (to > from) visit(chunk, from, to);
    }
  }

  /** Of sum and extremes at least what is wanted. */
  addTo(aggregate: Aggregate, fromMs: number, toMs: number, wanted: Wanted = 'all'): void {
    const { soleMs, soleValue } = this;
    if (soleMs >= 0) {
      if (soleMs >= fromMs && soleMs <= toMs) combine(aggregate, { count: 1, sum: soleValue, min: soleValue, max: soleValue });
      return;
    }
    const { chunks } = this;
    const { begins, ends, steps } = this.outlined;
    const sealed = ends.length;
    for (let at = this.chunkAt(fromMs); at < sealed; at += 1) {
      const firstMs = begins[at]!;
      if (firstMs > toMs) return;
      if (steps[at]! > 0) this.addRegular(aggregate, at, fromMs, toMs, wanted);
      else addOf(chunks[at]!, aggregate, fromMs, toMs, firstMs, ends[at]!, wanted);
    }
    if (sealed > 0 && toMs <= ends[sealed - 1]!) return;
    const last = chunks[sealed];
    if (last === undefined) return;
    const [firstMs, lastMs] = [last.firstMs, last.lastMs];
    if (firstMs <= toMs && lastMs >= fromMs) addOf(last, aggregate, fromMs, toMs, firstMs, lastMs, wanted);
  }

  /** Of a chunk that is full and regular only its first and last few values are read: where a time is can be told, and the rest stands in the outline. */
  private addRegular(aggregate: Aggregate, at: number, fromMs: number, toMs: number, wanted: Wanted): void {
    const { begins, ends, steps } = this.outlined;
    const [firstMs, lastMs, stepMs] = [begins[at]!, ends[at]!, steps[at]!];
    const from = firstMs >= fromMs ? 0 : Math.ceil((fromMs - firstMs) / stepMs);
    const to = lastMs <= toMs ? CHUNK_POINTS : Math.floor((toMs - firstMs) / stepMs) + 1;
    if (wanted === 'count') aggregate.count += to - from;
    else if (to - from === CHUNK_POINTS) addBlocks(aggregate, 0, BLOCKS, wanted, this.summaries, at * SUMMARY_NUMBERS);
    else this.chunks[at]!.addBlocksTo(aggregate, from, to, wanted, this.summaries, at * SUMMARY_NUMBERS);
  }

  /** @returns bytes given back */
  delete(fromMs: number, toMs: number): number {
    if (this.soleMs >= 0) return this.soleMs >= fromMs && this.soleMs <= toMs ? this.clear() : 0;
    let freed = 0;
    const kept: Chunk[] = [];
    for (const chunk of this.chunks) {
      const from = chunk.indexOf(fromMs);
      const to = chunk.indexOf(toMs + 1);
      if (to > from) chunk.remove(from, to);
      if (chunk.length > 0) kept.push(chunk);
      else freed += chunk.bytes;
    }
    this.become(kept);
    return freed;
  }

  /** @returns bytes given back */
  clear(): number {
    const { bytes } = this;
    this.become(NONE);
    this.soleMs = -1;
    return bytes;
  }

  /** Puts the other's points before its own; those that it has itself up to the time win. @returns bytes by which the column grew */
  putBefore(other: Column, untilMs: number): number {
    const own: [number, number][] = [];
    this.eachPart(0, untilMs, (chunk, from, to) => {
      for (let at = from; at < to; at += 1) own.push([chunk.timeAt(at), chunk.valueAt(at)]);
    });
    let grown = -this.delete(0, untilMs) + this.unfold();
    other.unfold();
    grown += other.bytes;
    this.become([...other.chunks, ...this.chunks]);
    for (const [atMs, value] of own) grown += this.put(atMs, value);
    return grown;
  }

  /** Gives up the chunks that end before the time. @returns bytes given back */
  dropBefore(atMs: number): number {
    if (this.soleMs >= 0) return this.soleMs < atMs ? this.clear() : 0;
    const first = this.chunkAt(atMs);
    if (first === 0) return 0;
    const gone = this.chunks.slice(0, first);
    this.become(this.chunks.slice(first));
    return gone.reduce((bytes, chunk) => bytes + chunk.bytes, 0);
  }

  /** The newest point up to the time; undefined when there is none. */
  latest(): { atMs: number; value: number } | undefined {
    if (this.soleMs >= 0) return { atMs: this.soleMs, value: this.soleValue };
    const last = this.chunks[this.chunks.length - 1];
    return last && { atMs: last.lastMs, value: last.valueAt(last.length - 1) };
  }

  private begin(at: number, atMs: number, value: number, points: number): number {
    const chunk = new Chunk(points);
    chunk.push(atMs, value);
    this.become(this.chunks.toSpliced(at, 0, chunk));
    return chunk.bytes;
  }

  /** Exactly as long as it has to be: an array that grows by itself keeps room that thousands of series never use. */
  private become(chunks: readonly Chunk[]): void {
    this.chunks = chunks.length === 0 ? NONE : chunks;
    this.outline = undefined;
  }

  private late(atMs: number, value: number): number {
    const at = this.chunkAt(atMs);
    const chunk = this.chunks[at]!;
    const index = chunk.indexOf(atMs);
    if (chunk.timeAt(index) === atMs) {
      chunk.overwrite(index, value);
      if (this.outline) this.outline.summaries = undefined;
      return 0;
    }
    if (!chunk.fits(atMs)) return this.begin(at, atMs, value, FIRST_POINTS);
    this.outline = undefined;
    const before = chunk.bytes;
    if (chunk.length === chunk.capacity && chunk.capacity < CHUNK_POINTS) chunk.grow();
    if (chunk.length < chunk.capacity) {
      chunk.insert(index, atMs, value);
      return chunk.bytes - before;
    }
    const rest = chunk.cut(CHUNK_POINTS / 2);
    this.become(this.chunks.toSpliced(at + 1, 0, rest));
    if (index <= chunk.length) chunk.insert(index, atMs, value);
    else rest.insert(index - chunk.length, atMs, value);
    return rest.bytes;
  }

  private get outlined(): Outline {
    return this.outline ??= outlineOf(this.chunks);
  }

  private get summaries(): Float64Array {
    const outline = this.outlined;
    return outline.summaries ??= summariesOf(this.chunks, outline.steps);
  }

  /** Index of the first chunk that ends at or after the time. */
  private chunkAt(atMs: number): number {
    const { chunks } = this;
    if (chunks.length === 0) return 0;
    const { ends } = this.outlined;
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ends[middle]! < atMs) low = middle + 1;
      else high = middle;
    }
    return low === ends.length && chunks[low]!.lastMs < atMs ? low + 1 : low;
  }
}

function addOf(chunk: Chunk, aggregate: Aggregate, fromMs: number, toMs: number, firstMs: number, lastMs: number, wanted: Wanted): void {
  if (firstMs >= fromMs && lastMs <= toMs) return chunk.addTo(aggregate);
  const from = firstMs >= fromMs ? 0 : chunk.indexBetween(fromMs, firstMs, lastMs);
  chunk.addPartTo(aggregate, from, lastMs <= toMs ? chunk.length : chunk.indexBetween(toMs + 1, firstMs, lastMs), wanted);
}

function outlineOf(chunks: readonly Chunk[]): Outline {
  const sealed = chunks.slice(0, -1);
  return {
    begins: sealed.map(({ firstMs }) => firstMs), ends: sealed.map(({ lastMs }) => lastMs),
    steps: sealed.map(({ length, regularStepMs }) => length === CHUNK_POINTS ? regularStepMs : 0), summaries: undefined,
  };
}

function summariesOf(chunks: readonly Chunk[], steps: readonly number[]): Float64Array {
  const all = new Float64Array(steps.length * SUMMARY_NUMBERS);
  steps.forEach((stepMs, at) => {
    if (stepMs > 0) all.set(chunks[at]!.blockSummary, at * SUMMARY_NUMBERS);
  });
  return all;
}
