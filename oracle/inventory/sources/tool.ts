/** Runs the command line tool of a database, which writes into a file; it gets its orders on its standard input, where nobody else sees them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FetchLimits } from './fetch-source.js';
import { SourceProblem } from './problem.js';

export interface ToolCall {
  /** Name of the program, found by PATH. */
  tool: string;
  words: string[];
  input: string;
  /** Beside what the process has. */
  env?: Record<string, string>;
  /** Where its standard output goes. */
  file: string;
  limits: FetchLimits;
}

/** Returns the bytes it wrote. Rejects with SourceProblem: without the program, when it fails, and beyond the limits. */
export async function runTool({ tool, words, input, env, file, limits }: ToolCall): Promise<number> {
  const child = spawn(tool, words, { stdio: ['pipe', 'pipe', 'ignore'], env: { ...process.env, ...env }, timeout: limits.ms, killSignal: 'SIGKILL' });
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  // Both are awaited below; until then neither is an unhandled rejection.
  ended.catch(() => undefined);
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  let bytes = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      done(bytes > limits.bytes ? new SourceProblem(`it has more than ${limits.bytes} bytes`) : null, chunk);
    },
  });
  try {
    await pipeline(child.stdout, counted, createWriteStream(file, { mode: 0o600 }));
    const [code, signal] = await ended;
    if (signal) throw new SourceProblem(`it took longer than ${limits.ms} ms`);
    if (code !== 0) throw new SourceProblem(`${tool} could not read it`);
    return bytes;
  } catch (error) {
    child.kill('SIGKILL');
    if (error instanceof SourceProblem) throw error;
    throw new SourceProblem(`${tool} could not be run (${(error as NodeJS.ErrnoException).code ?? 'it failed'})`);
  }
}
