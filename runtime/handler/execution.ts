/** One run of a handler: the context it is given, and the answer its run comes to. */
import { textOf, traceOf } from '../base/thrown.js';
import { Fault } from '../model/faults.js';
import { MAX_TELEMETRY_PER_CALL } from '../model/limits.js';
import { type FunctionKind, type FunctionRequest, MESSAGE, type SessionAccess, type SessionInfo, type TelemetryEntry, type WorkerAnswer } from '../session/call.js';
import { AnswerStream } from './answer-stream.js';
import type { EffectRequest, HandlerContext, LogLevel, Logger } from './context.js';
import { SessionEdgeDB } from './edgedb.js';
import { Outbox } from './outbox.js';
import { HandlerRequest, StreamingRequest } from './request.js';
import { toResponse } from './response.js';
import { type Secrets, secretsIn } from './secrets.js';

/** What the run needs from where it runs. */
export interface Place {
  /** Name of the function. */
  readonly service: string;
  /** Environment variables of the deployment. */
  readonly env: Readonly<Record<string, string>>;
  /** Missing: the files that its environment tells of. */
  readonly secrets?: Secrets;
  now(): number;
  log(level: LogLevel, callId: string, message: string, details?: Record<string, unknown>): void;
}

/** A function as its module exports it, ready to be called. */
export interface Target {
  readonly kind: FunctionKind;
  /** It takes a StreamingRequest; missing or false: a HandlerRequest. */
  readonly streams?: boolean;
  /** It also takes calls with the method MESSAGE. */
  readonly sockets?: boolean;
  invoke(request: HandlerRequest & StreamingRequest, context: HandlerContext): unknown;
}

export interface Run {
  readonly callId: string;
  readonly request: FunctionRequest;
  readonly session?: SessionAccess;
  readonly signal: AbortSignal;
}

const NONE: readonly never[] = [];

/** The parts that few handlers use are made when they are asked for: a stateless call must cost almost nothing. */
export class ExecutionContext implements HandlerContext {
  readonly #run: Run;
  readonly #place: Place;
  readonly #db: SessionEdgeDB | undefined;
  #logger: Logger | undefined;
  #telemetry: TelemetryEntry[] | undefined;
  #outbox: Outbox | undefined;
  readonly #readOnly: boolean;

  constructor(run: Run, place: Place, readOnly: boolean) {
    this.#run = run;
    this.#place = place;
    this.#readOnly = readOnly;
    this.#db = run.session && new SessionEdgeDB(run.session, readOnly);
  }

  get callId(): string {
    return this.#run.callId;
  }

  get signal(): AbortSignal {
    return this.#run.signal;
  }

  get env(): Readonly<Record<string, string>> {
    return this.#place.env;
  }

  get secrets(): Secrets {
    return this.#place.secrets ?? secretsIn(this.#place.env);
  }

  get edgeDB(): SessionEdgeDB {
    if (!this.#db) throw new TypeError('A stateless function has no session: extend Offloadable to have one');
    return this.#db;
  }

  get session(): SessionInfo {
    if (!this.#run.session) throw new TypeError('A stateless function has no session: extend Offloadable to have one');
    return this.#run.session.info;
  }

  get logger(): Logger {
    return this.#logger ??= loggerOf(this.#place, this.#run.callId);
  }

  telemetryLog(level: TelemetryEntry['level'], target: string, value: number): void {
    if (!Number.isFinite(value)) throw new TypeError(`telemetryLog takes a finite number, not ${value}`);
    const entries = this.#telemetry ??= [];
    if (entries.length >= MAX_TELEMETRY_PER_CALL) return;
    entries.push({ level, target: String(target), value, atMs: this.#place.now() });
  }

  propagate(value: unknown, levels: string, functionName: string): void {
    this.#effects().propagate(value, levels, functionName);
  }

  call(functionName: string, session: string, request: EffectRequest = {}): void {
    this.#effects().call(functionName, session, request);
  }

  #effects(): Outbox {
    if (this.#readOnly || !this.#run.session) throw new TypeError('Only a function that extends Offloadable can have effects on other sessions');
    return this.#outbox ??= new Outbox(this.#place.service, this.#run.callId, this.#run.request, this.#run.session.info);
  }

  /** The answer for what the handler returned. Throws what makes it unsendable. */
  answer(returned: unknown): WorkerAnswer {
    const response = toResponse(returned);
    if (response.stream !== undefined) this.#stream(response.stream as AnswerStream);
    const writes = this.#db ? this.#db.finish() : NONE as never[];
    // An answer made without data that could not be read must not be committed, even when the handler hid the error.
    if (this.#db?.failure !== undefined) throw this.#db.failure;
    const answer: WorkerAnswer = { response, writes, effects: this.#outbox?.rows ?? NONE as never[], telemetry: this.#telemetry ?? NONE as never[] };
    if (this.#db?.ttlMs !== undefined) answer.ttlMs = this.#db.ttlMs;
    return answer;
  }

  #stream(stream: AnswerStream): void {
    if (this.#run.session || this.#run.request.method === MESSAGE) {
      void stream.return().catch(() => undefined);
      throw new TypeError(this.#run.session ? 'A function with a session answers a whole body: what it answers is committed with what it wrote' : 'A message is answered whole');
    }
    stream.onFailure = (error) => this.#failure(error);
  }

  #failure(error: unknown): Fault {
    this.#place.log('error', this.callId, 'The function failed while it streamed its answer', { reason: describe(error) });
    return error instanceof Fault ? error : new Fault('HANDLER_FAILED', { call: this.callId }, { cause: error });
  }

  /** Ends the run without an answer; gives what reading the session failed with, if it did: that outweighs what the handler made of it. */
  abandon(): unknown {
    this.#db?.finish();
    return this.#db?.failure;
  }
}

function loggerOf(place: Place, callId: string): Logger {
  const at = (level: LogLevel) => (message: string, details?: Record<string, unknown>): void =>
    place.log(level, callId, String(message), details);
  return { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug') };
}

/**
 * Runs the handler. Throws or rejects with what reading the session failed with, with a fault of the EdgeDB as it is,
 * and with HANDLER_FAILED for anything else, whose stack goes to the log only.
 */
export function execute(target: Target, run: Run, place: Place): Promise<WorkerAnswer> | WorkerAnswer {
  const context = new ExecutionContext(run, place, target.kind === 'read-only');
  try {
    const request = target.streams === true && run.request.method !== MESSAGE ? new StreamingRequest(run.request) : new HandlerRequest(run.request);
    const returned = target.invoke(request as HandlerRequest & StreamingRequest, context);
    if (!isThenable(returned)) return context.answer(returned);
    return Promise.resolve(returned).then((value) => answerOf(context, value, place), (error: unknown) => fail(context, error, place));
  } catch (error) {
    return fail(context, error, place);
  }
}

function answerOf(context: ExecutionContext, returned: unknown, place: Place): WorkerAnswer {
  try {
    return context.answer(returned);
  } catch (error) {
    return fail(context, error, place);
  }
}

export function isThenable<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && typeof (value as Promise<T>).then === 'function';
}

function fail(context: ExecutionContext, thrown: unknown, place: Place): never {
  const unreadable = context.abandon();
  if (unreadable !== undefined) throw unreadable;
  if (thrown instanceof Fault) throw thrown;
  place.log('error', context.callId, 'The function failed', { reason: describe(thrown) });
  throw new Fault('HANDLER_FAILED', { call: context.callId }, { cause: thrown });
}

/** Stack or text of whatever was thrown; for the log only. */
export function describe(thrown: unknown): string {
  return thrown instanceof Error ? traceOf(thrown) : `thrown: ${textOf(thrown)}`;
}
