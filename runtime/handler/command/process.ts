/** One run of a command: a process in a group of its own, fed from a stream, its output collected up to a limit. */
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { leave } from '../http-body.js';
import { eachLine } from '../process/lines.js';
import { processorMsNow, processorMsOf } from '../processor-time.js';

export interface Started {
  /** Ends the process and everything that it has started in its group. May be called again. */
  kill(): void;
  /** What it has taken of the processor until now; undefined when that cannot be known. */
  processorMs(): Promise<number | undefined>;
  /** Resolves when it has ended and its output is complete; rejects when it did not start, or printed too much. */
  ended: Promise<Outcome>;
}

export interface Outcome {
  /** As the watchdog words it: `exit status 1`, `signal: killed`; undefined after success. */
  failure: string | undefined;
  /** Standard output, and standard error where that is combined with it. */
  output: Buffer;
  /** What it has taken of the processor; missing where nobody asked, or it ended too soon to be seen. */
  processorMs?: number;
}

export interface RunOptions {
  command: readonly string[];
  env: Record<string, string>;
  input: AsyncIterable<Buffer>;
  /** Of both outputs together. */
  maxBytes: number;
  /** Takes standard error line by line; missing: it is part of the output. */
  onError?: (line: string) => void;
  /** Told of what is held in memory for it, in bytes: more, and at its end all of it less. False: there is no room left. */
  holds?(bytes: number): boolean;
  /** Its time on the processor is asked for. */
  isMeasured?: boolean;
  /** The id of its group is told. */
  born?(group: number): void;
  died?(group: number): void;
}

export class OutputTooLarge extends Error {}

/** Throws where the system refuses it at once, such as for an environment that is too large; `input` is let go of whatever happens. */
export function startCommand({ command, env, input, maxBytes, onError, holds, isMeasured, born, died }: RunOptions): Started {
  const [program = '', ...rest] = command;
  const child = orLeave(input, () => spawn(program, rest, { env, stdio: ['pipe', 'pipe', 'pipe'], detached: true }));
  const { pid } = child;
  const chunks: Buffer[] = [];
  let printed = 0;
  let held = 0;
  let tooLarge = false;
  let isEnding = false;
  // Whoever has left the group may hold the pipes for ever.
  const letGo = () => {
    child.stdout?.destroy();
    child.stderr?.destroy();
  };
  const kill = () => {
    isEnding = true;
    endGroup(pid);
    if (child.exitCode !== null || child.signalCode !== null) letGo();
  };
  const count = ({ length }: { length: number }): boolean => {
    printed += length;
    tooLarge ||= printed > maxBytes;
    if (tooLarge) kill();
    return !tooLarge;
  };
  const take = (chunk: Buffer): void => {
    if (!count(chunk)) return;
    held += chunk.length;
    chunks.push(chunk);
    if (holds?.(chunk.length) !== false) return;
    tooLarge = true;
    kill();
  };
  const body = new Body(input);
  let processorMs: number | undefined;
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.on('error', (error) => {
      leave(input);
      reject(error);
    });
    // Without a descriptor left there are no pipes; that it could not be started comes as an error.
    if (pid === undefined || !child.stdout) return;
    born?.(pid);
    child.stdout.on('data', take);
    if (onError === undefined) child.stderr!.on('data', take);
    else {
      child.stderr!.on('data', count);
      eachLine(child.stderr!, onError);
    }
    // Its output ends when it does; for that moment the kernel still knows what it has taken.
    if (isMeasured) child.stdout.once('end', () => { processorMs = processorMsNow(pid); });
    child.once('exit', () => { if (isEnding) letGo(); });
    child.once('close', (code, signal) => {
      died?.(pid);
      // What it has left running in its group goes with it.
      endGroup(pid);
      leave(input);
      if (body.broken !== undefined) reject(body.broken as Error);
      else if (tooLarge) reject(new OutputTooLarge());
      else resolve({ failure: failureOf(code, signal), output: Buffer.concat(chunks), ...(processorMs !== undefined && { processorMs }) });
      holds?.(-held);
    });
    // A command need not read what it is given; but a body that breaks off is no body.
    pipeline(body, child.stdin!).catch(() => {
      if (body.broken !== undefined) kill();
    });
  });
  return { kill, ended, processorMs: async () => pid === undefined ? undefined : processorMsOf(pid) };
}

function orLeave<T>(input: AsyncIterable<Buffer>, start: () => T): T {
  try {
    return start();
  } catch (error) {
    leave(input);
    throw error;
  }
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

function endGroup(pid: number | undefined): void {
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
