/** The calls that nodes make on each other, typed; how they travel (HTTP, signed) is the transport's. */
import { Fault } from '../model/faults.js';
import { DELIVERY_MS } from '../model/limits.js';
import type { Passport, Slot } from '../model/record.js';
import type { AskReply, ClaimReply, CopyReply, DepartReply, LearnReply } from '../model/verbs.js';
import type { Item } from '../store/store.js';
import type { Measure } from './collect.js';
import type { PathAnswer } from './path.js';
import type { CallOrder, PropagateOrder, Received } from './receive.js';
import { decodeStream, decodeWhole, type DecodedStream } from './stream.js';
import type { SessionToken } from './token.js';

/** How calls travel; every method rejects with a fault (PEER_UNREACHABLE when nobody answers). */
export interface Transport {
  json(node: string, path: string, body: unknown, timeoutMs: number): Promise<unknown>;
  stream(node: string, path: string, body: unknown, timeoutMs: number): Promise<AsyncIterable<Uint8Array>>;
  /** The answer of a stream's kind, once all of it is here. */
  whole(node: string, path: string, body: unknown, timeoutMs: number): Promise<Buffer>;
}

export const STREAM_TYPE = 'application/x-session-stream';

/**
 * Steps of a move as the target asks them of the source, all on `migrate-session`. What a copy or a drain was answered holds the
 * ticket for the next step; the source refuses any other, for then the target lacks what an answer took away.
 */
export type MoveStep =
  | { step: 'copy'; attempt: string; epoch: number; incarnation: string }
  | { step: 'drain'; attempt: string; ticket?: string }
  | { step: 'depart'; attempt: string; epoch: number; incarnation: string; to: string; ticket?: string };

export type DrainHead = { kind: 'drained'; bytes: number; ticket?: string } | { kind: 'refused' };
export type StepHead = { copy: CopyReply & { ticket?: string }; drain: DrainHead; depart: DepartReply & { passport?: Passport } };

export interface ClaimRequest {
  session: string;
  function: string;
  home: string;
  epoch: number;
  incarnation: string;
  write: boolean;
}
/** `registered` names the ancestors that have indexed the session by now; the others are owed a claim. `cut`: not all up to the root were reached. */
export type ClaimAnswer = ClaimReply & { registered: string[]; cut?: boolean };

export interface TakeOrder {
  session: string;
  /** Node that holds it. */
  from: string;
  /** The target becomes its home. */
  rehome: boolean;
}

/** A quick answer is expected of everything but a whole move. */
const SHORT_MS = 5_000;
const MOVE_MS = 120_000;
const COPY_MS = 60_000;

export class Peers {
  constructor(private readonly transport: Transport) {}

  claim(node: string, request: ClaimRequest): Promise<ClaimAnswer> {
    return this.transport.json(node, '/peer/claim', request, SHORT_MS) as Promise<ClaimAnswer>;
  }

  /** Registers a session with this very node, without asking further up. */
  claimHere(node: string, request: ClaimRequest): Promise<ClaimAnswer> {
    return this.transport.json(node, '/peer/claim?only=here', request, SHORT_MS) as Promise<ClaimAnswer>;
  }

  /** @param life that was departed, and its home */
  ask(node: string, session: string, epoch: number, { incarnation, home }: Pick<Slot, 'incarnation' | 'home'>): Promise<AskReply> {
    return this.transport.json(node, '/peer/ask', { session, epoch, incarnation, home }, SHORT_MS) as Promise<AskReply>;
  }

  gone(node: string, session: string, epoch: number, incarnation: string): Promise<unknown> {
    return this.transport.json(node, '/peer/gone', { session, epoch, incarnation }, SHORT_MS);
  }

  /** The record as the node has it. */
  async slot(node: string, session: string): Promise<Slot | undefined> {
    const { slot } = (await this.transport.json(node, '/peer/record', { session }, SHORT_MS)) as { slot: Slot | null };
    return slot ?? undefined;
  }

  /** Has the node take a session from its holder; answers when the move has ended. */
  take(node: string, order: TakeOrder): Promise<SessionToken> {
    return this.transport.json(node, '/peer/take', order, MOVE_MS) as Promise<SessionToken>;
  }

  /** Has a session's home bring it home from its holder and end it, if it is unused by the measure. */
  async collect(home: string, session: string, from: string, measure: Measure): Promise<'kept' | 'ended' | 'busy'> {
    const { outcome } = (await this.transport.json(home, '/peer/collect', { session, from, ...measure }, MOVE_MS)) as { outcome: 'kept' | 'ended' | 'busy' };
    return outcome;
  }

  /** Offers a session upward; the answer is the record as committed by whoever took it. */
  offload(node: string, token: SessionToken): Promise<SessionToken> {
    return this.transport.json(node, '/function/offload-session', token, MOVE_MS) as Promise<SessionToken>;
  }

  /** Asks an ancestor for sessions homed in the asker's subtree; possibly none. */
  async onload(node: string, query: { session?: string; choose?: string; asker: string; functions: string[]; maxBytes?: number; except?: string[] }): Promise<SessionToken[]> {
    return (await this.transport.json(node, '/function/onload-session', query, SHORT_MS)) as SessionToken[];
  }

  /** Brings a propagated value to a node; the answer comes when the function has taken it. */
  propagate(node: string, order: PropagateOrder): Promise<Received> {
    return this.transport.json(node, '/function/receive-propagate', order, DELIVERY_MS) as Promise<Received>;
  }

  /** Has a node call one of its functions for another node's session. */
  call(node: string, order: CallOrder): Promise<Received> {
    return this.transport.json(node, '/peer/call', order, DELIVERY_MS) as Promise<Received>;
  }

  /** The node's way to the root. */
  path(node: string): Promise<PathAnswer> {
    return this.transport.json(node, '/peer/path', {}, SHORT_MS) as Promise<PathAnswer>;
  }

  /** Tells a node where a session is (confirm and update are one). */
  update(node: string, token: SessionToken): Promise<LearnReply> {
    return this.transport.json(node, '/function/update-session', token, SHORT_MS) as Promise<LearnReply>;
  }

  /** The session departs, and its last items come with the answer. Writers wait for it, so it is taken in one piece: a stream costs turns. */
  async depart(node: string, session: string, step: MoveStep & { step: 'depart' }): Promise<{ head: StepHead['depart']; items: Item[] }> {
    const bytes = await this.transport.whole(node, movePath(session), step, COPY_MS / 2);
    try {
      return decodeWhole<StepHead['depart']>(bytes);
    } catch (error) {
      throw broken(node, error);
    }
  }

  async step<S extends MoveStep & { step: 'copy' | 'drain' }>(node: string, session: string, step: S): Promise<DecodedStream<StepHead[S['step']]>> {
    const source = await this.transport.stream(node, movePath(session), step, COPY_MS);
    try {
      const { head, batches } = await decodeStream<StepHead[S['step']]>(source);
      // A refusal carries nothing; read to its end, it gives its connection back.
      if (head.kind === 'refused' || head.kind === 'conflict') await collect(batches);
      return { head, batches: breaking(node, batches) };
    } catch (error) {
      throw broken(node, error);
    }
  }
}

function movePath(session: string): string {
  return `/function/migrate-session?session=${encodeURIComponent(session)}`;
}

/** A stream that breaks off is a peer that did not answer, whatever broke it. */
async function* breaking(node: string, batches: AsyncIterable<Item[]>): AsyncGenerator<Item[]> {
  try {
    yield* batches;
  } catch (error) {
    throw broken(node, error);
  }
}

function broken(node: string, error: unknown): Fault {
  return new Fault('PEER_UNREACHABLE', { node, url: 'stream', reason: (error as Error).message }, { cause: error });
}

/** All items of a stream that is known to be small. */
export async function collect(batches: AsyncIterable<Item[]>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const batch of batches) items.push(...batch);
  return items;
}

/** Whether nobody answered, so that what was asked may or may not have happened. */
export function isUnanswered(error: unknown): boolean {
  return !(error instanceof Fault) || error.code === 'PEER_UNREACHABLE';
}
