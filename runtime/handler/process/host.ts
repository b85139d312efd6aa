/** What a member of a team runs in, a process or a thread, as far as the team has to know. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { processorMsOf } from '../processor-time.js';
import { eachLine } from './lines.js';
import { SocketWire, type Wire } from './wire.js';

export interface HostEvents {
  /** Once: it has ended, or never began; nothing of it is left. */
  ended(reason: string): void;
  /** A line on its standard output (info) or error output (warn). */
  printed(level: 'info' | 'warn', message: string): void;
}

export interface Host {
  readonly wire: Wire;
  /** Missing for a thread. */
  readonly pid?: number;
  /** Ends it at once, whatever it does. May be called again. */
  kill(): void;
  /** It has just said what it takes. */
  heard?(): void;
  /**
   * Bytes it takes, seen from outside: one that is stalled cannot say it itself. 0 when that cannot be known.
   * @param known what it said last
   */
  weigh(known: number): Promise<number>;
  /** What it has taken of the processor, in ms; undefined when that cannot be known. */
  processorMs(): Promise<number | undefined>;
}

export type StartHost = (memoryLimitMb: number, events: HostEvents) => Host;

/** Nothing else of the node's environment reaches a function: it may hold secrets. */
const PASSED_ON = [
  'PATH', 'TZ', 'LANG', 'LC_ALL', 'TMPDIR', 'NODE_ENV', 'NODE_OPTIONS', 'NODE_PATH', 'NODE_EXTRA_CA_CERTS', 'NODE_NO_WARNINGS',
];
const PROGRAM = fileURLToPath(new URL('./program.js', import.meta.url));
const PAGE_BYTES = 4096;

/** What the system refuses a process is told as the end of one. */
const STILLBORN: Host = {
  wire: { open: (_, ended) => process.nextTick(ended), write: () => undefined, end: () => undefined },
  kill: () => undefined, weigh: async () => 0, processorMs: async () => undefined,
};

export function passedOn(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(PASSED_ON.flatMap((name) => environment[name] === undefined ? [] : [[name, environment[name]!]]));
}

export const startProcess: StartHost = (memoryLimitMb, events) => {
  const child = begun(memoryLimitMb, (error) => events.ended(error.message));
  if (child === undefined) return STILLBORN;
  child.once('exit', (code, signal) => events.ended(signal ? `its process ended by ${signal}` : `its process ended with code ${code}`));
  eachLine(child.stdout!, (message) => events.printed('info', message));
  eachLine(child.stderr!, (message) => events.printed('warn', message));
  return {
    wire: new SocketWire(child.stdio[3] as Duplex),
    pid: child.pid,
    kill: () => { child.kill('SIGKILL'); },
    async weigh() {
      const pages = await readFile(`/proc/${child.pid}/statm`, 'utf8').then((text) => Number(text.split(' ')[1]), () => 0);
      return pages * PAGE_BYTES;
    },
    processorMs: async () => child.pid === undefined ? undefined : processorMsOf(child.pid),
  };
};

/** Undefined when it has no pipes, as without a descriptor left; `failed` comes later, if at all. */
function begun(memoryLimitMb: number, failed: (error: Error) => void): ChildProcess | undefined {
  try {
    const child = spawn(process.execPath, [`--max-old-space-size=${memoryLimitMb}`, '--enable-source-maps', PROGRAM], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'], env: passedOn(process.env), detached: true,
    });
    child.once('error', failed);
    return child.stdout ? child : undefined;
  } catch (error) {
    process.nextTick(failed, error as Error);
    return undefined;
  }
}
