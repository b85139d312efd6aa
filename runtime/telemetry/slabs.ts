/**
 * Room for numbers: large pages that are cut into pieces of a few sizes. What is given back is used again, so the collector has nothing
 * to do with it; what is taken at the same time lies together, so that whoever reads the same time of many series reads on. A page has
 * pieces of one size; when none of them is taken it serves any size.
 */

/** Numbers of a page: half a megabyte of values. The system gives memory for what is written to, and no earlier. */
const PAGE_NUMBERS = 65_536;
/** Empty pages that are kept; more of them go back to the system. */
const SPARE_PAGES = 16;

interface Page<T> {
  /** Its place among the pages. */
  number: number;
  numbers: T;
  /** Of a piece; 0 while it is empty. */
  pieceNumbers: number;
  /** Where pieces begin that were given back. */
  free: number[];
  /** From here on nothing was ever taken. */
  end: number;
  taken: number;
}

export class Slabs<T extends Float64Array | Uint32Array> {
  /** By their numbers; undefined: gone. */
  readonly pages: (T | undefined)[] = [];
  private readonly all: (Page<T> | undefined)[] = [];
  /** Pages that have room for a piece, by its size. */
  private readonly roomy = new Map<number, Set<Page<T>>>();
  private readonly spare: Page<T>[] = [];

  constructor(private readonly make: (numbers: number) => T) {}

  /** Bytes of pages that are not empty. */
  get bytes(): number {
    return this.all.reduce((sum, page) => sum + (page && page.taken > 0 ? page.numbers.byteLength : 0), 0);
  }

  /** @returns the address of a piece: the page's number times `PAGE_NUMBERS`, and where it begins there. It may hold anything. */
  take(pieceNumbers: number): number {
    const roomy = this.roomyOf(pieceNumbers);
    let page: Page<T> | undefined;
    for (page of roomy) break;
    if (!page) roomy.add(page = this.emptyPage(pieceNumbers));
    let at = page.free.pop();
    if (at === undefined) {
      at = page.end;
      page.end += pieceNumbers;
    }
    page.taken += 1;
    if (!hasRoom(page)) roomy.delete(page);
    return page.number * PAGE_NUMBERS + at;
  }

  give(address: number, pieceNumbers: number): void {
    const page = this.all[pageOf(address)]!;
    page.taken -= 1;
    if (page.taken > 0) {
      page.free.push(startOf(address));
      this.roomyOf(pieceNumbers).add(page);
      return;
    }
    this.roomyOf(pieceNumbers).delete(page);
    page.free = [];
    if (this.spare.length < SPARE_PAGES) this.spare.push(page);
    else this.pages[page.number] = this.all[page.number] = undefined;
  }

  private roomyOf(pieceNumbers: number): Set<Page<T>> {
    let roomy = this.roomy.get(pieceNumbers);
    if (!roomy) this.roomy.set(pieceNumbers, roomy = new Set());
    return roomy;
  }

  private emptyPage(pieceNumbers: number): Page<T> {
    const page = this.spare.pop() ?? this.newPage();
    page.pieceNumbers = pieceNumbers;
    page.end = 0;
    return page;
  }

  private newPage(): Page<T> {
    const gone = this.all.indexOf(undefined);
    const number = gone === -1 ? this.all.length : gone;
    const numbers = this.make(PAGE_NUMBERS);
    this.pages[number] = numbers;
    return this.all[number] = { number, numbers, pieceNumbers: 0, free: [], end: 0, taken: 0 };
  }
}

/** Number of the page of an address. Whole numbers of 32 bits, because whoever runs through a page counts with them. */
export function pageOf(address: number): number {
  return address >>> 16;
}

/** Where it is in its page. */
export function startOf(address: number): number {
  return address & (PAGE_NUMBERS - 1);
}

function hasRoom({ free, end, pieceNumbers }: Page<unknown>): boolean {
  return free.length > 0 || end + pieceNumbers <= PAGE_NUMBERS;
}

/** Where the points of a node lie: their values with what the blocks come to, and the times of those that are irregular. */
export interface PointSlabs {
  values: Slabs<Float64Array>;
  offsets: Slabs<Uint32Array>;
}

export function pointSlabs(): PointSlabs {
  return { values: new Slabs((numbers) => new Float64Array(numbers)), offsets: new Slabs((numbers) => new Uint32Array(numbers)) };
}
