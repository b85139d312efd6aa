/** All that a session consists of besides its slot: keys, answered request ids, outbox. Live, or staged for an attempt. */
import { MAX_KEPT_RESPONSE_BYTES, MAX_REQUEST_IDS, REQUEST_ID_KEEP_MS } from '../model/limits.js';
import { Cells } from './cells.js';
import { decodeEffect, decodeReply, encodeEffect, encodeReply, type Tally } from './codec.js';
import { bytesOf, orderOf, spaceOf, textOf, type ReadRows, type Rows } from './rows.js';
import type { Effect, Item, ItemName, MarkChange, StoredReply, Write } from './store.js';

const MARK = Buffer.from([1]);

/** Reading a space. */
export class SpaceView {
  readonly cells: Cells;
  protected readonly replies: string;
  protected readonly ages: string;
  protected readonly outbox: string;
  protected readonly outboxIds: string;
  protected readonly laneMarks: string;

  constructor(private readonly view: ReadRows, session: string, name: string) {
    this.cells = new Cells(view, session, name);
    this.replies = spaceOf('R', session, name);
    this.ages = spaceOf('Q', session, name);
    this.outbox = spaceOf('E', session, name);
    this.outboxIds = spaceOf('I', session, name);
    this.laneMarks = spaceOf('M', session, name);
  }

  reply(key: string): StoredReply | undefined {
    const row = this.view.get(this.replies, bytesOf(key));
    return row && decodeReply(key, row);
  }

  effects(limit: number): Effect[] {
    return this.view.range(this.outbox, { limit }).map(([, row]) => decodeEffect(row));
  }

  effect(id: string): Effect | undefined {
    const at = this.effectOrder(id);
    const row = at === undefined ? undefined : this.view.get(this.outbox, at);
    return row && decodeEffect(row);
  }

  /** Place of an effect in the order of delivery; undefined once it is delivered. */
  effectOrder(id: string): string | undefined {
    return this.view.get(this.outboxIds, bytesOf(id))?.toString('latin1');
  }

  mark(lane: string): Buffer | undefined {
    return this.view.get(this.laneMarks, bytesOf(lane));
  }

  marks(): [lane: string, row: Buffer][] {
    return this.view.range(this.laneMarks).map(([name, row]) => [textOf(name), row]);
  }

  /** Every item's name: keys, then request ids from the oldest on, then effects in order, then lanes. */
  names(): ItemName[] {
    const replies = this.view.names(this.ages).map((age) => textOf(age.slice(6)));
    const effects = this.view.range(this.outbox).map(([, row]) => decodeEffect(row));
    return [
      ...this.cells.sizes().map(({ key, bytes }): ItemName => ({ kind: 'data', name: key, bytes })),
      ...replies.map((key): ItemName => this.name('reply', key)),
      ...effects.map(({ id, body }): ItemName => ({ kind: 'effect', name: id, bytes: id.length + body.length })),
      ...this.marks().map(([lane, row]): ItemName => ({ kind: 'mark', name: lane, bytes: lane.length + row.length })),
    ];
  }

  name(kind: ItemName['kind'], name: string): ItemName {
    if (kind === 'data') return { kind, name, bytes: this.cells.size(name) };
    const row = kind === 'reply' ? this.reply(name)?.body : kind === 'effect' ? this.effect(name)?.body : this.mark(name);
    return { kind, name, bytes: name.length + (row?.length ?? 0) };
  }

  /** Present content; nothing for a request id that is forgotten. */
  item({ kind, name }: ItemName): Item[] {
    if (kind === 'reply') {
      const reply = this.reply(name);
      return reply ? [{ kind: 'reply', reply }] : [];
    }
    if (kind === 'effect') {
      const effect = this.effect(name);
      return [effect ? { kind: 'effect', effect } : { kind: 'effect-done', id: name }];
    }
    if (kind === 'mark') {
      const row = this.mark(name);
      return [row ? { kind: 'mark', lane: name, row } : { kind: 'mark-gone', lane: name }];
    }
    const content = this.cells.get(name);
    if (content === undefined) return [{ kind: 'deleted', key: name }];
    return [Array.isArray(content) ? { kind: 'list', key: name, values: content } : { kind: 'value', key: name, value: content }];
  }
}

/** Changing a space; `tally` is counted on and belongs to the caller, who stores it. */
export class Space extends SpaceView {
  constructor(private readonly rows: Rows, session: string, name: string, readonly tally: Tally) {
    super(rows, session, name);
  }

  write(change: Write): void {
    this.tally.bytes += this.#write(change);
  }

  #write(change: Write): number {
    switch (change.op) {
      case 'set': return this.cells.set(this.rows, change.key, change.value);
      case 'delete': return this.cells.delete(this.rows, change.key);
      case 'append': return this.cells.append(this.rows, change.key, change.values);
      case 'setList': return this.cells.setList(this.rows, change.key, change.values);
    }
  }

  take(item: Item): void {
    switch (item.kind) {
      case 'value': return this.write({ op: 'set', key: item.key, value: item.value });
      case 'list': return this.write({ op: item.more ? 'append' : 'setList', key: item.key, values: item.values });
      case 'deleted': return this.write({ op: 'delete', key: item.key });
      case 'reply': return this.keep(item.reply);
      case 'effect': return this.owe(item.effect);
      case 'effect-done': return this.settle(item.id);
      case 'mark': return this.remember({ op: 'mark', lane: item.lane, row: item.row });
      case 'mark-gone': return this.remember({ op: 'unmark', lane: item.lane, start: '' });
    }
  }

  /** Keeps an answer under its request id; one that is too large only marks the id as used. */
  keep(reply: StoredReply): void {
    const former = this.reply(reply.key);
    if (former) this.forget(former);
    const kept = reply.body && reply.body.length <= MAX_KEPT_RESPONSE_BYTES ? reply : { ...reply, body: undefined };
    const key = bytesOf(reply.key);
    this.rows.put(this.replies, key, encodeReply(kept));
    this.rows.put(this.ages, orderOf(reply.atMs) + key, MARK);
    this.tally.replies += 1;
  }

  /** Forgets request ids that are too many or too old. */
  evict(nowMs: number): void {
    while (this.tally.replies > 0) {
      const [age] = this.rows.names(this.ages, { limit: 1 });
      const reply = this.reply(textOf(age!.slice(6)))!;
      if (this.tally.replies <= MAX_REQUEST_IDS && reply.atMs + REQUEST_ID_KEEP_MS > nowMs) return;
      this.forget(reply);
    }
  }

  private forget({ key, atMs }: StoredReply): void {
    this.rows.delete(this.replies, bytesOf(key));
    this.rows.delete(this.ages, orderOf(atMs) + bytesOf(key));
    this.tally.replies -= 1;
  }

  /** Adds a row to the outbox; the same id again keeps its place. */
  owe(effect: Effect): void {
    const known = this.effectOrder(effect.id);
    const at = known ?? orderOf(this.tally.nextEffect);
    this.rows.put(this.outbox, at, encodeEffect(effect));
    if (known !== undefined) return;
    this.rows.put(this.outboxIds, bytesOf(effect.id), Buffer.from(at, 'latin1'));
    this.tally.nextEffect += 1;
    this.tally.effects += 1;
  }

  settle(id: string): void {
    const at = this.effectOrder(id);
    if (at === undefined) return;
    this.rows.delete(this.outbox, at);
    this.rows.delete(this.outboxIds, bytesOf(id));
    this.tally.effects -= 1;
  }

  remember(change: MarkChange): void {
    const lane = bytesOf(change.lane);
    const former = this.rows.get(this.laneMarks, lane);
    if (change.op === 'mark') {
      this.rows.put(this.laneMarks, lane, change.row);
      this.tally.marks = (this.tally.marks ?? 0) + (former ? 0 : 1);
    } else if (former?.toString().startsWith(change.start)) {
      this.rows.delete(this.laneMarks, lane);
      this.tally.marks = (this.tally.marks ?? 0) - 1;
    }
  }

  clear(): void {
    this.cells.clear(this.rows);
    for (const bucket of [this.replies, this.ages, this.outbox, this.outboxIds, this.laneMarks]) this.rows.clear(bucket);
  }
}
