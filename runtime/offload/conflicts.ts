import type { Clock } from '../base/clock.js';
import { hashOfSession, reasonOf, type Log } from '../base/log.js';
import { type Shelf, Shelved } from '../base/shelf.js';
import { MAX_CONFLICTS } from '../model/limits.js';

/** Two incarnations of one session id, for an operator to choose; they are never merged. */
export interface Conflict {
  session: string;
  mine: string;
  theirs: string;
  /** Node that has the other one. */
  at: string;
  /** When it was found. */
  atMs: number;
  /** An operator chose this node's; ancestors that are still to be told so keep it here. */
  keeping?: true;
}

/** What this node has found and no operator has settled yet; outlives the process, the newest are kept. */
export class Conflicts {
  readonly #found: Shelved<Conflict>;

  constructor(private readonly options: { clock: Clock; log: Log; shelf: Shelf }) {
    this.#found = new Shelved(options.shelf, MAX_CONFLICTS);
  }

  open(): Promise<void> {
    return this.#found.open();
  }

  add(session: string, mine: string, theirs: string, at: string): void {
    const key = `${session}\n${mine}\n${theirs}`;
    if (this.#found.get(key)) return;
    this.#keep(key, { session, mine, theirs, at, atMs: this.options.clock.now() });
    this.options.log.warn({ session: hashOfSession(session), mine, theirs, at }, 'one session id has two incarnations; an operator has to choose');
  }

  list(): Conflict[] {
    return this.#found.list();
  }

  /** Notes that an operator chose this node's incarnation, until every ancestor has it. */
  async keep(session: string, mine: string): Promise<void> {
    await this.forget(session);
    await this.#found.put(`${session}\nkept`, { session, mine, theirs: '', at: '', atMs: this.options.clock.now(), keeping: true });
  }

  /** An operator has settled it. */
  async forget(session: string): Promise<void> {
    for (const { mine, theirs, keeping } of this.list().filter((found) => found.session === session)) {
      await this.#found.remove(keeping ? `${session}\nkept` : `${session}\n${mine}\n${theirs}`);
    }
  }

  #keep(key: string, conflict: Conflict): void {
    const { log } = this.options;
    this.#found.put(key, conflict).catch((error: unknown) => log.error({ reason: reasonOf(error) }, 'a conflict could not be kept; it is found again when it is met again'));
  }
}
