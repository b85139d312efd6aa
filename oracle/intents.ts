/**
 * One queue for every wish to change placement: the policy's, an operator's, and those that other tools
 * write into the mirror. First come first served for each session and node; one at a time; a refusal has
 * a reason that can be read back. What has not ended survives a restart of the oracle.
 */
import type { Ids } from '../runtime/base/ids.js';
import { MAX_ENDED_INTENTS, MAX_KEPT_ENDED_INTENTS, MAX_OPEN_INTENTS } from '../runtime/model/limits.js';
import type { Intent, IntentOrigin, Wish } from '../runtime/model/oracle-answers.js';

export interface IntentsParts {
  ids: Ids;
  now: () => number;
  /** Called after every change of what is open. */
  onChange?(): void;
  onEnd?(intent: Intent): void;
}

export class Intents {
  /** In the order in which they came. */
  private readonly open = new Set<Intent>();
  /** The open ones of each session and node. */
  private readonly bySubject = new Map<string, Set<Intent>>();
  private readonly ended: Intent[] = [];
  private readonly running = new Set<string>();

  constructor(private readonly parts: IntentsParts) {}

  /**
   * Takes a wish in, or answers it at once as refused: an operator's and the mirror's wishes replace what the policy
   * wanted for the same session or node; the same wish twice is one.
   */
  submit(wish: Wish, by: IntentOrigin, reason: string): Intent {
    const subject = subjectOf(wish);
    const others = [...this.bySubject.get(subject) ?? []];
    const same = others.find((each) => isSame(each.wish, wish));
    if (same) {
      // What the policy wants anyway is an operator's word from now on: it is not undone at the next opportunity.
      if (same.by === 'policy' && by !== 'policy') Object.assign(same, { by, reason });
      return same;
    }
    const intent: Intent = { id: this.parts.ids.uuid(), wish, by, reason, state: 'waiting', createdMs: this.parts.now() };
    if (by === 'policy') {
      const [before] = others;
      if (before) return this.end(intent, 'refused', `${before.by === 'policy' ? 'the policy' : `the ${before.by}`} has asked for something else already`);
    } else {
      for (const waiting of others.filter((each) => each.by === 'policy' && each.state === 'waiting')) {
        this.end(waiting, 'refused', `the ${by} asked for something else`);
      }
    }
    if (this.open.size >= MAX_OPEN_INTENTS) return this.end(intent, 'refused', `${MAX_OPEN_INTENTS} intents wait already`);
    this.add(intent);
    this.parts.onChange?.();
    return intent;
  }

  /** A wish that cannot even be taken in, for the record. */
  refuse(wish: Wish, by: IntentOrigin, reason: string, answer: string): Intent {
    return this.end({ id: this.parts.ids.uuid(), wish, by, reason, state: 'refused', createdMs: this.parts.now() }, 'refused', answer);
  }

  /** Does a wish about this session wait, or is one being carried out? */
  isAsked(session: string): boolean {
    return this.bySubject.has(subjectOf({ kind: 'migrate', session, to: '' }));
  }

  /** The oldest that may begin: nothing else runs for its session or node, and nothing else is against it. It runs from now on. */
  next(mayBegin: (intent: Intent) => boolean = () => true): Intent | undefined {
    for (const intent of this.open) {
      const subject = subjectOf(intent.wish);
      if (intent.state !== 'waiting' || this.running.has(subject) || !mayBegin(intent)) continue;
      Object.assign(intent, { state: 'running', startedMs: this.parts.now() });
      this.running.add(subject);
      return intent;
    }
    return undefined;
  }

  end(intent: Intent, state: 'done' | 'refused', answer: string): Intent {
    if (intent.state === 'running') this.running.delete(subjectOf(intent.wish));
    Object.assign(intent, { state, answer, endedMs: this.parts.now() });
    this.remove(intent);
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
    return this.list().find((each) => each.id === id);
  }

  get openCount(): number {
    return this.open.size;
  }

  get runningCount(): number {
    return this.running.size;
  }

  /** What a restart has to know. */
  snapshot(): Intent[] {
    return [...this.open];
  }

  /** The newest last. */
  lastEnded(): Intent[] {
    return this.ended.slice(-MAX_KEPT_ENDED_INTENTS);
  }

  /** Whatever was running is asked for again: a move to where the session is already changes nothing. */
  restore(intents: readonly Intent[], ended: readonly Intent[] = []): void {
    this.ended.unshift(...ended);
    for (const intent of intents) this.add({ ...intent, state: 'waiting' });
  }

  private add(intent: Intent): void {
    const subject = subjectOf(intent.wish);
    this.open.add(intent);
    this.bySubject.set(subject, (this.bySubject.get(subject) ?? new Set()).add(intent));
  }

  private remove(intent: Intent): void {
    const subject = subjectOf(intent.wish);
    const others = this.bySubject.get(subject);
    this.open.delete(intent);
    others?.delete(intent);
    if (others?.size === 0) this.bySubject.delete(subject);
  }
}

function subjectOf(wish: Wish): string {
  return wish.kind === 'migrate' ? `session ${wish.session}` : `node ${wish.node}`;
}

function isSame(one: Wish, other: Wish): boolean {
  if (one.kind === 'migrate') return other.kind === 'migrate' && one.to === other.to && (one.rehome ?? false) === (other.rehome ?? false);
  return one.kind === other.kind;
}
