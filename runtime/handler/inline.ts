/** Runs a function in the node's own thread: for trusted code, at the cost of a call. */
import type { Clock } from '../base/clock.js';
import { messageOf } from '../base/thrown.js';
import { Fault } from '../model/faults.js';
import type { FunctionKind, FunctionRequest, SessionAccess, Worker, WorkerAnswer, WorkerCall } from '../session/call.js';
import { describe, execute, isThenable, type Place, type Run, type Target } from './execution.js';
import type { FunctionLog } from './log.js';
import { importTarget } from './recognise.js';
import { Watch } from './watch.js';

export interface InlineOptions {
  service: string;
  /** File of the bundle; it has to end in .mjs. */
  bundlePath: string;
  env: Record<string, string>;
  clock: Clock;
  log: FunctionLog;
}

/** Rejects with DEPLOY_FAILED when the module cannot be imported or exports no handler. */
export async function loadInline(options: InlineOptions): Promise<Worker> {
  const { service, clock, log } = options;
  const place: Place = {
    service,
    env: Object.freeze({ ...options.env }),
    now: () => clock.now(),
    log: (level, callId, message, details) => log({ level, function: service, callId, message, details }),
  };
  return new InlineWorker(await loadTarget(options), place, new Watch(clock));
}

async function loadTarget({ service, bundlePath, log }: InlineOptions): Promise<Target> {
  try {
    return await importTarget(bundlePath, service);
  } catch (error) {
    log({ level: 'error', function: service, message: 'The function could not be loaded', details: { reason: describe(error) } });
    const reason = messageOf(error);
    throw new Fault('DEPLOY_FAILED', { function: service, reason }, { cause: error });
  }
}

class InlineWorker implements Worker {
  readonly kind: FunctionKind;
  readonly streams: boolean;
  readonly sockets: boolean;

  constructor(private readonly target: Target, private readonly place: Place, private readonly watch: Watch) {
    this.kind = target.kind;
    this.streams = target.streams === true;
    this.sockets = target.sockets === true;
  }

  async run(call: WorkerCall): Promise<WorkerAnswer> {
    return this.runNow(call);
  }

  runNow(call: WorkerCall): Promise<WorkerAnswer> | WorkerAnswer {
    const run = new InlineRun(call);
    const answer = execute(this.target, run, this.place);
    if (isThenable(answer)) return this.watch.over(answer, call, () => run.stop());
    return answer.response.stream === undefined ? answer : this.watch.stream(answer, call, () => run.stop());
  }

  async close(): Promise<void> {}
}

/** Makes a signal of its own only when the handler asks for one: the call's ends with the client, this one also with the time. */
class InlineRun implements Run {
  #own: AbortController | undefined;
  #signal: AbortSignal | undefined;

  constructor(private readonly call: WorkerCall) {}

  get callId(): string {
    return this.call.callId;
  }

  get request(): FunctionRequest {
    return this.call.request;
  }

  get session(): SessionAccess | undefined {
    return this.call.session;
  }

  get signal(): AbortSignal {
    this.#own ??= new AbortController();
    return this.#signal ??= AbortSignal.any([this.call.signal, this.#own.signal]);
  }

  stop(): void {
    (this.#own ??= new AbortController()).abort();
  }
}
