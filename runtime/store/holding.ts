/** One session within one transaction: its slot, what a step does to it, and the data that goes with it. */
import type { Slot } from '../model/record.js';
import type { DataEffects, Step } from '../model/verbs.js';
import { decodeHeld, decodeTally, emptyTally, encodeJson, type Held, type Tally } from './codec.js';
import { bytesOf, notesOf, orderOf, SLOTS, stagesOf, textOf, UNFINISHED, type ReadRows, type Rows } from './rows.js';
import { Space, SpaceView } from './space.js';
import type { Commitment, Item, ItemName } from './store.js';

const MARK = Buffer.from([1]);
const NOTE_LETTER = { data: 'd', reply: 'r', effect: 'x', mark: 'm' } as const;

export function loadHeld(rows: ReadRows, session: string): Held | undefined {
  const row = rows.get(SLOTS, bytesOf(session));
  return row && decodeHeld(row);
}

/** The session's data is here, whether or not it may be written. */
export function isHolder(slot: Slot | undefined): slot is Slot {
  return slot?.state === 'resident' || slot?.state === 'leaving';
}

export function liveView(rows: ReadRows, held: Held): SpaceView {
  return new SpaceView(rows, held.slot.session, held.space);
}

/** Names noted since the copy began: keys, then request ids by age, then effects in order, then lanes. */
export function notedNames(rows: ReadRows, held: Held): ItemName[] {
  const view = liveView(rows, held);
  const notes = rows.range(notesOf(held.slot.session)).map(([name, order]) => ({ name, order: order.toString('latin1') }));
  const of = (kind: ItemName['kind']) => notes.filter(({ name }) => name[0] === NOTE_LETTER[kind])
    .sort((a, b) => (a.order === b.order ? 0 : a.order < b.order ? -1 : 1))
    .map(({ name }) => view.name(kind, textOf(name.slice(1))));
  return [...of('data'), ...of('reply'), ...of('effect'), ...of('mark')];
}

export class Holding {
  readonly #held: Held | undefined;

  constructor(private readonly rows: Rows, private readonly session: string) {
    this.#held = loadHeld(rows, session);
  }

  get slot(): Slot | undefined {
    return this.#held?.slot;
  }

  get held(): Held | undefined {
    return this.#held;
  }

  live(): SpaceView | undefined {
    return this.#held && liveView(this.rows, this.#held);
  }

  /** Carries a step out and answers its reply, with the slot as it was stored. */
  settle<R extends object>(step: Step<R>, nowMs: number, data: { commitment?: Commitment; items?: Item[] } = {}): R {
    if (step.slot === this.slot && Object.keys(step.effects).length === 0) return step.reply;
    const { space, tally } = this.#change(step.effects, nowMs, data);
    const slot = step.slot && { ...step.slot, bytes: tally.bytes };
    if (slot) this.#save({ slot, space, tally });
    else this.#forget();
    return 'slot' in step.reply && step.reply.slot === step.slot ? { ...step.reply, slot } : step.reply;
  }

  stage(attempt: string, items: Item[]): void {
    const staged = this.#staged(attempt);
    for (const item of items) staged.take(item);
    this.rows.put(stagesOf(this.session), bytesOf(attempt), encodeJson(staged.tally));
  }

  effectDone(id: string): void {
    const held = this.#held!;
    const space = new Space(this.rows, this.session, held.space, { ...held.tally });
    if (held.slot.copying !== undefined) this.#note('effect', id, space.effectOrder(id) ?? '');
    space.settle(id);
    this.#save({ ...held, tally: space.tally });
  }

  clearNotes(): void {
    this.rows.clear(notesOf(this.session));
  }

  #change(effects: DataEffects, nowMs: number, data: { commitment?: Commitment; items?: Item[] }): { space: string; tally: Tally } {
    let space = this.#held?.space ?? '';
    let tally = { ...(this.#held?.tally ?? emptyTally()) };
    if (effects.unstage !== undefined) this.#unstage(effects.unstage);
    if (effects.wipe || effects.adopt !== undefined) {
      this.#wipe();
      [space, tally] = ['', emptyTally()];
    }
    if (effects.adopt !== undefined) {
      const staged = this.#staged(effects.adopt);
      for (const item of data.items ?? []) staged.take(item);
      this.rows.delete(stagesOf(this.session), bytesOf(effects.adopt));
      [space, tally] = [effects.adopt, staged.tally];
    }
    if (effects.renote) this.clearNotes();
    if (effects.apply && data.commitment) this.#apply(new Space(this.rows, this.session, space, tally), data.commitment, nowMs);
    return { space, tally };
  }

  #apply(space: Space, { writes, reply, effects = [], marks = [] }: Commitment, nowMs: number): void {
    const isNoting = this.slot?.copying !== undefined;
    for (const write of writes) {
      space.write(write);
      if (isNoting) this.#note('data', write.key, '');
    }
    if (reply) {
      space.keep(reply);
      if (isNoting) this.#note('reply', reply.key, orderOf(reply.atMs));
    }
    for (const effect of effects) {
      space.owe(effect);
      if (isNoting) this.#note('effect', effect.id, space.effectOrder(effect.id)!);
    }
    for (const change of marks) {
      space.remember(change);
      if (isNoting) this.#note('mark', change.lane, '');
    }
    space.evict(nowMs);
  }

  /** `order` is where the item belongs among those of its kind. */
  #note(kind: ItemName['kind'], name: string, order: string): void {
    this.rows.put(notesOf(this.session), NOTE_LETTER[kind] + bytesOf(name), Buffer.from(`\0${order}`, 'latin1'));
  }

  #staged(attempt: string): Space {
    const row = this.rows.get(stagesOf(this.session), bytesOf(attempt));
    return new Space(this.rows, this.session, attempt, row ? decodeTally(row) : emptyTally());
  }

  #unstage(attempt: string): void {
    this.#staged(attempt).clear();
    this.rows.delete(stagesOf(this.session), bytesOf(attempt));
  }

  #wipe(): void {
    if (this.#held) new Space(this.rows, this.session, this.#held.space, emptyTally()).clear();
  }

  #save(held: Held): void {
    const name = bytesOf(this.session);
    this.rows.put(SLOTS, name, encodeJson(held));
    const was = this.#held !== undefined && isUnfinished(this.#held);
    const is = isUnfinished(held);
    if (is && !was) this.rows.put(UNFINISHED, name, MARK);
    if (was && !is) this.rows.delete(UNFINISHED, name);
  }

  #forget(): void {
    this.#wipe();
    this.clearNotes();
    this.rows.delete(SLOTS, bytesOf(this.session));
    this.rows.delete(UNFINISHED, bytesOf(this.session));
  }
}

function isUnfinished({ slot, tally }: Held): boolean {
  return slot.leaving !== undefined || slot.arriving !== undefined || slot.owed.length > 0 || tally.effects > 0;
}
