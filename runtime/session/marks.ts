/**
 * What a session knows of its senders: up to which of its deliveries each has been applied. A sender delivers in order, one at a
 * time, so one row a sender is enough to tell a repeated delivery from a new one, however much came in between. Rows are
 * committed with what the delivery wrote, and checked under the same lease, or on the same basis, as it runs on.
 */
import { ALL_GUARDS, type Guards } from '../model/guards.js';
import { MARK_KEEP_MS, MAX_MARKS, MAX_REMEMBERED_LANES } from '../model/limits.js';
import type { MarkChange } from '../store/store.js';

/** Where a delivery stands in the order of its sender. */
export interface Place {
  /** Names the sender: its life, how it sends, and to which function. */
  lane: string;
  /** Grows with every effect of the sender's life. */
  number: number;
  /** When the sender committed it, on its clock. */
  atMs: number;
  /** Lanes whose deliveries up to a number will never come again: nobody need remember them. */
  settled?: [lane: string, number: number][];
}

/** The last delivery of a lane that was applied. */
export interface Mark {
  number: number;
  /** The latest time of a commit that was delivered: a sender whose store lost its last moments begins again below its number, but later. */
  atMs: number;
  /** What the function answered. */
  status: number;
  appliedAtMs: number;
}

export type Verdict =
  | 'new'
  /** It took effect before. */
  | 'applied'
  /** Its sender may have been forgotten since: nobody can tell. */
  | 'uncertain'
  /** Too many senders are remembered to take another one. */
  | 'full';

/** Its row says from when on a sender without a mark is known to be new. */
export const FLOOR_LANE = '';

export function encodeMark({ number, atMs, status, appliedAtMs }: Mark): Buffer {
  return Buffer.from(`${number} ${atMs} ${status} ${appliedAtMs}`);
}

export function decodeMark(row: Buffer): Mark {
  const [number = 0, atMs = 0, status = 0, appliedAtMs = 0] = row.toString().split(' ').map(Number);
  return { number, atMs, status, appliedAtMs };
}

type MarkGuards = Pick<Guards, 'markCompare'>;

/** @param found what the store has for the delivery's lane and for the floor, and how many lanes it has rows of */
export function judge(place: Place, found: { mark?: Mark; floor?: Mark; count: number }, guards: MarkGuards = ALL_GUARDS): Verdict {
  if (found.mark) return guards.markCompare && covers(found.mark, place) ? 'applied' : 'new';
  if (found.floor && place.atMs <= found.floor.atMs) return 'uncertain';
  return found.count >= MAX_MARKS ? 'full' : 'new';
}

function covers(mark: Mark, place: Place): boolean {
  return place.number <= mark.number && place.atMs <= mark.atMs;
}

/** What a delivery that was applied leaves behind, and takes away. */
export function changesFor(place: Place, former: Mark | undefined, status: number, nowMs: number): { mark: Mark; changes: MarkChange[] } {
  const mark = { number: place.number, atMs: Math.max(place.atMs, former?.atMs ?? 0), status, appliedAtMs: nowMs };
  const settled = (place.settled ?? []).filter(([lane]) => lane !== place.lane && lane !== FLOOR_LANE);
  return {
    mark,
    changes: [
      { op: 'mark', lane: place.lane, row: encodeMark(mark) },
      ...settled.map(([lane, number]): MarkChange => ({ op: 'unmark', lane, start: `${number} ` })),
    ],
  };
}

/**
 * Forgets the senders that have sent nothing for so long that only a delivery held up as long could be theirs; from then on those
 * are uncertain. Nothing when there are none.
 */
export function makeRoom(rows: [lane: string, row: Buffer][], nowMs: number): { floor: Mark; changes: MarkChange[] } | undefined {
  const marks = rows.map(([lane, row]) => ({ lane, mark: decodeMark(row) }));
  const old = marks.filter(({ lane, mark }) => lane !== FLOOR_LANE && mark.appliedAtMs + MARK_KEEP_MS <= nowMs);
  if (old.length === 0) return undefined;
  // What a sender's clock was ahead counts, or its last delivery would be taken for new; by so much at most that not all others become uncertain.
  const latest = old.reduce((most, { mark }) => Math.max(most, Math.min(mark.atMs, mark.appliedAtMs + MARK_KEEP_MS)), 0);
  const before = marks.find(({ lane }) => lane === FLOOR_LANE)?.mark.atMs ?? 0;
  const floor = { number: 0, atMs: Math.max(latest, before), status: 0, appliedAtMs: nowMs };
  return {
    floor,
    changes: [
      ...old.map(({ lane }): MarkChange => ({ op: 'unmark', lane, start: '' })),
      { op: 'mark', lane: FLOOR_LANE, row: encodeMark(floor) },
    ],
  };
}

/** The marks that this process knows from its own commits, the least recently used lane first out. */
export class RecentMarks {
  readonly #marks = new Map<string, Mark>();

  constructor(private readonly guards: MarkGuards = ALL_GUARDS) {}

  /** Whether the delivery is known to be the sender's next one; of a lane unknown here only the store can tell. */
  isNext(place: Place): boolean {
    const mark = this.#marks.get(place.lane);
    return mark !== undefined && !(this.guards.markCompare && covers(mark, place));
  }

  get(lane: string): Mark | undefined {
    return this.#marks.get(lane);
  }

  keep({ lane, settled = [] }: Place, mark: Mark): void {
    for (const [other] of settled) this.#marks.delete(other);
    this.#marks.delete(lane);
    this.#marks.set(lane, mark);
    const [oldest] = this.#marks.keys();
    if (this.#marks.size > MAX_REMEMBERED_LANES) this.#marks.delete(oldest!);
  }
}
