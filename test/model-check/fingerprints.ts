/** A set of 64-bit fingerprints in typed arrays (open addressing), each with the number it was given: 0, 1, 2, … */
export class Fingerprints {
  #low: Uint32Array;
  #high: Uint32Array;
  #index: Uint32Array;
  #mask: number;
  size = 0;

  constructor(bits = 16) {
    this.#mask = (1 << bits) - 1;
    this.#low = new Uint32Array(1 << bits);
    this.#high = new Uint32Array(1 << bits);
    this.#index = new Uint32Array(1 << bits);
  }

  /** Number of the fingerprint; `-1 - number` when it is new. */
  add(low: number, high: number): number {
    if (this.size * 2 > this.#mask) this.#grow();
    let at = low & this.#mask;
    for (;;) {
      const index = this.#index[at]!;
      if (index === 0) break;
      if (this.#low[at] === low && this.#high[at] === high) return index - 1;
      at = (at + 1) & this.#mask;
    }
    this.#low[at] = low;
    this.#high[at] = high;
    this.#index[at] = ++this.size;
    return -this.size;
  }

  #grow(): void {
    const [low, high, index] = [this.#low, this.#high, this.#index];
    const size = index.length * 2;
    this.#mask = size - 1;
    this.#low = new Uint32Array(size);
    this.#high = new Uint32Array(size);
    this.#index = new Uint32Array(size);
    for (let i = 0; i < index.length; i++) {
      if (index[i] === 0) continue;
      let at = low[i]! & this.#mask;
      while (this.#index[at] !== 0) at = (at + 1) & this.#mask;
      this.#low[at] = low[i]!;
      this.#high[at] = high[i]!;
      this.#index[at] = index[i]!;
    }
  }
}

/** Two independent 32-bit mixes of a row of small numbers. */
export class Mixer {
  low = 0;
  high = 0;

  /** Leaves the mix of the whole row in `low` and `high`. */
  mix(row: readonly number[]): void {
    this.#start();
    for (const value of row) this.#add(value);
    this.low = finish(this.low);
    this.high = finish(this.high);
  }

  #start(): void {
    this.low = 0x9e3779b9;
    this.high = 0x85ebca6b;
  }

  #add(value: number): void {
    let a = Math.imul(this.low ^ value, 0xcc9e2d51);
    a = (a << 15) | (a >>> 17);
    this.low = (Math.imul(a, 0x1b873593) + 0x2545f491) | 0;
    let b = Math.imul(this.high + value + 0x7f4a7c15, 0xff51afd7);
    b ^= b >>> 16;
    this.high = (Math.imul(b, 0xc4ceb9fe) ^ (b >>> 13)) | 0;
  }
}

function finish(value: number): number {
  let h = value ^ (value >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A growing column of 32-bit numbers. */
export class Column {
  #values = new Uint32Array(1 << 12);
  length = 0;

  push(value: number): void {
    if (this.length === this.#values.length) {
      const wider = new Uint32Array(this.length * 2);
      wider.set(this.#values);
      this.#values = wider;
    }
    this.#values[this.length++] = value;
  }

  at(i: number): number {
    return this.#values[i]!;
  }
}
