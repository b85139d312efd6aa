/** One request for a function while it is in hand. Whatever most handlers never look at is made at its first use. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Fault } from '../model/faults.js';
import type { FunctionRequest, WorkerCall } from '../session/call.js';
import type { Deployed } from './deployed.js';
import type { FunctionPath } from './function-path.js';

export class FunctionCall implements WorkerCall {
  request!: FunctionRequest;
  /** The answer is on its way, or nobody waits for it any more. */
  settled = false;
  private control: AbortController | undefined;
  private ended: Fault | undefined;

  constructor(
    readonly incoming: IncomingMessage,
    readonly response: ServerResponse,
    readonly deployed: Deployed,
    /** Of the monotonic clock. */
    readonly startedMs: number,
    private readonly life: string,
    private readonly count: number,
  ) {}

  get callId(): string {
    return `${this.life}-${this.count.toString(36)}`;
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

  /** Tells the handler to stop; whoever waits for it answers. */
  abort(fault: Fault): void {
    this.ended ??= fault;
    this.control?.abort(this.ended);
  }
}

/** The request of a stateless call. node:http builds `headers` only when somebody asks, and many handlers do not. */
export class LazyRequest implements FunctionRequest {
  readonly path: string;
  readonly query: string;

  constructor(private readonly incoming: IncomingMessage, at: FunctionPath, readonly body: Buffer) {
    this.path = at.path;
    this.query = at.query;
  }

  get method(): string {
    return this.incoming.method!;
  }

  get headers(): FunctionRequest['headers'] {
    return this.incoming.headers;
  }
}
