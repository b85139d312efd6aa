/** One run of a command: a process in a group of its own, fed from a stream, its output collected up to a limit. */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { leave } from '../http-body.js';

export interface Started {
  /** Ends the process and everything that it has started. May be called again. */
  kill(): void;
  /** Resolves when it has ended and its output is complete; rejects when it could not be started, or printed too much. */
  ended: Promise<Outcome>;
}

export interface Outcome {
  /** As the watchdog words it: `exit status 1`, `signal: killed`; undefined after success. */
  failure: string | undefined;
  /** Standard output, and standard error where that is combined with it. */
  output: Buffer;
}

export interface RunOptions {
  command: readonly string[];
  env: Record<string, string>;
  input: AsyncIterable<Buffer>;
  maxBytes: number;
  /** Takes standard error; missing: it is part of the output. */
  onError?: (chunk: Buffer) => void;
  born?(pid: number): void;
  died?(pid: number): void;
}

export class OutputTooLarge extends Error {}

export function startCommand({ command, env, input, maxBytes, onError, born, died }: RunOptions): Started {
  const [program = '', ...rest] = command;
  const child = spawn(program, rest, { env, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  const { pid } = child;
  if (pid !== undefined) born?.(pid);
  const kill = () => killGroup(child);
  const chunks: Buffer[] = [];
  let size = 0;
  let tooLarge = false;
  const take = (chunk: Buffer): void => {
    size += chunk.length;
    tooLarge ||= size > maxBytes;
    if (tooLarge) kill();
    else chunks.push(chunk);
  };
  child.stdout!.on('data', take);
  child.stderr!.on('data', onError ?? take);
  const body = new Body(input);
  // A command need not read what it is given; but a body that breaks off is no body.
  pipeline(body, child.stdin!).catch(() => {
    if (body.broken !== undefined) kill();
  });
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (pid !== undefined) died?.(pid);
      // What it has left running in its group goes with it.
      kill();
      leave(input);
      if (body.broken !== undefined) reject(body.broken as Error);
      else if (tooLarge) reject(new OutputTooLarge());
      else resolve({ failure: failureOf(code, signal), output: Buffer.concat(chunks) });
    });
  });
  return { kill, ended };
}

/** Notes what its source failed with. */
class Body implements AsyncIterable<Buffer> {
  broken: unknown;

  constructor(private readonly source: AsyncIterable<Buffer>) {}

  async* [Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    try {
      yield* this.source;
    } catch (error) {
      this.broken = error;
      throw error;
    }
  }
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group has ended.
  }
}

function failureOf(code: number | null, signal: NodeJS.Signals | null): string | undefined {
  if (signal !== null) return signal === 'SIGKILL' ? 'signal: killed' : `signal: ${signal.toLowerCase()}`;
  return code === 0 ? undefined : `exit status ${code}`;
}

/** Whole bodies as the stream that the others are. */
export async function* once(body: Buffer): AsyncIterable<Buffer> {
  if (body.length > 0) yield body;
}

export async function whole(stream: AsyncIterable<Buffer> | Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
