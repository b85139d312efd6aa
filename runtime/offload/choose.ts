/** Which session to move when none was named. */
import { Fault } from '../model/faults.js';
import { MAX_PAGE } from '../model/limits.js';
import type { Slot } from '../model/record.js';
import { isPaused } from '../session/pause.js';
import type { SessionStore } from '../store/store.js';

export type Choice = 'largest' | 'idle' | 'random';

/** Sessions looked at before the best so far is taken: a choice must not cost more than the move. */
const MAX_LOOKED_AT = 20_000;
/** Of so many candidates the store's own measure decides. */
const WEIGHED = 16;

export function parseChoice(text: string | undefined): Choice {
  if (text === undefined || text === 'largest' || text === 'idle' || text === 'random') return text ?? 'largest';
  throw new Fault('PARAMETER_INVALID', { name: 'choose', reason: 'use largest, idle or random' });
}

export interface ChooseOptions {
  store: SessionStore;
  nowMs: number;
  /** From 0 to 1, exclusive. */
  random(): number;
  isEligible(slot: Slot): boolean;
  /** Where the last choice ended; it is moved on, so that one choice after the other sees all sessions of a large store. */
  cursor?: { after?: string };
}

/** @returns the chosen resident session, or undefined when none is eligible; idle ones go before busy ones */
export async function choose(choice: Choice, options: ChooseOptions): Promise<Slot | undefined> {
  const { nowMs, random, isEligible, cursor = {}, store } = options;
  const isCandidate = (slot: Slot) => slot.state === 'resident' && !slot.arriving && !isPaused(slot) && isEligible(slot);
  const wasInTheMiddle = cursor.after !== undefined;
  let found = await look(store, cursor, isCandidate);
  // The rest of a large store may have had none.
  if (found.length === 0 && wasInTheMiddle && cursor.after === undefined) found = await look(store, cursor, isCandidate);
  const isIdle = (slot: Slot) => !slot.lease || slot.lease.untilMs <= nowMs;
  const idle = found.filter(isIdle);
  const candidates = idle.length > 0 ? idle : found;
  if (choice === 'random') return candidates[Math.floor(random() * candidates.length)];
  if (choice === 'idle') return candidates.sort((a, b) => a.lastAccessAtMs - b.lastAccessAtMs)[0];
  return heaviest(candidates, store);
}

/** Looks at so many rows as a choice may cost, from the cursor on. */
async function look(store: SessionStore, cursor: { after?: string }, isCandidate: (slot: Slot) => boolean): Promise<Slot[]> {
  const found: Slot[] = [];
  for (let looked = 0; looked < MAX_LOOKED_AT;) {
    const { slots, next } = await store.page(cursor.after, MAX_PAGE);
    looked += slots.length;
    cursor.after = next;
    found.push(...slots.filter(isCandidate));
    if (next === undefined) break;
  }
  return found;
}

async function heaviest(candidates: Slot[], store: SessionStore): Promise<Slot | undefined> {
  const top = candidates.sort((a, b) => b.bytes - a.bytes).slice(0, WEIGHED);
  const weighed = await Promise.all(top.map(async (slot) => ({ slot, weight: await store.weight(slot.session) })));
  return weighed.sort((a, b) => b.weight - a.weight)[0]?.slot;
}
