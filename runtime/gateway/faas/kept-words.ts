/** Small documents in one file of the state folder, by key; the newest word on a key wins, and a removal is a word too. */
import { readFile } from 'node:fs/promises';
import { writeAtomically } from '../../base/atomic-file.js';
import type { Clock } from '../../base/clock.js';
import { REMOVED_KEEP_MS } from '../../model/limits.js';

export interface Word {
  /** Milliseconds since the epoch at the node that was asked. */
  atMs: number;
  removed?: boolean;
}

export class KeptWords<T extends Word> {
  readonly #words = new Map<string, T>();
  #saving: Promise<unknown> = Promise.resolve();

  constructor(private readonly parts: { path: string; clock: Clock; keyOf(word: T): string }) {}

  /** Takes up what a former life knew. Rejects when the file cannot be read. */
  async open(): Promise<void> {
    const text = await readFile(this.parts.path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '[]';
      throw error;
    });
    for (const word of JSON.parse(text) as T[]) this.#words.set(this.parts.keyOf(word), word);
  }

  /** What is known under the key and was not removed. */
  get(key: string): T | undefined {
    const word = this.#words.get(key);
    return word?.removed ? undefined : word;
  }

  /** Those that were not removed, by key. */
  list(): T[] {
    return this.words().filter(({ removed }) => !removed);
  }

  /** All of them, by key. */
  words(): T[] {
    return [...this.#words].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, word]) => word);
  }

  /** A time for a new word: later than every word on the key so far. */
  stamp(key: string): number {
    return Math.max(this.parts.clock.now(), (this.#words.get(key)?.atMs ?? 0) + 1);
  }

  isNews(word: T): boolean {
    return word.atMs > (this.#words.get(this.parts.keyOf(word))?.atMs ?? 0);
  }

  /** Resolves once it is kept. */
  async put(word: T): Promise<void> {
    this.#words.set(this.parts.keyOf(word), word);
    const oldest = this.parts.clock.now() - REMOVED_KEEP_MS;
    for (const [key, { removed, atMs }] of this.#words) if (removed && atMs < oldest) this.#words.delete(key);
    const saving = this.#saving.then(() => writeAtomically(this.parts.path, JSON.stringify(this.words())));
    this.#saving = saving.catch(() => undefined);
    await saving;
  }
}
