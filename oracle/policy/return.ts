/** Coming back: sessions that live above their home return when home has room, the most asked-for first. */
import type { NodeView, SessionView } from '../view.js';
import { hopsBetween } from '../view.js';
import type { Plan } from './plan.js';
import { demandOf } from './pressure.js';

export interface Return {
  /** Home's pressure below which anything comes back at all. */
  below: number;
  /** Pressure that coming back may lead to. */
  mark: number;
  /** Share of home's memory that coming back may lead to: well below where a store gives sessions away. */
  memoryMark: number;
  reason: string;
}

/** The gain of a session's return is its requests times the hops each of them saves. */
export function bringHome(plan: Plan, home: NodeView, { below, mark, memoryMark, reason }: Return): void {
  if (!home.alive || !home.accepting || plan.pressure(home) >= below) return;
  const gain = (session: SessionView) => session.requestsPerSecond * (hopsBetween(plan.view, session.home, session.current) ?? 0);
  const away = [...plan.view.awayFrom(home.name)].filter((session) => plan.isFree(session));
  for (const session of away.sort((left, right) => gain(right) - gain(left) || (left.id < right.id ? -1 : 1))) {
    if (!plan.hasMoves(home.name, session.current)) return;
    if (plan.hasRoom(home, session, mark, demandOf(session), memoryMark)) plan.move(session, home.name, reason);
  }
}
