/** The namespaces of a node. The default one is always there. */
import { join } from 'node:path';
import type { Clock } from '../../base/clock.js';
import { Fault } from '../../model/faults.js';
import { MAX_NAMESPACES } from '../../model/limits.js';
import { KeptWords, type Word } from './kept-words.js';
import { DEFAULT_NAMESPACE } from './names.js';

export interface Namespace {
  name: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

export type NamespaceWord = Namespace & Word;

const DEFAULT: Namespace = { name: DEFAULT_NAMESPACE, labels: {}, annotations: {} };

export class Namespaces {
  readonly words: KeptWords<NamespaceWord>;
  readonly #listeners = new Set<() => void>();

  constructor({ stateDir, clock }: { stateDir: string; clock: Clock }) {
    this.words = new KeptWords<NamespaceWord>({ path: join(stateDir, 'namespaces.json'), clock, keyOf: ({ name }) => name });
  }

  open(): Promise<void> {
    return this.words.open();
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  names(): string[] {
    return [...new Set([DEFAULT_NAMESPACE, ...this.words.list().map(({ name }) => name)])].sort();
  }

  /** Throws NAMESPACE_UNKNOWN. */
  get(name: string): Namespace {
    const known = this.words.get(name) ?? (name === DEFAULT_NAMESPACE ? DEFAULT : undefined);
    if (!known) throw new Fault('NAMESPACE_UNKNOWN', { namespace: name, known: this.names() });
    return { name, labels: known.labels, annotations: known.annotations };
  }

  /** Rejects with NAMESPACE_EXISTS. */
  async create(namespace: Namespace): Promise<void> {
    const names = this.names();
    if (names.includes(namespace.name)) throw new Fault('NAMESPACE_EXISTS', { namespace: namespace.name });
    if (names.length >= MAX_NAMESPACES) throw new Fault('PARAMETER_INVALID', { name: 'name', reason: `there are ${MAX_NAMESPACES} namespaces already` });
    await this.#tell(namespace);
  }

  /** Rejects with NAMESPACE_UNKNOWN. */
  async replace(namespace: Namespace): Promise<void> {
    this.get(namespace.name);
    await this.#tell(namespace);
  }

  /** Rejects with NAMESPACE_UNKNOWN, or with NAMESPACE_IN_USE for the default one. */
  async remove(name: string): Promise<void> {
    const known = this.get(name);
    if (name === DEFAULT_NAMESPACE) throw new Fault('NAMESPACE_IN_USE', { namespace: name, reason: 'it is the default one' });
    await this.#tell(known, true);
  }

  /** Takes another node's word over, unless a newer one is known. */
  async receive(word: NamespaceWord): Promise<void> {
    if (!this.words.isNews(word)) return;
    await this.words.put(word);
    for (const listener of this.#listeners) listener();
  }

  async #tell(namespace: Namespace, removed = false): Promise<void> {
    await this.receive({ ...namespace, atMs: this.words.stamp(namespace.name), ...(removed && { removed }) });
  }
}
