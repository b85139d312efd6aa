/**
 * Runs a function as one process a request, as OpenFaaS's classic watchdog does: body on standard input, the rest in the
 * environment, the answer on standard output, 500 for an exit code that is not 0.
 */
import type { Clock } from '../../base/clock.js';
import { Fault } from '../../model/faults.js';
import { MAX_COMMAND_OUTPUT_BYTES, MAX_COMMANDS, MAX_COMMANDS_HELD_BYTES, MAX_COMMANDS_PER_REPLICA, MAX_STATELESS_BODY_BYTES } from '../../model/limits.js';
import type { FunctionResponse, Replicas, Worker, WorkerAnswer, WorkerCall } from '../../session/call.js';
import { leave } from '../http-body.js';
import type { FunctionLog } from '../log.js';
import { Meter } from '../meter.js';
import { passedOn } from '../process/host.js';
import { createReaper, type Reaper } from '../process/reaper.js';
import { Watch } from '../watch.js';
import { cgiResponse } from './cgi.js';
import type { CommandImage } from './images.js';
import { once, OutputTooLarge, startCommand, type Started, whole } from './process.js';
import { marshalled, requestVariables } from './request.js';
import { type CommandSettings, settingsOf } from './settings.js';

/** What all commands of a node share. */
export class CommandHouse {
  running = 0;
  /** What they have printed and nobody has taken yet. */
  heldBytes = 0;
  #reaper: Reaper | undefined;

  constructor(readonly most = MAX_COMMANDS, readonly maxOutputBytes = MAX_COMMAND_OUTPUT_BYTES, readonly maxHeldBytes = MAX_COMMANDS_HELD_BYTES) {}

  /** @param bytes more, or less; false when there is no room for them */
  holds(bytes: number): boolean {
    this.heldBytes += bytes;
    return this.heldBytes <= this.maxHeldBytes;
  }

  /** Ends what is left should the node die. */
  get reaper(): Reaper {
    return this.#reaper ??= createReaper();
  }

  close(): void {
    this.#reaper?.close();
  }
}

export interface CommandOptions {
  service: string;
  image: CommandImage;
  env: Record<string, string>;
  house: CommandHouse;
  clock: Clock;
  log: FunctionLog;
  /** The time that its processes take is asked for; looking costs each of them a moment. */
  isMeasured?: boolean;
  closed?(): void;
}

const METHODS = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);
const NOTHING = Buffer.alloc(0);

export class CommandWorker implements Worker {
  readonly kind = 'stateless';
  readonly streams = true;
  readonly #settings: CommandSettings;
  readonly #watch: Watch;
  readonly #runs = new Set<Started>();
  readonly #meter = new Meter((run: Started) => run.processorMs(), true);
  #replicas = 1;
  #inHand = 0;
  #closed = false;

  constructor(private readonly options: CommandOptions) {
    this.#settings = settingsOf(options.env);
    this.#watch = new Watch(options.clock);
  }

  /** A replica is room for processes; there is nothing to start. */
  get replicas(): Replicas {
    return { wanted: this.#replicas, available: this.#replicas };
  }

  async scale(replicas: number): Promise<void> {
    this.#replicas = replicas;
  }

  async processorMs(): Promise<number | undefined> {
    return this.options.isMeasured ? this.#meter.read(this.#runs) : undefined;
  }

  run(call: WorkerCall): Promise<WorkerAnswer> {
    const { stream } = call.request;
    try {
      if (!METHODS.has(call.request.method)) return Promise.resolve(answerOf({ status: 405, headers: {}, body: NOTHING }));
      this.#admit();
    } catch (error) {
      return Promise.reject(error as Error);
    }
    let run: Started | undefined;
    let stopped = false;
    const { house } = this.options;
    house.running += 1;
    this.#inHand += 1;
    const started = (one: Started): void => {
      run = one;
      this.#runs.add(one);
      if (stopped) one.kill();
    };
    const answer = this.#run(call, started).finally(() => {
      house.running -= 1;
      this.#inHand -= 1;
      if (run) this.#runs.delete(run);
    });
    return this.#watch.over(answer, call, () => {
      stopped = true;
      this.#say('warn', call, `Killing process: ${this.options.image.command.join(' ')}`);
      run?.kill();
      if (stream !== undefined) leave(stream);
    });
  }

  /** Ends what still runs. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const run of this.#runs) run.kill();
    this.options.closed?.();
  }

  #admit(): void {
    const { service, house } = this.options;
    const { maxInflight } = this.#settings;
    if (this.#closed) throw new Fault('WORKER_LOST', { function: service });
    const replicas = Math.max(1, this.#replicas);
    if (maxInflight > 0 && this.#inHand >= maxInflight * replicas) throw new Fault('TOO_MANY_CALLS', { function: service, limit: maxInflight * replicas });
    const most = Math.min(house.most, maxInflight > 0 ? maxInflight * replicas : MAX_COMMANDS_PER_REPLICA * replicas);
    if (house.running >= house.most || this.#inHand >= most) throw new Fault('OVERLOADED', { function: service, limit: most });
  }

  async #run(call: WorkerCall, started: (run: Started) => void): Promise<WorkerAnswer> {
    const { clock, image, house, isMeasured = false } = this.options;
    const { combineOutput } = this.#settings;
    const startedMs = clock.now();
    const input = await this.#inputOf(call);
    this.#say('info', call, 'Forking fprocess.');
    const run = this.#orFailed(call, () => startCommand({
      command: image.command, env: this.#environmentOf(call), input, maxBytes: house.maxOutputBytes, holds: (bytes) => house.holds(bytes), isMeasured,
      ...(!combineOutput && { onError: (line: string) => this.#say('warn', call, `stderr: ${line}`) }),
      // What is left of a group goes with the node, too.
      born: (pid) => house.reaper.born(-pid), died: (pid) => house.reaper.died(-pid),
    }));
    started(run);
    const { failure, output, processorMs } = await run.ended.catch((error: unknown) => {
      throw this.#failureOf(error, call);
    });
    if (processorMs !== undefined) this.#meter.note(run, processorMs);
    const seconds = (clock.now() - startedMs) / 1000;
    return answerOf(this.#responseOf(call, failure, output, seconds));
  }

  #orFailed(call: WorkerCall, start: () => Started): Started {
    try {
      return start();
    } catch (error) {
      throw this.#failureOf(error, call);
    }
  }

  #responseOf(call: WorkerCall, failure: string | undefined, output: Buffer, seconds: number): FunctionResponse {
    const { writeDebug, contentType } = this.#settings;
    if (writeDebug) for (const line of linesOf(output)) this.#say('info', call, line);
    if (failure !== undefined) {
      this.#say('error', call, `Success=false, Error=${failure}`);
      return { status: 500, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: Buffer.concat([Buffer.from(`${failure}\n`), output]) };
    }
    this.#say('info', call, `${writeDebug ? '' : `Wrote ${output.length} Bytes - `}Duration: ${seconds.toFixed(6)}s`);
    const own = { 'x-duration-seconds': seconds.toFixed(6) };
    if (this.options.image.output === 'cgi') return this.#cgi(call, output, own);
    const asked = call.request.headers['content-type'];
    const type = contentType ?? (typeof asked === 'string' ? asked : undefined);
    return { status: 200, headers: { ...own, ...(type !== undefined && { 'content-type': type }) }, body: output };
  }

  #cgi(call: WorkerCall, output: Buffer, own: Record<string, string>): FunctionResponse {
    try {
      const answer = cgiResponse(output);
      return { ...answer, headers: { ...answer.headers, ...own } };
    } catch (error) {
      this.#say('error', call, (error as Error).message);
      throw new Fault('HANDLER_FAILED', { call: call.callId }, { cause: error });
    }
  }

  async #inputOf({ request }: WorkerCall): Promise<AsyncIterable<Buffer>> {
    const { stream, body } = request;
    if (!this.#settings.marshalRequest) return stream ?? once(body);
    return once(marshalled(request, stream === undefined ? body : await whole(limited(stream))));
  }

  #environmentOf({ request }: WorkerCall): Record<string, string> {
    const { NODE_OPTIONS: _, ...machine } = passedOn(process.env);
    return { ...machine, ...this.options.env, ...(this.#settings.cgiHeaders && requestVariables(request)) };
  }

  #failureOf(error: unknown, call: WorkerCall): Fault {
    if (error instanceof Fault) return error;
    const reason = error instanceof OutputTooLarge
      ? `It printed more than ${this.options.house.maxOutputBytes} bytes, or all commands together more than ${this.options.house.maxHeldBytes}`
      : `It could not be run: ${(error as Error).message}`;
    this.#say('error', call, reason);
    return new Fault('HANDLER_FAILED', { call: call.callId }, { cause: error });
  }

  #say(level: 'info' | 'warn' | 'error', { callId }: WorkerCall, message: string): void {
    this.options.log({ level, function: this.options.service, callId, message });
  }
}

function answerOf(response: FunctionResponse): WorkerAnswer {
  return { response, writes: [], effects: [], telemetry: [] };
}

async function* limited(stream: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > MAX_STATELESS_BODY_BYTES) throw new Fault('BODY_TOO_LARGE', { limit: MAX_STATELESS_BODY_BYTES });
    yield chunk;
  }
}

function linesOf(output: Buffer): string[] {
  return output.toString('utf8').split('\n').filter((line) => line !== '');
}
