/** Both ends of an effect's place in its sender's order: given to what a commit sends, looked at and kept with what it takes. */
import type { Clock } from '../base/clock.js';
import { Fault } from '../model/faults.js';
import type { Guards } from '../model/guards.js';
import type { Slot } from '../model/record.js';
import type { Acquired, Effect, MarkChange, SessionStore } from '../store/store.js';
import { numberOf, stamped } from './effect.js';
import { changesFor, decodeMark, FLOOR_LANE, judge, makeRoom, type Mark, type Place, type RecentMarks } from './marks.js';

/** What the store knew of a delivery's sender, and what has to be forgotten to take it. */
export interface Sender {
  mark?: Mark;
  forgets: MarkChange[];
}

export class Senders {
  constructor(private readonly options: { store: SessionStore; clock: Clock; guards?: Guards }) {}

  /** The lanes whose rows `judged` needs. */
  static lanesOf(place: Place): string[] {
    return [place.lane, FLOOR_LANE];
  }

  /**
   * Under the lease: what is known of the sender of a delivery that has to run, or how the delivery ended when it took effect before.
   * @throws Fault EFFECT_UNCERTAIN, SENDERS_TOO_MANY
   */
  async judged(place: Place, { session }: Slot, { rows: [row, floorRow], count }: NonNullable<Acquired['marks']>): Promise<Sender | { status: number }> {
    const { store, clock, guards } = this.options;
    const mark = row && decodeMark(row);
    let forgets: MarkChange[] = [];
    let verdict = judge(place, { mark, floor: floorRow && decodeMark(floorRow), count }, guards);
    if (verdict === 'full') {
      const room = makeRoom(await store.marks(session), clock.now());
      if (!room) throw new Fault('SENDERS_TOO_MANY', { count });
      forgets = room.changes;
      verdict = judge(place, { floor: room.floor, count: 0 });
    }
    if (verdict === 'uncertain') throw new Fault('EFFECT_UNCERTAIN');
    if (verdict === 'new') return { mark, forgets };
    // Its answer is forgotten; only how the last one ended is still known.
    return { status: mark!.number === place.number ? mark!.status : 200 };
  }

  /** The mark of a delivery that is about to be committed, with all that it changes. */
  taken(place: Place, sender: Sender | undefined, recent: RecentMarks | undefined, status: number): { mark: Mark; changes: MarkChange[] } {
    const { mark, changes } = changesFor(place, sender?.mark ?? recent?.get(place.lane), status, this.options.clock.now());
    return { mark, changes: [...(sender?.forgets ?? []), ...changes] };
  }

  /** Effects as they are committed upon this record. */
  sent(effects: Effect[], { incarnation, version }: Slot): Effect[] {
    const atMs = this.options.clock.now();
    return effects.map(({ id, body }, index) => ({ id, body: stamped(body, { life: incarnation, number: numberOf(version + 1, index), atMs }) }));
  }
}
