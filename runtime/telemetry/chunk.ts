/** Points of one series that lie together: sorted by time, each time once, with a sum and extremes of all of them and of each block. */
import { CHUNK_POINTS } from '../model/limits.js';
import type { Aggregate } from './aggregate.js';

const GROWTH = 4;
/** What a chunk costs beside its points: the object, its numbers, its arrays' headers, their buffer. */
const CHUNK_BYTES = 600;
/** Arrays of so few numbers lie in the heap itself; larger ones share one buffer, which costs as much as a few points by itself. */
const POINTS_IN_HEAP = 4;
const POINT_BYTES = 12;
/** Points of a full chunk that have a sum and extremes of their own, so that a part of the chunk need not be added up one by one. */
const BLOCK_POINTS = 32;
const BLOCK_FIELDS = 3;
export const BLOCKS = CHUNK_POINTS / BLOCK_POINTS;
/** Of the blocks of a chunk. */
export const SUMMARY_NUMBERS = BLOCKS * BLOCK_FIELDS;
/** Here, and once more in the outline of the column. */
const BLOCK_BYTES = 2 * SUMMARY_NUMBERS * 8 + 150;
/** Times are kept as distances from the first: some 49 days fit in one chunk. */
const MAX_SPAN_MS = 0xffff_ffff;

/** What a question needs of the points beside their count: what it does not need is not read from memory. */
export type Wanted = 'count' | 'sum' | 'extremes' | 'all';

export class Chunk {
  length = 0;
  private baseMs = 0;
  private offsets: Uint32Array;
  private values: Float64Array;
  private sum = 0;
  private min = Infinity;
  private max = -Infinity;
  private stale = false;
  /** From each point to the next, as long as that is the same for all; 0 while there are fewer than two, -1 when they are irregular. */
  private stepMs = 0;
  /** Made when it is asked for, gone with the next change. */
  private blocks: Float64Array | undefined;

  constructor(points: number) {
    ({ offsets: this.offsets, values: this.values } = room(points));
  }

  static of(atMs: number, value: number): Chunk {
    const chunk = new Chunk(1);
    chunk.push(atMs, value);
    return chunk;
  }

  get firstMs(): number {
    return this.timeAt(0);
  }

  get lastMs(): number {
    return this.timeAt(this.length - 1);
  }

  get capacity(): number {
    return this.values.length;
  }

  get bytes(): number {
    return CHUNK_BYTES + this.capacity * POINT_BYTES + (this.capacity === CHUNK_POINTS ? BLOCK_BYTES : 0);
  }

  timeAt(index: number): number {
    return this.baseMs + this.offsets[index]!;
  }

  valueAt(index: number): number {
    return this.values[index]!;
  }

  /** Whether the time is near enough to the others. */
  fits(atMs: number): boolean {
    return this.length === 0 || (atMs >= this.baseMs ? atMs - this.baseMs : this.lastMs - atMs) <= MAX_SPAN_MS;
  }

  /** Time and value in turn, of the points with an index from `from` up to, not including, `to`. */
  pairs(from: number, to: number): Float64Array {
    const pairs = new Float64Array((to - from) * 2);
    for (let at = from, into = 0; at < to; at += 1, into += 2) {
      pairs[into] = this.timeAt(at);
      pairs[into + 1] = this.values[at]!;
    }
    return pairs;
  }

  /** 0 when the points are not all equally far from each other. */
  get regularStepMs(): number {
    return Math.max(this.stepMs, 0);
  }

  push(atMs: number, value: number): void {
    if (this.length === 0) this.baseMs = atMs;
    else {
      const stepMs = atMs - this.lastMs;
      if (this.length === 1) this.stepMs = stepMs;
      else if (stepMs !== this.stepMs) this.stepMs = -1;
    }
    this.offsets[this.length] = atMs - this.baseMs;
    this.values[this.length] = value;
    this.length += 1;
    this.sum += value;
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
  }

  overwrite(index: number, value: number): void {
    this.values[index] = value;
    this.spoil();
  }

  insert(index: number, atMs: number, value: number): void {
    this.stepMs = -1;
    if (atMs < this.baseMs) {
      const further = this.baseMs - atMs;
      for (let at = 0; at < this.length; at += 1) this.offsets[at]! += further;
      this.baseMs = atMs;
    }
    this.offsets.copyWithin(index + 1, index, this.length);
    this.values.copyWithin(index + 1, index, this.length);
    this.offsets[index] = atMs - this.baseMs;
    this.values[index] = value;
    this.length += 1;
    this.spoil();
  }

  /** Index of the first point at or after the time. */
  indexOf(atMs: number): number {
    return this.length === 0 ? 0 : this.indexBetween(atMs, this.firstMs, this.lastMs);
  }

  /** The same where first and last time are known, so that neither is looked up. Most series are regular: where it would be then is looked at first. */
  indexBetween(atMs: number, firstMs: number, lastMs: number): number {
    if (atMs <= firstMs) return 0;
    const { offsets, length } = this;
    if (atMs > lastMs) return length;
    const offset = atMs - this.baseMs;
    const guess = Math.ceil((atMs - firstMs) / (lastMs - firstMs) * (length - 1));
    let [low, high] = [1, length - 1];
    if (offsets[guess]! < offset) low = guess + 1;
    else if (offsets[guess - 1]! < offset) return guess;
    else high = guess - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (offsets[middle]! < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  grow(): void {
    const { offsets, values } = room(Math.min(this.capacity * GROWTH, CHUNK_POINTS));
    offsets.set(this.offsets);
    values.set(this.values);
    this.offsets = offsets;
    this.values = values;
  }

  /** Takes the points from `from` on out. */
  cut(from: number): Chunk {
    const rest = new Chunk(CHUNK_POINTS);
    rest.stepMs = this.stepMs = -1;
    rest.baseMs = this.baseMs;
    rest.offsets.set(this.offsets.subarray(from, this.length));
    rest.values.set(this.values.subarray(from, this.length));
    rest.length = this.length - from;
    rest.spoil();
    this.length = from;
    this.spoil();
    return rest;
  }

  /** Takes out the points with an index from `from` up to, not including, `to`. */
  remove(from: number, to: number): void {
    this.stepMs = -1;
    this.offsets.copyWithin(from, to, this.length);
    this.values.copyWithin(from, to, this.length);
    this.length -= to - from;
    this.spoil();
  }

  /** All of it, by its summary. */
  addTo(aggregate: Aggregate): void {
    if (this.stale) this.summarise();
    aggregate.count += this.length;
    aggregate.sum += this.sum;
    if (this.min < aggregate.min) aggregate.min = this.min;
    if (this.max > aggregate.max) aggregate.max = this.max;
  }

  /** The points with an index from `from` up to, not including, `to`; of sum and extremes at least what is wanted. */
  addPartTo(aggregate: Aggregate, from: number, to: number, wanted: Wanted = 'all'): void {
    if (wanted === 'count') {
      aggregate.count += to - from;
      return;
    }
    const firstBlock = Math.ceil(from / BLOCK_POINTS);
    const lastBlock = Math.floor(to / BLOCK_POINTS);
    if (lastBlock <= firstBlock || this.length < CHUNK_POINTS) return this.addEach(aggregate, from, to);
    this.addBlocksTo(aggregate, from, to, wanted, this.blockSummary, 0);
  }

  /**
   * The same for a full chunk of which the summary of its blocks lies elsewhere.
   * @param blocks has it from the index on
   */
  addBlocksTo(aggregate: Aggregate, from: number, to: number, wanted: Wanted, blocks: Float64Array, at: number): void {
    const firstBlock = Math.ceil(from / BLOCK_POINTS);
    const lastBlock = Math.floor(to / BLOCK_POINTS);
    if (lastBlock <= firstBlock) return this.addEach(aggregate, from, to);
    if (from < firstBlock * BLOCK_POINTS) this.addEach(aggregate, from, firstBlock * BLOCK_POINTS);
    addBlocks(aggregate, firstBlock, lastBlock, wanted, blocks, at);
    if (to > lastBlock * BLOCK_POINTS) this.addEach(aggregate, lastBlock * BLOCK_POINTS, to);
  }

  /** Of a full chunk: the sums of its blocks, then their least, then their most values. */
  get blockSummary(): Float64Array {
    return this.blocks ??= this.summariseBlocks();
  }

  private addEach(aggregate: Aggregate, from: number, to: number): void {
    const { values } = this;
    let { sum, min, max } = aggregate;
    for (let at = from; at < to; at += 1) {
      const value = values[at]!;
      sum += value;
      if (value < min) min = value;
      if (value > max) max = value;
    }
    aggregate.count += to - from;
    aggregate.sum = sum;
    aggregate.min = min;
    aggregate.max = max;
  }

  private summariseBlocks(): Float64Array {
    const blocks = new Float64Array(SUMMARY_NUMBERS);
    for (let at = 0; at < BLOCKS; at += 1) {
      const own = { count: 0, sum: 0, min: Infinity, max: -Infinity };
      this.addEach(own, at * BLOCK_POINTS, (at + 1) * BLOCK_POINTS);
      blocks[at] = own.sum;
      blocks[BLOCKS + at] = own.min;
      blocks[2 * BLOCKS + at] = own.max;
    }
    return blocks;
  }

  private spoil(): void {
    this.stale = true;
    this.blocks = undefined;
  }

  private summarise(): void {
    const own = { count: 0, sum: 0, min: Infinity, max: -Infinity };
    this.addEach(own, 0, this.length);
    this.sum = own.sum;
    this.min = own.min;
    this.max = own.max;
    this.stale = false;
  }
}

function room(points: number): { offsets: Uint32Array; values: Float64Array } {
  if (points <= POINTS_IN_HEAP) return { offsets: new Uint32Array(points), values: new Float64Array(points) };
  const buffer = new ArrayBuffer(points * POINT_BYTES);
  return { values: new Float64Array(buffer, 0, points), offsets: new Uint32Array(buffer, points * 8, points) };
}

/** The blocks with a number from `firstBlock` up to, not including, `lastBlock`. */
export function addBlocks(aggregate: Aggregate, firstBlock: number, lastBlock: number, wanted: Wanted, blocks: Float64Array, at: number): void {
  aggregate.count += (lastBlock - firstBlock) * BLOCK_POINTS;
  if (wanted !== 'extremes') aggregate.sum = summed(blocks, at + firstBlock, at + lastBlock, aggregate.sum);
  if (wanted === 'sum') return;
  aggregate.min = least(blocks, at + BLOCKS + firstBlock, at + BLOCKS + lastBlock, aggregate.min);
  aggregate.max = most(blocks, at + 2 * BLOCKS + firstBlock, at + 2 * BLOCKS + lastBlock, aggregate.max);
}

function summed(of: Float64Array, from: number, to: number, sum: number): number {
  let all = sum;
  for (let at = from; at < to; at += 1) all += of[at]!;
  return all;
}

function least(of: Float64Array, from: number, to: number, min: number): number {
  let all = min;
  for (let at = from; at < to; at += 1) if (of[at]! < all) all = of[at]!;
  return all;
}

function most(of: Float64Array, from: number, to: number, max: number): number {
  let all = max;
  for (let at = from; at < to; at += 1) if (of[at]! > all) all = of[at]!;
  return all;
}
