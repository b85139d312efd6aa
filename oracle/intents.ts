/**
 * One queue for every wish to change placement: the policy's, an operator's, and those that other tools
 * write into the mirror. First come first served for each session and node; one at a time; a refusal has
 * a reason that can be read back. What has not ended survives a restart of the oracle.
 */
import type { Ids } from '../runtime/base/ids.js';
import { MAX_ENDED_INTENTS, MAX_OPEN_INTENTS } from '../runtime/model/limits.js';

export type IntentOrigin = 'policy' | 'operator' | 'mirror';

/** What is wanted. Nodes by name, sessions by id. */
export type Wish =
  | { kind: 'migrate'; session: string; to: string; rehome?: boolean }
  | { kind: 'cordon' | 'uncordon'; node: string };

export type IntentState = 'waiting' | 'running' | 'done' | 'refused';

export interface Intent {
  id: string;
  wish: Wish;
  by: IntentOrigin;
  reason: string;
  state: IntentState;
  /** Why it was refused, or where the session is now. */
  answer?: string;
  createdMs: number;
  endedMs?: number;
}

export interface IntentsParts {
  ids: Ids;
  now: () => number;
  /** Called after every change of what is open. */
  onChange?(): void;
  onEnd?(intent: Intent): void;
}

export class Intents {
  private readonly open: Intent[] = [];
  private readonly ended: Intent[] = [];
  private readonly running = new Set<string>();

  constructor(private readonly parts: IntentsParts) {}

  /**
   * Takes a wish in, or answers it at once as refused: an operator's and the mirror's wishes replace what the policy
   * wanted for the same session or node; the same wish twice is one.
   */
  submit(wish: Wish, by: IntentOrigin, reason: string): Intent {
    const subject = subjectOf(wish);
    const same = this.open.find((each) => subjectOf(each.wish) === subject && isSame(each.wish, wish));
    if (same) return same;
    const intent: Intent = { id: this.parts.ids.uuid(), wish, by, reason, state: 'waiting', createdMs: this.parts.now() };
    if (by === 'policy') {
      const before = this.open.find((each) => subjectOf(each.wish) === subject);
      if (before) return this.end(intent, 'refused', `${before.by === 'policy' ? 'the policy' : `the ${before.by}`} has asked for something else already`);
    } else {
      for (const waiting of this.open.filter((each) => each.by === 'policy' && each.state === 'waiting' && subjectOf(each.wish) === subject)) {
        this.end(waiting, 'refused', `the ${by} asked for something else`);
      }
    }
    if (this.open.length >= MAX_OPEN_INTENTS) return this.end(intent, 'refused', `${MAX_OPEN_INTENTS} intents wait already`);
    this.open.push(intent);
    this.parts.onChange?.();
    return intent;
  }

  /** A wish that cannot even be taken in, for the record. */
  refuse(wish: Wish, by: IntentOrigin, reason: string, answer: string): Intent {
    return this.end({ id: this.parts.ids.uuid(), wish, by, reason, state: 'refused', createdMs: this.parts.now() }, 'refused', answer);
  }

  /** The oldest that may begin: nothing else runs for its session or node. It runs from now on. */
  next(): Intent | undefined {
    const intent = this.open.find(({ state, wish }) => state === 'waiting' && !this.running.has(subjectOf(wish)));
    if (!intent) return undefined;
    intent.state = 'running';
    this.running.add(subjectOf(intent.wish));
    return intent;
  }

  end(intent: Intent, state: 'done' | 'refused', answer: string): Intent {
    if (intent.state === 'running') this.running.delete(subjectOf(intent.wish));
    Object.assign(intent, { state, answer, endedMs: this.parts.now() });
    const at = this.open.indexOf(intent);
    if (at >= 0) this.open.splice(at, 1);
    this.ended.push(intent);
    if (this.ended.length > MAX_ENDED_INTENTS) this.ended.shift();
    this.parts.onEnd?.(intent);
    this.parts.onChange?.();
    return intent;
  }

  /** Those that are open, then those that ended, the newest first. */
  list(): Intent[] {
    return [...this.open, ...this.ended.toReversed()];
  }

  find(id: string): Intent | undefined {
    return this.open.find((each) => each.id === id) ?? this.ended.find((each) => each.id === id);
  }

  /** What a restart has to know. */
  snapshot(): Intent[] {
    return this.open;
  }

  /** Whatever was running is asked for again: a move to where the session is already changes nothing. */
  restore(intents: readonly Intent[]): void {
    for (const intent of intents) this.open.push({ ...intent, state: 'waiting' });
  }
}

function subjectOf(wish: Wish): string {
  return wish.kind === 'migrate' ? `session ${wish.session}` : `node ${wish.node}`;
}

function isSame(one: Wish, other: Wish): boolean {
  if (one.kind === 'migrate') return other.kind === 'migrate' && one.to === other.to && (one.rehome ?? false) === (other.rehome ?? false);
  return one.kind === other.kind;
}
