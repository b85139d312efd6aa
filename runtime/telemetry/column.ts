/**
 * The points of one series in memory: sorted by time, each time once, in chunks that know what their blocks come to. A point that comes
 * in order costs a few stores; a late one finds its chunk and is put into its place, and one that comes again takes the place of the
 * former: the last write wins, and nothing has to be sorted out at a read.
 */
import { CHUNK_POINTS } from '../model/limits.js';
import { type Aggregate, combine, emptyAggregate } from './aggregate.js';
import { addFullPart, Chunk, type Run } from './chunk.js';
import { pageOf, type PointSlabs, startOf } from './slabs.js';
import { type Slices, TOTAL_NUMBERS } from './slices.js';

const FIRST_POINTS = 4;
/** What a point that is alone takes: it needs no chunk, and many series never have a second one. */
const SOLE_BYTES = 32;
const NONE: readonly never[] = Object.freeze([]);

/**
 * What a search looks at instead of the chunks, so that it finds it together in memory: a row for each chunk but the last one, which grows. Made
 * when it is needed; a row that is not true any more has no count.
 */
const ROW = { firstMs: 0, lastMs: 1, stepMs: 2, address: 3, count: 4, sum: 5, min: 6, max: 7 } as const;
const ROW_NUMBERS = 8;

export class Column {
  /** By time; none is empty. */
  private chunks: readonly Chunk[] = NONE;
  private outline: Float64Array | undefined;
  /** Time of a point that is the only one, and in no chunk; -1 when there is none. */
  private soleMs = -1;
  private soleValue = 0;

  constructor(private readonly slabs: PointSlabs) {}

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
    if (last.length < last.capacity) return last.push(atMs, value);
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

  /** Calls back with each run of points in the range (both ends included) and the indexes of them. */
  eachPart(fromMs: number, toMs: number, visit: (run: Run, from: number, to: number) => void): void {
    if (this.soleMs >= 0) {
      if (this.soleMs >= fromMs && this.soleMs <= toMs) visit(new Sole(this.soleMs, this.soleValue), 0, 1);
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

  /** Adds its points to the slices that they lie in. */
  addTo(slices: Slices): void {
    const { cuts, count, needs, totals } = slices;
    const { chunks, soleMs } = this;
    if (count === 0) return;
    if (soleMs >= 0) {
      const slice = slices.indexOf(soleMs + 1) - 1;
      if (slice >= 0 && slice < count) addValue(totals, slice * TOTAL_NUMBERS, this.soleValue);
      return;
    }
    if (chunks.length === 0) return;
    const outline = this.outlined;
    const sealed = chunks.length - 1;
    const untilMs = cuts[count]!;
    let slice = 0;
    for (let at = this.rowAt(cuts[0]!) / ROW_NUMBERS; at < sealed; at += 1) {
      const row = at * ROW_NUMBERS;
      const firstMs = outline[row + ROW.firstMs]!;
      if (firstMs >= untilMs) return;
      while (cuts[slice + 1]! <= firstMs) slice += 1;
      const stepMs = outline[row + ROW.stepMs]!;
      const lastMs = outline[row + ROW.lastMs]!;
      if (lastMs < cuts[slice + 1]! && firstMs >= cuts[slice]!) {
        if (needs[slice] !== 0) this.addWhole(totals, slice * TOTAL_NUMBERS, outline, row);
      } else if (stepMs === 0) slice = addParts(slices, slice, chunks[at]!, firstMs, lastMs);
      else slice = this.addRegularParts(slices, slice, outline[row + ROW.address]!, firstMs, lastMs, stepMs);
      if (slice === count) return;
    }
    const last = chunks[sealed]!;
    const firstMs = last.firstMs;
    if (firstMs >= untilMs) return;
    while (cuts[slice + 1]! <= firstMs) slice += 1;
    addParts(slices, slice, last, firstMs, last.lastMs);
  }

  private addWhole(totals: Float64Array, into: number, outline: Float64Array, row: number): void {
    if (outline[row + ROW.count] === 0) this.drawRow(outline, row);
    totals[into]! += outline[row + ROW.count]!;
    totals[into + 1]! += outline[row + ROW.sum]!;
    if (outline[row + ROW.min]! < totals[into + 2]!) totals[into + 2] = outline[row + ROW.min]!;
    if (outline[row + ROW.max]! > totals[into + 3]!) totals[into + 3] = outline[row + ROW.max]!;
  }

  /** Of a chunk that is full and regular nothing but values and blocks is read: where a time is can be told. @returns the slice that goes on behind the chunk */
  private addRegularParts({ cuts, count, needs, totals }: Slices, first: number, address: number, firstMs: number, lastMs: number, stepMs: number): number {
    const page = this.slabs.values.pages[pageOf(address)]!;
    const start = startOf(address);
    let slice = first;
    let from = cuts[slice]! <= firstMs ? 0 : Math.ceil((cuts[slice]! - firstMs) / stepMs) | 0;
    for (; slice < count; slice += 1) {
      const isLast = lastMs < cuts[slice + 1]!;
      const to = isLast ? CHUNK_POINTS : Math.ceil((cuts[slice + 1]! - firstMs) / stepMs) | 0;
      if (to > from && needs[slice] !== 0) addFullPart(totals, slice * TOTAL_NUMBERS, page, start, from, to, needs[slice]!);
      if (isLast) return slice;
      from = to;
    }
    return slice;
  }

  /** @returns bytes given back */
  delete(fromMs: number, toMs: number): number {
    if (this.soleMs >= 0) return this.soleMs >= fromMs && this.soleMs <= toMs ? this.clear() : 0;
    let freed = 0;
    const kept: Chunk[] = [];
    for (const chunk of this.chunks) {
      const { bytes } = chunk;
      const from = chunk.indexOf(fromMs);
      const to = chunk.indexOf(toMs + 1);
      if (to - from < chunk.length) {
        if (to > from) chunk.remove(from, to);
        kept.push(chunk);
        freed += bytes - chunk.bytes;
      } else {
        chunk.free();
        freed += bytes;
      }
    }
    this.become(kept);
    return freed;
  }

  /** @returns bytes given back */
  clear(): number {
    const { bytes } = this;
    for (const chunk of this.chunks) chunk.free();
    this.become(NONE);
    this.soleMs = -1;
    return bytes;
  }

  /** Puts the other's points, of the same slabs, before its own; those that it has itself up to the time win. @returns bytes by which the column grew */
  putBefore(other: Column, untilMs: number): number {
    const own: [number, number][] = [];
    this.eachPart(0, untilMs, (run, from, to) => {
      for (let at = from; at < to; at += 1) own.push([run.timeAt(at), run.valueAt(at)]);
    });
    let grown = -this.delete(0, untilMs) + this.unfold();
    other.unfold();
    grown += other.bytes;
    this.become([...other.chunks, ...this.chunks]);
    other.become(NONE);
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
    let freed = 0;
    for (const chunk of gone) {
      freed += chunk.bytes;
      chunk.free();
    }
    return freed;
  }

  /** The newest point up to the time; undefined when there is none. */
  latest(): { atMs: number; value: number } | undefined {
    if (this.soleMs >= 0) return { atMs: this.soleMs, value: this.soleValue };
    const last = this.chunks[this.chunks.length - 1];
    return last && { atMs: last.lastMs, value: last.valueAt(last.length - 1) };
  }

  private begin(at: number, atMs: number, value: number, points: number): number {
    const chunk = new Chunk(this.slabs, points);
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
      this.spoilRow(at);
      return 0;
    }
    if (!chunk.fits(atMs)) return this.begin(at, atMs, value, FIRST_POINTS);
    const before = chunk.bytes;
    if (chunk.length === chunk.capacity && chunk.capacity < CHUNK_POINTS) chunk.grow();
    if (chunk.length < chunk.capacity) {
      chunk.insert(index, atMs, value);
      this.spoilRow(at);
      return chunk.bytes - before;
    }
    const rest = chunk.cut(CHUNK_POINTS / 2);
    this.become(this.chunks.toSpliced(at + 1, 0, rest));
    if (index <= chunk.length) chunk.insert(index, atMs, value);
    else rest.insert(index - chunk.length, atMs, value);
    return chunk.bytes - before + rest.bytes;
  }

  // ── Outline ──────────────────────────────────────────────────────────────────────────────────

  private get outlined(): Float64Array {
    return this.outline ??= this.draw();
  }

  private draw(): Float64Array {
    const outline = new Float64Array(Math.max(this.chunks.length - 1, 0) * ROW_NUMBERS);
    for (let row = 0; row < outline.length; row += ROW_NUMBERS) this.drawRow(outline, row);
    return outline;
  }

  private drawRow(outline: Float64Array, row: number): void {
    const chunk = this.chunks[row / ROW_NUMBERS]!;
    const whole = emptyAggregate();
    chunk.addPartTo(whole, 0, chunk.length);
    outline[row + ROW.firstMs] = chunk.firstMs;
    outline[row + ROW.lastMs] = chunk.lastMs;
    outline[row + ROW.stepMs] = chunk.fullStepMs;
    outline[row + ROW.address] = chunk.address;
    outline[row + ROW.count] = whole.count;
    outline[row + ROW.sum] = whole.sum;
    outline[row + ROW.min] = whole.min;
    outline[row + ROW.max] = whole.max;
  }

  /** A point of the chunk changed, or one came into it; its first and last times are always true, because a search needs them. */
  private spoilRow(at: number): void {
    if (this.outline === undefined || at * ROW_NUMBERS >= this.outline.length) return;
    const chunk = this.chunks[at]!;
    this.outline[at * ROW_NUMBERS + ROW.count] = 0;
    this.outline[at * ROW_NUMBERS + ROW.firstMs] = chunk.firstMs;
    this.outline[at * ROW_NUMBERS + ROW.lastMs] = chunk.lastMs;
  }

  /** Index of the first chunk that ends at or after the time. */
  private chunkAt(atMs: number): number {
    const { chunks } = this;
    if (chunks.length === 0) return 0;
    const at = chunks.length === 1 ? 0 : this.rowAt(atMs) / ROW_NUMBERS;
    return at === chunks.length - 1 && chunks[at]!.lastMs < atMs ? at + 1 : at;
  }

  /** Where the row of the first of those chunks begins; behind the last row when there is none. */
  private rowAt(atMs: number): number {
    const outline = this.outlined;
    let low = 0;
    let high = outline.length / ROW_NUMBERS;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (outline[middle * ROW_NUMBERS + ROW.lastMs]! < atMs) low = middle + 1;
      else high = middle;
    }
    return low * ROW_NUMBERS;
  }
}

/** A point that is alone. */
class Sole implements Run {
  constructor(private readonly atMs: number, private readonly value: number) {}

  timeAt(): number {
    return this.atMs;
  }

  valueAt(): number {
    return this.value;
  }

  pairs(from: number, to: number): Float64Array {
    return to > from ? Float64Array.of(this.atMs, this.value) : new Float64Array();
  }

  indexOf(atMs: number): number {
    return this.atMs >= atMs ? 0 : 1;
  }

  addPartTo(aggregate: Aggregate, from: number, to: number): void {
    const { value } = this;
    if (to > from) combine(aggregate, { count: 1, sum: value, min: value, max: value });
  }
}

function addValue(totals: Float64Array, into: number, value: number): void {
  totals[into]! += 1;
  totals[into + 1]! += value;
  if (value < totals[into + 2]!) totals[into + 2] = value;
  if (value > totals[into + 3]!) totals[into + 3] = value;
}

/** @returns the slice that goes on behind the chunk */
function addParts({ cuts, count, needs, totals }: Slices, first: number, chunk: Chunk, firstMs: number, lastMs: number): number {
  let slice = first;
  let from = cuts[slice]! <= firstMs ? 0 : chunk.indexOf(cuts[slice]!);
  for (; slice < count; slice += 1) {
    const isLast = lastMs < cuts[slice + 1]!;
    const to = isLast ? chunk.length : chunk.indexOf(cuts[slice + 1]!);
    if (to > from && needs[slice] !== 0) chunk.addSpanTo(totals, slice * TOTAL_NUMBERS, from, to, needs[slice]!);
    if (isLast) return slice;
    from = to;
  }
  return slice;
}
