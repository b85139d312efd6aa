/**
 * Points of one series that lie together: sorted by time, each time once. Of each block of them sum, least and most are kept behind the values,
 * so that a part is told from a few numbers. Points that are equally far from each other need no times.
 */
import { CHUNK_POINTS } from '../model/limits.js';
import { type Aggregate, combine } from './aggregate.js';
import { pageOf, type PointSlabs, startOf } from './slabs.js';
import { COUNTED, EXTREMES } from './slices.js';

const GROWTH = 4;
const OFFSET_BYTES = 4;
/** What a chunk costs beside its pieces: the object, its numbers, its row in the outline of the column. */
const CHUNK_BYTES = 280;
const BLOCK_SHIFT = 4;
const BLOCK_POINTS = 1 << BLOCK_SHIFT;
const BLOCK_FIELDS = 3;
/** Smaller ones have no blocks. */
const LEAST_WITH_BLOCKS = 2 * BLOCK_POINTS;
/** Times are kept as distances from the first: some 49 days fit in one chunk. */
const MAX_SPAN_MS = 0xffff_ffff;

/** Points by their indexes, sorted by time. */
export interface Run {
  timeAt(index: number): number;
  valueAt(index: number): number;
  /** Time and value in turn, of the points with an index from `from` up to, not including, `to`. */
  pairs(from: number, to: number): Float64Array;
  /** Index of the first point at or after the time. */
  indexOf(atMs: number): number;
  /** The points with an index from `from` up to, not including, `to`. */
  addPartTo(aggregate: Aggregate, from: number, to: number): void;
}

export class Chunk implements Run {
  length = 0;
  /** Of the piece with the values. */
  address: number;
  private page: Float64Array;
  /** Where the values begin in the page. */
  private start: number;
  /** Missing while the points are equally far from each other: then `baseMs` and `stepMs` say it all. */
  private offsets: Uint32Array | undefined;
  private offsetsStart = 0;
  private offsetsAddress = 0;
  private baseMs = 0;
  /** From each point to the next; 0 while there are fewer than two. */
  private stepMs = 0;
  /** Blocks from the first on of which sum and extremes are right. */
  private summed = 0;

  constructor(private readonly slabs: PointSlabs, public capacity: number) {
    this.address = slabs.values.take(pieceOf(capacity));
    this.page = slabs.values.pages[pageOf(this.address)]!;
    this.start = startOf(this.address);
  }

  /** Gives its pieces back; it is of no use afterwards. */
  free(): void {
    this.slabs.values.give(this.address, pieceOf(this.capacity));
    this.freeOffsets();
  }

  get firstMs(): number {
    return this.timeAt(0);
  }

  get lastMs(): number {
    return this.timeAt(this.length - 1);
  }

  get bytes(): number {
    return CHUNK_BYTES + pieceOf(this.capacity) * 8 + (this.offsets ? this.capacity * OFFSET_BYTES : 0);
  }

  timeAt(index: number): number {
    return this.baseMs + (this.offsets === undefined ? index * this.stepMs : this.offsets[this.offsetsStart + index]!);
  }

  valueAt(index: number): number {
    return this.page[this.start + index]!;
  }

  /** Whether the time is near enough to the others. */
  fits(atMs: number): boolean {
    return this.length === 0 || (atMs >= this.baseMs ? atMs - this.baseMs : this.lastMs - atMs) <= MAX_SPAN_MS;
  }

  pairs(from: number, to: number): Float64Array {
    const pairs = new Float64Array((to - from) * 2);
    for (let at = from, into = 0; at < to; at += 1, into += 2) {
      pairs[into] = this.timeAt(at);
      pairs[into + 1] = this.valueAt(at);
    }
    return pairs;
  }

  /** 0 when the points are not all equally far from each other, or the chunk is not full. */
  get fullStepMs(): number {
    return this.offsets === undefined && this.length === CHUNK_POINTS ? this.stepMs : 0;
  }

  /** Behind the last one. @returns bytes by which the chunk grew */
  push(atMs: number, value: number): number {
    const { length } = this;
    let grown = 0;
    if (length === 0) this.baseMs = atMs;
    else if (length === 1 && this.offsets === undefined) this.stepMs = atMs - this.baseMs;
    else if (this.offsets === undefined && atMs !== this.baseMs + length * this.stepMs) grown = this.writeTimes();
    if (this.offsets !== undefined) this.offsets[this.offsetsStart + length] = atMs - this.baseMs;
    this.page[this.start + length] = value;
    this.length = length + 1;
    if ((this.length & (BLOCK_POINTS - 1)) === 0) this.sumBlocks();
    return this.length === CHUNK_POINTS ? grown - this.forgetTimes() : grown;
  }

  overwrite(index: number, value: number): void {
    this.page[this.start + index] = value;
    if (index >> BLOCK_SHIFT < this.summed) this.sumBlock(index >> BLOCK_SHIFT);
  }

  insert(index: number, atMs: number, value: number): void {
    if (this.offsets === undefined) this.writeTimes();
    const { offsets, offsetsStart, page, start, length } = this;
    if (atMs < this.baseMs) {
      const further = this.baseMs - atMs;
      for (let at = 0; at < length; at += 1) offsets![offsetsStart + at]! += further;
      this.baseMs = atMs;
    }
    offsets!.copyWithin(offsetsStart + index + 1, offsetsStart + index, offsetsStart + length);
    page.copyWithin(start + index + 1, start + index, start + length);
    offsets![offsetsStart + index] = atMs - this.baseMs;
    page[start + index] = value;
    this.length = length + 1;
    this.spoil(index);
    if (this.length === CHUNK_POINTS) this.forgetTimes();
  }

  indexOf(atMs: number): number {
    const { length, stepMs, offsets, offsetsStart } = this;
    const offset = atMs - this.baseMs;
    if (offsets === undefined) return offset <= 0 ? 0 : stepMs === 0 ? length : Math.ceil(Math.min(offset / stepMs, length)) | 0;
    const first = offsets[offsetsStart]!;
    const last = offsets[offsetsStart + length - 1]!;
    if (offset <= first) return 0;
    return offset > last ? length : placeOf(offsets, offsetsStart, length, offset, Math.ceil((offset - first) / (last - first) * (length - 1)) | 0);
  }

  grow(): void {
    const { address, capacity, page, start, offsets, offsetsStart, offsetsAddress } = this;
    this.capacity = Math.min(capacity * GROWTH, CHUNK_POINTS);
    this.address = this.slabs.values.take(pieceOf(this.capacity));
    this.page = this.slabs.values.pages[pageOf(this.address)]!;
    this.start = startOf(this.address);
    this.page.set(page.subarray(start, start + this.length), this.start);
    this.slabs.values.give(address, pieceOf(capacity));
    this.summed = 0;
    if (offsets === undefined) return;
    this.takeOffsets();
    this.offsets!.set(offsets.subarray(offsetsStart, offsetsStart + this.length), this.offsetsStart);
    this.slabs.offsets.give(offsetsAddress, capacity);
  }

  /** Takes the points from `from` on out. */
  cut(from: number): Chunk {
    const rest = new Chunk(this.slabs, CHUNK_POINTS);
    rest.length = this.length - from;
    rest.page.set(this.page.subarray(this.start + from, this.start + this.length), rest.start);
    if (this.offsets === undefined) {
      rest.baseMs = this.timeAt(from);
      rest.stepMs = this.stepMs;
    } else {
      rest.baseMs = this.baseMs;
      rest.takeOffsets();
      rest.offsets!.set(this.offsets.subarray(this.offsetsStart + from, this.offsetsStart + this.length), rest.offsetsStart);
    }
    this.length = from;
    this.spoil(from);
    return rest;
  }

  /** Takes out the points with an index from `from` up to, not including, `to`. */
  remove(from: number, to: number): void {
    const { page, start, length } = this;
    if (this.offsets === undefined && from === 0) this.baseMs = this.timeAt(to);
    else if (this.offsets === undefined && to < length) this.writeTimes();
    page.copyWithin(start + from, start + to, start + length);
    this.offsets?.copyWithin(this.offsetsStart + from, this.offsetsStart + to, this.offsetsStart + length);
    this.length = length - (to - from);
    if (this.offsets === undefined && this.length < 2) this.stepMs = 0;
    this.spoil(from);
  }

  addPartTo(aggregate: Aggregate, from: number, to: number): void {
    const total = Float64Array.of(0, 0, Infinity, -Infinity);
    this.addSpanTo(total, 0, from, to, EXTREMES);
    combine(aggregate, { count: total[0]!, sum: total[1]!, min: total[2]!, max: total[3]! });
  }

  /** The same into a total that begins at the place, as much of it as is needed. */
  addSpanTo(totals: Float64Array, into: number, from: number, to: number, needs: number): void {
    if (to <= from) return;
    if (needs !== COUNTED) this.sumBlocks();
    addSpan(totals, into, this.page, this.start, this.capacity, this.summed, from, to, needs);
  }

  // ── Times ────────────────────────────────────────────────────────────────────────────────────

  private takeOffsets(): void {
    this.offsetsAddress = this.slabs.offsets.take(this.capacity);
    this.offsets = this.slabs.offsets.pages[pageOf(this.offsetsAddress)]!;
    this.offsetsStart = startOf(this.offsetsAddress);
  }

  /** @returns bytes given back */
  private freeOffsets(): number {
    if (this.offsets === undefined) return 0;
    this.slabs.offsets.give(this.offsetsAddress, this.capacity);
    this.offsets = undefined;
    return this.capacity * OFFSET_BYTES;
  }

  /** The points are not regular any more. @returns bytes taken */
  private writeTimes(): number {
    this.takeOffsets();
    for (let at = 0; at < this.length; at += 1) this.offsets![this.offsetsStart + at] = at * this.stepMs;
    return this.capacity * OFFSET_BYTES;
  }

  /** What came out of order may turn out to be regular in the end. @returns bytes given back */
  private forgetTimes(): number {
    const { offsets, offsetsStart, length } = this;
    if (offsets === undefined) return 0;
    const first = offsets[offsetsStart]!;
    const stepMs = offsets[offsetsStart + 1]! - first;
    for (let at = 2; at < length; at += 1) if (offsets[offsetsStart + at] !== first + at * stepMs) return 0;
    this.baseMs += first;
    this.stepMs = stepMs;
    return this.freeOffsets();
  }

  // ── Blocks ───────────────────────────────────────────────────────────────────────────────────

  /** Blocks with points from the index on are not right any more. */
  private spoil(index: number): void {
    this.summed = Math.min(this.summed, index >> BLOCK_SHIFT);
  }

  /** All that are whole. */
  private sumBlocks(): void {
    if (this.capacity < LEAST_WITH_BLOCKS) return;
    for (; this.summed < this.length >> BLOCK_SHIFT; this.summed += 1) this.sumBlock(this.summed);
  }

  private sumBlock(block: number): void {
    const { page, start, capacity } = this;
    const from = start + block * BLOCK_POINTS;
    let sum = 0;
    let min = Infinity;
    let max = -Infinity;
    for (let at = from; at < from + BLOCK_POINTS; at += 1) {
      const value = page[at]!;
      sum += value;
      if (value < min) min = value;
      if (value > max) max = value;
    }
    const blocks = capacity >> BLOCK_SHIFT;
    const into = start + capacity + block;
    page[into] = sum;
    page[into + blocks] = min;
    page[into + 2 * blocks] = max;
  }
}

/** Numbers of the piece of a chunk: its values, then sums of blocks, their least, their most values. */
function pieceOf(capacity: number): number {
  return capacity < LEAST_WITH_BLOCKS ? capacity : capacity + (capacity >> BLOCK_SHIFT) * BLOCK_FIELDS;
}

/** Of a full chunk, by its piece alone. */
export function addFullPart(totals: Float64Array, into: number, page: Float64Array, start: number, from: number, to: number, needs: number): void {
  addSpan(totals, into, page, start, CHUNK_POINTS, CHUNK_POINTS >> BLOCK_SHIFT, from, to, needs);
}

/**
 * Points from `from` up to, not including, `to` of the piece that begins at `start`, of which so many blocks are summed. Who needs extremes gets the
 * sum as well: while one sum waits for the last one there is time to compare.
 */
function addSpan(
  totals: Float64Array, into: number, page: Float64Array, start: number, capacity: number, summed: number, from: number, to: number, needs: number,
): void {
  totals[into]! += to - from;
  if (needs === COUNTED) return;
  let firstBlock = (from + BLOCK_POINTS - 1) >> BLOCK_SHIFT;
  let lastBlock = Math.min(to >> BLOCK_SHIFT, summed);
  // Without a whole block all of it is head.
  if (lastBlock <= firstBlock) lastBlock = firstBlock = (to + BLOCK_POINTS - 1) >> BLOCK_SHIFT;
  const end = start + to;
  const headEnd = Math.min(start + (firstBlock << BLOCK_SHIFT), end);
  const tail = Math.min(start + (lastBlock << BLOCK_SHIFT), end);
  const blocks = capacity >> BLOCK_SHIFT;
  const blocksEnd = start + capacity + lastBlock;
  let sum = totals[into + 1]!;
  if ((needs & EXTREMES) === 0) {
    for (let at = start + from; at < headEnd; at += 1) sum += page[at]!;
    for (let at = start + capacity + firstBlock; at < blocksEnd; at += 1) sum += page[at]!;
    for (let at = tail; at < end; at += 1) sum += page[at]!;
    totals[into + 1] = sum;
    return;
  }
  let min = totals[into + 2]!;
  let max = totals[into + 3]!;
  for (let at = start + from; at < headEnd; at += 1) {
    const value = page[at]!;
    sum += value;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  for (let at = start + capacity + firstBlock; at < blocksEnd; at += 1) {
    sum += page[at]!;
    if (page[at + blocks]! < min) min = page[at + blocks]!;
    if (page[at + 2 * blocks]! > max) max = page[at + 2 * blocks]!;
  }
  for (let at = tail; at < end; at += 1) {
    const value = page[at]!;
    sum += value;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  totals[into + 1] = sum;
  totals[into + 2] = min;
  totals[into + 3] = max;
}

/** Index of the first offset that is not below, looked for around a guess: most series are nearly regular. The last one is known not to be below. */
function placeOf(offsets: Uint32Array, start: number, length: number, offset: number, guess: number): number {
  let low = 0;
  let high = length - 1;
  if (offsets[start + guess]! < offset) {
    low = guess + 1;
    for (let reach = 1; low + reach < high; reach *= 2) {
      if (offsets[start + low + reach]! >= offset) {
        high = low + reach;
        break;
      }
      low += reach + 1;
    }
  } else {
    high = guess;
    for (let reach = 1; high - reach >= 0; reach *= 2) {
      if (offsets[start + high - reach]! < offset) {
        low = high - reach + 1;
        break;
      }
      high -= reach;
    }
  }
  while (low < high) {
    const middle = (low + high) >> 1;
    if (offsets[start + middle]! < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
