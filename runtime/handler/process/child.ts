/**
 * What runs in a worker process or thread. It is started before anybody knows what for; a `load` dedicates it to
 * one function. It has no store, no secrets and no way to the node but the wire it was born with, and it
 * ends when that wire does.
 */
import { messageOf } from '../../base/thrown.js';
import { Fault } from '../../model/faults.js';
import { MAX_LOG_LINE_CHARS, STREAM_WINDOW_BYTES } from '../../model/limits.js';
import type { FunctionRequest, SessionAccess, WorkerAnswer } from '../../session/call.js';
import type { Stored } from '../edgedb.js';
import { describe, execute, isThenable, type Place, type Run, type Target } from '../execution.js';
import { importTarget } from '../recognise.js';
import { Channel } from './channel.js';
import { Inflow, Outflow } from './flow.js';
import {
  packAnswer, packBegun, TO_CHILD, TO_NODE, unpackCall, unpackFetched,
  type CallMessage, type Failed, type Fetch, type Fetched, type Line, type Load, type Loaded, type Refused,
} from './messages.js';
import { Numbered } from './numbered.js';
import type { Unpacker } from './packing.js';
import type { Wire } from './wire.js';

/** Stands for what reading the session failed with; the node has the original. */
class Unread extends Error {
  override readonly message = 'The session could not be read';
}

/** What reading the body of a request fails with when its client has gone. */
class BodyBroken extends Error {
  override readonly message = 'The body of the request ended before its end';
}

class ChildRun implements Run {
  readonly callId: string;
  readonly request: FunctionRequest;
  readonly session: SessionAccess | undefined;
  /** The request's body, when it comes in pieces. */
  readonly body: Inflow | undefined;
  /** The answer's, once it has begun. */
  stream: Outflow | undefined;
  #abort: AbortController | undefined;
  #questions: Map<number, (fetched: Fetched) => void> | undefined;
  #asked = 0;

  constructor(private readonly channel: Channel, readonly id: number, message: CallMessage) {
    this.callId = message.callId;
    if (message.isStreamed) {
      const grant = (bytes: number): void => this.channel.send(TO_NODE.grant, this.id, (packer) => packer.u32(bytes));
      this.body = new Inflow(false, grant, () => undefined);
    }
    this.request = message.request;
    if (this.body) this.request.stream = this.body;
    this.session = message.session && {
      ...message.session,
      fetch: async (key) => (await this.#ask({ key }) as { stored: Stored }).stored,
      fetchKeys: async () => (await this.#ask({}) as { keys: string[] }).keys,
    };
  }

  get signal(): AbortSignal {
    return (this.#abort ??= new AbortController()).signal;
  }

  abort(): void {
    (this.#abort ??= new AbortController()).abort();
    this.breakBody();
    this.stream?.stop();
  }

  breakBody(): void {
    this.body?.fail(new BodyBroken());
  }

  fetched(fetched: Fetched): void {
    const resolve = this.#questions?.get(fetched.question);
    this.#questions?.delete(fetched.question);
    resolve?.(fetched);
  }

  async #ask(asked: Omit<Fetch, 'question'>): Promise<Fetched> {
    const questions = this.#questions ??= new Map();
    this.#asked += 1;
    const question = this.#asked;
    const fetched = await new Promise<Fetched>((resolve) => {
      questions.set(question, resolve);
      this.channel.send(TO_NODE.fetch, this.id, (packer) => packer.json({ ...asked, question } satisfies Fetch));
    });
    if ('failed' in fetched) throw new Unread();
    return fetched;
  }
}

export class Child {
  readonly #channel: Channel;
  readonly #runs = new Numbered<ChildRun>();
  #target: Target | undefined;
  #place: Place;

  /** @param memory bytes that it takes now */
  constructor(wire: Wire, private readonly memory: () => number) {
    this.#channel = new Channel(wire, {
      frame: (type, id, payload) => this.#frame(type, id, payload),
      ended: () => process.exit(0),
    });
    this.#place = this.#placeWith('', {});
  }

  log(line: Line): void {
    const message = line.message.slice(0, MAX_LOG_LINE_CHARS);
    this.#channel.send(TO_NODE.log, 0, (packer) => packer.text(jsonOf({ ...line, message })));
  }

  watchOver(): void {
    process.on('uncaughtException', (error) => this.#crash(error));
    // What a handler left unawaited has failed: its call is over, and no other call is worse for it.
    process.on('unhandledRejection', (error) => this.log({
      level: 'error', message: 'A promise that nobody awaited was rejected', details: { reason: describe(error) },
    }));
  }

  /** Says what happened and ends: after an exception that nobody caught, nothing here can be trusted. */
  #crash(error: unknown): void {
    this.log({ level: 'error', message: 'An exception that nobody caught ended the worker', details: { reason: describe(error) } });
    this.#channel.flush();
    setTimeout(() => process.exit(1), CRASH_FLUSH_MS);
    this.#channel.close();
  }

  #frame(type: number, id: number, payload: Unpacker): void {
    switch (type) {
      case TO_CHILD.call: return this.#call(id, unpackCall(payload));
      case TO_CHILD.abort: return this.#runs.get(id)?.abort();
      case TO_CHILD.fetched: return this.#runs.get(id)?.fetched(unpackFetched(payload));
      case TO_CHILD.grant: return this.#runs.get(id)?.stream?.grant(payload.u32());
      case TO_CHILD.piece: return this.#runs.get(id)?.body?.push(payload.bytes());
      case TO_CHILD.ended: return this.#runs.get(id)?.body?.end();
      case TO_CHILD.broken: return this.#runs.get(id)?.breakBody();
      case TO_CHILD.ping: return this.#channel.send(TO_NODE.pong, id, (packer) => packer.u32(Math.ceil(this.memory() / 1024)));
      case TO_CHILD.load: return void this.#load(id, payload.json<Load>(), true);
      case TO_CHILD.inspect: return void this.#load(id, payload.json<Load>(), false);
    }
  }

  async #load(id: number, { service, path, env }: Load, keep: boolean): Promise<void> {
    Object.assign(process.env, env);
    try {
      const target = await importTarget(path, service);
      if (keep) {
        this.#target = target;
        this.#place = this.#placeWith(service, env);
      }
      this.#channel.send(TO_NODE.loaded, id, (packer) => packer.json({ kind: target.kind, streams: target.streams === true, sockets: target.sockets === true } satisfies Loaded));
    } catch (error) {
      const reason = messageOf(error);
      this.#channel.send(TO_NODE.refused, id, (packer) => packer.json({ reason, stack: describe(error) } satisfies Refused));
    }
    if (!keep) for (const name of Object.keys(env)) delete process.env[name];
  }

  #call(id: number, message: CallMessage): void {
    const run = new ChildRun(this.#channel, id, message);
    this.#runs.add(run);
    try {
      const answer = execute(this.#target!, run, this.#place);
      if (isThenable(answer)) answer.then((value) => this.#answer(id, value)).catch((error: unknown) => this.#fail(id, error));
      else this.#answer(id, answer);
    } catch (error) {
      this.#fail(id, error);
    }
  }

  #answer(id: number, answer: WorkerAnswer): void {
    if (answer.response.stream !== undefined) return this.#stream(id, answer, answer.response.stream);
    this.#channel.send(TO_NODE.answer, id, (packer) => packAnswer(packer, answer));
    this.#runs.delete(id);
  }

  #stream(id: number, answer: WorkerAnswer, stream: AsyncIterable<Buffer>): void {
    const run = this.#runs.get(id)!;
    this.#channel.send(TO_NODE.begun, id, (packer) => packBegun(packer, answer));
    run.stream = new Outflow(stream, STREAM_WINDOW_BYTES, {
      piece: (bytes) => this.#channel.send(TO_NODE.piece, id, (packer) => packer.bytes(bytes)),
      ended: () => {
        this.#runs.delete(id);
        this.#channel.send(TO_NODE.ended, id);
      },
      failed: (error) => this.#fail(id, error),
    });
    if (run.signal.aborted) run.stream.stop();
  }

  #fail(id: number, error: unknown): void {
    this.#runs.delete(id);
    const failed: Failed = error instanceof Fault ? { code: error.code, details: error.details } : { unread: true };
    this.#channel.send(TO_NODE.failed, id, (packer) => packer.json(failed));
  }

  #placeWith(service: string, env: Record<string, string>): Place {
    return {
      service,
      env: Object.freeze({ ...env }),
      now: () => Date.now(),
      log: (level, callId, message, details) => this.log({ level, callId, message, details }),
    };
  }
}

/** Details that JSON cannot express, or not in a line's length, are left out: a log line must not fail its call. */
function jsonOf(line: Line): string {
  try {
    const json = JSON.stringify(line);
    if (json.length <= 2 * MAX_LOG_LINE_CHARS) return json;
  } catch {
    // Said below.
  }
  return JSON.stringify({ ...line, details: { omitted: 'too long, or not JSON' } });
}

/** Time for the last words to get out. */
const CRASH_FLUSH_MS = 100;
