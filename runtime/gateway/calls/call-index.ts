interface Identified {
  /** Ours, once each. */
  readonly id: string;
  /** The caller's; several calls may have the same. */
  readonly callId: string;
}

/** Calls by their own ids and by those of their callers, in the order in which they came: whoever asks for one makes nobody look at all. */
export class CallIndex<T extends Identified> {
  readonly #calls = new Map<string, T>();
  readonly #byCaller = new Map<string, T[]>();

  get size(): number {
    return this.#calls.size;
  }

  has(id: string): boolean {
    return this.#calls.has(id);
  }

  /** By our id or the caller's; of several calls with one id the newest. */
  find(id: string): T | undefined {
    return this.#calls.get(id) ?? this.#byCaller.get(id)?.at(-1);
  }

  /** In place of one with the same id. */
  add(call: T): void {
    this.remove(call.id);
    this.#calls.set(call.id, call);
    const others = this.#byCaller.get(call.callId);
    if (others) others.push(call);
    else this.#byCaller.set(call.callId, [call]);
  }

  /** False when it is not there. */
  remove(id: string): boolean {
    const call = this.#calls.get(id);
    if (call === undefined) return false;
    this.#calls.delete(id);
    const others = this.#byCaller.get(call.callId)!;
    if (others.length === 1) this.#byCaller.delete(call.callId);
    else others.splice(others.indexOf(call), 1);
    return true;
  }

  /** Oldest first. */
  values(): IterableIterator<T> {
    return this.#calls.values();
  }
}
