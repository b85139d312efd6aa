/**
 * Load that is on its way: what was decided, and what has moved since the nodes measured themselves. A policy that did not
 * know of it would give the same load away again at every look, until the nodes' figures have caught up.
 */
import type { Shift } from './view.js';

/** When a node's last figures were measured, milliseconds: the middle of their time. */
export type MeasuredAt = (node: string) => number;

type Decided = Required<Omit<Shift, 'isOpen'>>;

export class Shifts {
  /** By session. */
  private readonly rows = new Map<string, Decided & { doneMs?: number }>();

  ask(session: string, { from, to, demand, bytes }: Decided): void {
    this.rows.set(session, { from, to, demand, bytes });
  }

  /** The wish was carried out at `doneMs`, or (undefined) not at all. */
  end(session: string, doneMs: number | undefined): void {
    const row = this.rows.get(session);
    if (!row) return;
    if (doneMs === undefined) this.rows.delete(session);
    else row.doneMs = doneMs;
  }

  /** What the figures of either node do not show; forgets what both do. */
  current(measuredAt: MeasuredAt, nowMs: number): Shift[] {
    const shifts: Shift[] = [];
    for (const [session, { from, to, demand, bytes, doneMs }] of this.rows) {
      if (doneMs === undefined) {
        shifts.push({ from, to, demand, bytes, isOpen: true });
        continue;
      }
      // After a step of the clock backwards nobody knows: then the figures are believed.
      const isMissing = (node: string) => doneMs <= nowMs && doneMs > measuredAt(node);
      const shift: Shift = { ...(isMissing(from) && { from }), ...(isMissing(to) && { to }), demand, bytes, isOpen: false };
      if (shift.from === undefined && shift.to === undefined) this.rows.delete(session);
      else shifts.push(shift);
    }
    return shifts;
  }
}
