/**
 * What clients did and what they were told, with the times of both. An operation without an answer
 * may have happened or not, at any time after it was sent; all tries under one request id are one operation.
 */

export interface Operation<I = unknown, O = unknown> {
  session: string;
  client: string;
  input: I;
  /** Any clock that all clients share; only the order counts, and equal times count as at once. */
  invokedAt: number;
  /** Infinity: no answer. */
  answeredAt: number;
  /** What the answer said; meaningless without an answer. */
  output: O | undefined;
  /** The answer told nothing about the state: it only says that the operation has happened. */
  isMute?: boolean;
  requestId?: string;
}

export interface Merged<I, O> {
  operations: Operation<I, O>[];
  /** Request ids that were answered in two ways, in words. */
  contradictions: string[];
}

export const isAnswered = ({ answeredAt }: Operation): boolean => answeredAt !== Number.POSITIVE_INFINITY;

/** One try of an operation, between its sending and what became of it. */
export interface Try<O> {
  /** The operation has happened, and this is what it answered. */
  answer(output: O): void;
  /** It has happened; nothing more is known. */
  acknowledge(): void;
  /** It certainly has not happened, and never will under this request id. */
  refuse(): void;
}

/** Collects operations as clients make them. A try that nothing is said about stays open. */
export class History<I = unknown, O = unknown> {
  readonly tries: Operation<I, O>[] = [];
  #ticks = 0;

  /** @param now order of events; without one, the order of the calls on this history */
  constructor(private readonly now?: () => number) {}

  invoke(session: string, client: string, input: I, requestId?: string): Try<O> {
    const operation: Operation<I, O> = {
      session, client, input, invokedAt: this.#at(), answeredAt: Number.POSITIVE_INFINITY, output: undefined, ...(requestId !== undefined && { requestId }),
    };
    this.tries.push(operation);
    return {
      answer: (output) => {
        operation.output = output;
        operation.answeredAt = this.#at();
      },
      acknowledge: () => {
        operation.isMute = true;
        operation.answeredAt = this.#at();
      },
      refuse: () => void this.tries.splice(this.tries.indexOf(operation), 1),
    };
  }

  #at(): number {
    return this.now ? this.now() : (this.#ticks += 1);
  }
}

/** Each session's operations, the tries of one request id made one. */
export function bySession<I, O>(tries: readonly Operation<I, O>[]): Map<string, Merged<I, O>> {
  const sessions = new Map<string, Operation<I, O>[]>();
  for (const operation of tries) {
    const list = sessions.get(operation.session);
    if (list) list.push(operation);
    else sessions.set(operation.session, [operation]);
  }
  return new Map([...sessions].map(([session, operations]) => [session, merge(operations)]));
}

/** From the first sending to the first answer: by then it had happened, whichever try it was. */
function merge<I, O>(tries: readonly Operation<I, O>[]): Merged<I, O> {
  const byId = new Map<string, Operation<I, O>>();
  const operations: Operation<I, O>[] = [];
  const contradictions: string[] = [];
  for (const one of tries) {
    const first = one.requestId === undefined ? undefined : byId.get(one.requestId);
    if (!first) {
      const copy = { ...one };
      operations.push(copy);
      if (one.requestId !== undefined) byId.set(one.requestId, copy);
      continue;
    }
    if (JSON.stringify(first.input) !== JSON.stringify(one.input)) {
      contradictions.push(`request ${one.requestId} was sent with ${JSON.stringify(first.input)} and with ${JSON.stringify(one.input)}`);
    }
    if (isTold(first) && isTold(one) && JSON.stringify(first.output) !== JSON.stringify(one.output)) {
      contradictions.push(`request ${one.requestId} was answered ${JSON.stringify(first.output)} and ${JSON.stringify(one.output)}`);
    }
    if (isTold(one) && (!isTold(first) || one.answeredAt < first.answeredAt)) {
      first.output = one.output;
      delete first.isMute;
    } else if (!isAnswered(first) && one.isMute) first.isMute = true;
    first.invokedAt = Math.min(first.invokedAt, one.invokedAt);
    first.answeredAt = Math.min(first.answeredAt, one.answeredAt);
  }
  return { operations, contradictions };
}

function isTold(operation: Operation): boolean {
  return isAnswered(operation) && !operation.isMute;
}
