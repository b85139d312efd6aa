/** One request for a function while it is in hand. Whatever most handlers never look at is made at its first use. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FunctionPath } from '../base/function-path.js';
import type { RequestStream } from '../handler/http-body.js';
import { Fault } from '../model/faults.js';
import type { Arrived, FunctionRequest, FunctionResponse, Taker, WorkerAnswer, WorkerCall } from '../session/call.js';
import type { RawHeaders } from './answer.js';
import type { Deployed } from './deployed.js';

const CALL_ID = 'x-call-id';

/** What all calls of a door have in common. */
export interface CallDoor {
  /** Begins the id of each of its calls. */
  readonly life: string;
  finish(call: FunctionCall, answer: WorkerAnswer): void;
  refuse(call: FunctionCall, error: unknown): void;
}

export class FunctionCall implements WorkerCall, Taker {
  request!: FunctionRequest;
  /** The answer is on its way, or nobody waits for it any more. */
  settled = false;
  /** Its whole body is awaited. */
  isReading = false;
  /** Its body, when it goes to the function as it comes. */
  body: RequestStream | undefined;
  /** What it is answered, with the headers of the gateway, once that is known. */
  answer: FunctionResponse | undefined;
  raw: RawHeaders | undefined;
  /** Since when the client does not take the answer. */
  stalledSinceMs: number | undefined;
  /** Since when the handler has it; of the monotonic clock, as all times here. */
  ranMs: number;
  /** Its neighbours among all calls in hand, and the call before it on its connection (calls-in-hand.ts). */
  newer: FunctionCall | undefined;
  older: FunctionCall | undefined;
  before: FunctionCall | undefined;
  private control: AbortController | undefined;
  private ended: Fault | undefined;

  constructor(
    readonly incoming: IncomingMessage,
    readonly response: ServerResponse,
    readonly deployed: Deployed,
    /** Of the monotonic clock. */
    readonly startedMs: number,
    private readonly door: CallDoor,
    private readonly count: number,
  ) {
    this.ranMs = startedMs;
  }

  get callId(): string {
    return `${this.door.life}-${this.count.toString(36)}`;
  }

  /** Its id for the client: the one that came with it, which may name a whole chain of calls, else its own. */
  get answerId(): string {
    const { rawHeaders } = this.incoming;
    for (let at = 0; at < rawHeaders.length; at += 2) {
      const name = rawHeaders[at]!;
      if (name.length === CALL_ID.length && name.toLowerCase() === CALL_ID && rawHeaders[at + 1] !== '') return rawHeaders[at + 1]!;
    }
    return this.callId;
  }

  /** As they came, with the call's id, so that the function may pass it on, and with where it comes from. */
  get headers(): FunctionRequest['headers'] {
    const { headers, socket } = this.incoming;
    headers[CALL_ID] ??= this.callId;
    headers['x-forwarded-for'] ??= socket.remoteAddress;
    return headers;
  }

  get function(): string {
    return this.deployed.name;
  }

  get timeoutMs(): number {
    return this.deployed.timeoutMs;
  }

  get isAborted(): boolean {
    return this.ended !== undefined;
  }

  get signal(): AbortSignal {
    this.control ??= new AbortController();
    if (this.ended && !this.control.signal.aborted) this.control.abort(this.ended);
    return this.control.signal;
  }

  answered(answer: WorkerAnswer): void {
    this.door.finish(this, answer);
  }

  failed(error: unknown): void {
    this.door.refuse(this, error);
  }

  /** What has taken too long, if anything has. */
  overdue(nowMs: number, overtimeMs: number): Fault | undefined {
    const { readMs, writeMs } = this.deployed;
    const readSinceMs = this.isReading ? this.startedMs : this.body?.waitingSinceMs;
    if (readMs > 0 && readSinceMs !== undefined && nowMs - readSinceMs >= readMs) {
      return new Fault('REQUEST_TIMEOUT', { limit: readMs, setting: 'read_timeout', layer: 'gateway' });
    }
    if (writeMs > 0 && this.stalledSinceMs !== undefined && nowMs - this.stalledSinceMs >= writeMs) {
      return new Fault('ANSWER_TIMEOUT', { limit: writeMs, setting: 'write_timeout', layer: 'gateway' });
    }
    if (this.isReading || this.timeoutMs === 0 || nowMs - this.ranMs < this.timeoutMs + overtimeMs) return undefined;
    return new Fault('HANDLER_TIMEOUT', { limit: this.timeoutMs, setting: 'exec_timeout', layer: 'gateway' });
  }

  /** Tells the handler to stop; whoever waits for it answers. */
  abort(fault: Fault): void {
    this.ended ??= fault;
    this.body?.stop(fault);
    this.control?.abort(this.ended);
  }
}

/** The request of a stateless call. node:http builds `headers` only when somebody asks, and many handlers do not. */
export class LazyRequest implements FunctionRequest {
  readonly path: string;
  readonly query: string;

  constructor(private readonly call: FunctionCall, at: FunctionPath, readonly body: Buffer, readonly stream?: AsyncIterable<Buffer>) {
    this.path = at.path;
    this.query = at.query;
  }

  get method(): string {
    return this.call.incoming.method!;
  }

  get headers(): FunctionRequest['headers'] {
    return this.call.headers;
  }

  get arrived(): Arrived {
    return this.call.incoming;
  }
}
