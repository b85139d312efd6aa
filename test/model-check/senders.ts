/** A sender of effects as its receiver knows it: places and rows of marks by the production code. */
import { changesFor, decodeMark, encodeMark, type Mark, type Place } from '../../runtime/session/marks.js';
import { NOW_MS } from './machine.js';

/** One sender, whose clock goes on with its numbers. */
export function placeOf(effect: number): Place {
  return { lane: 'sender', number: effect, atMs: effect };
}

export function markOf(row: string | undefined): Mark | undefined {
  return row === undefined ? undefined : decodeMark(Buffer.from(row));
}

/** The row that an effect leaves behind where `former` was. */
export function rowAfter(effect: number, former?: string): string {
  return encodeMark(changesFor(placeOf(effect), markOf(former), 200, NOW_MS).mark).toString();
}
