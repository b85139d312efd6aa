/** A bounded set of small documents that outlives the process: what an operator has yet to look at. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from './atomic-file.js';

/** Where documents are kept, by key. Two calls about one key are made one after the other. */
export interface Shelf {
  load(): Promise<[key: string, document: unknown][]>;
  put(key: string, document: unknown): Promise<void>;
  remove(key: string): Promise<void>;
}

/** Kept as long as whoever holds it. */
export function memoryShelf(): Shelf {
  const documents = new Map<string, unknown>();
  return {
    load: async () => [...documents],
    put: async (key, document) => void documents.set(key, structuredClone(document)),
    remove: async (key) => void documents.delete(key),
  };
}

/** One file a document, whole or not there. */
export function folderShelf(folder: string): Shelf {
  const fileOf = (key: string) => join(folder, `${createHash('sha256').update(key).digest('hex')}.json`);
  return {
    async load() {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
      return Promise.all(names.map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8')) as [string, unknown]));
    },
    put: (key, document) => writeAtomically(fileOf(key), JSON.stringify([key, document])),
    remove: (key) => rm(fileOf(key), { force: true }),
  };
}

/** The documents of a shelf in memory too, oldest first; the oldest is dropped when there are too many. */
export class Shelved<T extends { atMs: number }> {
  readonly #documents = new Map<string, T>();
  #writing: Promise<unknown> = Promise.resolve();

  constructor(private readonly shelf: Shelf, private readonly most: number) {}

  /** Takes up what a former life has left. */
  async open(): Promise<void> {
    const found = (await this.shelf.load()) as [string, T][];
    for (const [key, document] of found.sort(([, a], [, b]) => a.atMs - b.atMs)) this.#documents.set(key, document);
  }

  get(key: string): T | undefined {
    return this.#documents.get(key);
  }

  list(): T[] {
    return [...this.#documents.values()];
  }

  /** Resolves once it is kept; rejects when it could not be, and then it is not there. */
  async put(key: string, document: T): Promise<void> {
    const [oldest] = this.#documents.has(key) || this.#documents.size < this.most ? [] : this.#documents.keys();
    const former = this.#documents.get(key);
    this.#documents.set(key, document);
    try {
      await this.#inTurn(() => this.shelf.put(key, document));
    } catch (error) {
      if (former) this.#documents.set(key, former);
      else this.#documents.delete(key);
      throw error;
    }
    if (oldest !== undefined) await this.remove(oldest);
  }

  async remove(key: string): Promise<void> {
    await this.#inTurn(() => this.shelf.remove(key));
    this.#documents.delete(key);
  }

  #inTurn<R>(work: () => Promise<R>): Promise<R> {
    const turn = this.#writing.then(work);
    this.#writing = turn.catch(() => undefined);
    return turn;
  }
}
