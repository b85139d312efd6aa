/**
 * Moves of late, each once: what an intent asked for comes with its reason and its result, and what nodes did by
 * themselves, or at somebody's command, is seen in their reports.
 */
import { MAX_MOVES_SHOWN } from '../../runtime/model/limits.js';
import type { Intent, Move } from '../../runtime/model/oracle-answers.js';
import type { DomainChange } from '../domain.js';

/** A report may come so long after the intent whose move it tells of has ended, and the other way round. */
const SAME_MOVE_MS = 30_000;
const MINUTE_MS = 60_000;

export class Moves {
  private readonly recent: Move[] = [];
  private readonly lastOf = new Map<string, Move>();
  private count = 0;

  constructor(private readonly now: () => number) {}

  noteIntent({ wish, by, reason, state, answer, from, startedMs, endedMs = this.now() }: Intent): void {
    if (wish.kind !== 'migrate' || from === undefined || from === wish.to) return;
    const told = {
      by, reason, result: state === 'done' ? 'done' as const : 'refused' as const,
      ...(answer !== undefined && { answer }), ...(startedMs !== undefined && { tookMs: endedMs - startedMs }),
    };
    const seen = this.sameMove(wish.session, wish.to);
    // The new holder's report was faster than the old one's answer.
    if (seen?.by === 'node') Object.assign(seen, told);
    else this.add({ session: wish.session, from, to: wish.to, ...told });
  }

  noteChange(change: DomainChange): void {
    if (change.kind !== 'session' || change.from === undefined) return;
    const { session: { id, current }, from } = change;
    if (this.sameMove(id, current)?.result !== 'done') this.add({ session: id, from, to: current, by: 'node', reason: 'a node moved it', result: 'done' });
  }

  /** The newest first. */
  list(after = 0): Move[] {
    return this.recent.filter(({ number }) => number > after).reverse();
  }

  /** Those that succeeded in the last minute; no more than are kept. */
  lastMinute(): number {
    const sinceMs = this.now() - MINUTE_MS;
    return this.recent.filter(({ atMs, result }) => atMs >= sinceMs && result === 'done').length;
  }

  private sameMove(session: string, to: string): Move | undefined {
    const last = this.lastOf.get(session);
    return last?.to === to && this.now() - last.atMs < SAME_MOVE_MS ? last : undefined;
  }

  private add(move: Omit<Move, 'number' | 'atMs'>): void {
    this.count += 1;
    const made = { number: this.count, atMs: this.now(), ...move };
    this.recent.push(made);
    this.lastOf.set(move.session, made);
    if (this.recent.length <= MAX_MOVES_SHOWN) return;
    const dropped = this.recent.shift()!;
    if (this.lastOf.get(dropped.session) === dropped) this.lastOf.delete(dropped.session);
  }
}
