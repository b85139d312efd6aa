/** What functions log and print: the last lines of each, and whoever follows them. */
import type { Clock } from '../../base/clock.js';
import type { Log } from '../../base/log.js';
import { MAX_FOLLOWERS, MAX_LOG_BYTES_PER_FUNCTION, MAX_LOG_LINES_PER_FUNCTION, MAX_UNREAD_LOG_LINES } from '../../model/limits.js';

export interface FunctionLine {
  name: string;
  instance: string;
  atMs: number;
  text: string;
}

interface Ring {
  lines: FunctionLine[];
  bytes: number;
}

export class FunctionLogs {
  readonly #rings = new Map<string, Ring>();
  readonly #followers = new Set<Follower>();

  constructor(private readonly parts: { node: string; clock: Clock }) {}

  append(name: string, text: string): void {
    const line = { name, instance: this.parts.node, atMs: this.parts.clock.now(), text };
    const ring = this.#rings.get(name) ?? { lines: [], bytes: 0 };
    this.#rings.set(name, ring);
    ring.lines.push(line);
    ring.bytes += text.length;
    while (ring.lines.length > MAX_LOG_LINES_PER_FUNCTION || (ring.bytes > MAX_LOG_BYTES_PER_FUNCTION && ring.lines.length > 1)) {
      ring.bytes -= ring.lines.shift()!.text.length;
    }
    for (const follower of this.#followers) follower.take(line);
  }

  /** Oldest first. @param tail most lines; undefined or below 0 for all */
  last(name: string, { tail, sinceMs = 0 }: { tail?: number; sinceMs?: number } = {}): FunctionLine[] {
    const lines = (this.#rings.get(name)?.lines ?? []).filter(({ atMs }) => atMs >= sinceMs);
    return tail === undefined || tail < 0 ? lines : lines.slice(Math.max(0, lines.length - tail));
  }

  /** Every line from now on, until it is returned or the node stops. Undefined when too many follow already. */
  follow(name: string): AsyncIterableIterator<FunctionLine> | undefined {
    if (this.#followers.size >= MAX_FOLLOWERS) return undefined;
    const follower: Follower = new Follower(name, () => this.#followers.delete(follower));
    this.#followers.add(follower);
    return follower;
  }

  /** A function that is not among these was removed, and leaves nothing. */
  keepOnly(names: readonly string[]): void {
    const kept = new Set(names);
    for (const name of this.#rings.keys()) if (!kept.has(name)) this.#rings.delete(name);
  }

  /** Ends whoever follows. */
  close(): void {
    for (const follower of this.#followers) void follower.return();
  }

  /** A log that passes everything on, and keeps here what functions say. */
  beside(log: Log): Log {
    const both = (level: 'error' | 'warn' | 'info' | 'debug') => (fields: object, message: string): void => {
      log[level](fields, message);
      const { function: name, details } = fields as { function?: unknown; details?: unknown };
      if (typeof name === 'string' && name !== '-') this.append(name, details === undefined ? message : `${message} ${JSON.stringify(details)}`);
    };
    return { error: both('error'), warn: both('warn'), info: both('info'), debug: both('debug'), child: (fields) => this.beside(log.child(fields)) };
  }
}

/** An iterator by hand: a generator that waits for the next line could not be told to end. */
class Follower implements AsyncIterableIterator<FunctionLine> {
  readonly #unread: FunctionLine[] = [];
  #waiting: ((result: IteratorResult<FunctionLine>) => void) | undefined;
  #ended = false;

  constructor(private readonly name: string, private readonly leave: () => void) {}

  take(line: FunctionLine): void {
    if (line.name !== this.name) return;
    if (this.#waiting) {
      this.#waiting({ done: false, value: line });
      this.#waiting = undefined;
      return;
    }
    // Whoever reads too slowly misses the oldest lines.
    if (this.#unread.length >= MAX_UNREAD_LOG_LINES) this.#unread.shift();
    this.#unread.push(line);
  }

  next(): Promise<IteratorResult<FunctionLine>> {
    const line = this.#unread.shift();
    if (line) return Promise.resolve({ done: false, value: line });
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => { this.#waiting = resolve; });
  }

  async return(): Promise<IteratorResult<FunctionLine>> {
    this.#ended = true;
    this.leave();
    this.#waiting?.({ done: true, value: undefined });
    this.#waiting = undefined;
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
