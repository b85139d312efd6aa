/** One supervised process: started in a group of its own, watched, restarted when it crashes, stopped with its group. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * A young generation of 4 MB instead of 16: no measurable cost per request, and 30 MB less for a process that has
 * loaded its code and then waits (measured: 82 MB instead of 120).
 */
export const NODE_FLAGS = ['--max-semi-space-size=4'];

export interface ChildOptions {
  /** `node milan`, `the oracle`. */
  title: string;
  script: string;
  configFile: string;
  /** Says what happened to it, for people. */
  say(line: string): void;
}

/** What the process said when it was ready. */
export interface ReadyEvent {
  aliasUrl?: string;
  event: 'ready';
  url: string;
  store?: { kind: string; url: string; why: string };
  /** Of the oracle: where its mirror is, or why there is none. */
  mirror?: string;
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
/** A process that ran so long is taken as sound: the next crash is followed by the shortest pause again. */
const SOUND_AFTER_MS = 30_000;
const TAIL_LINES = 5;

export class Child {
  private process: ChildProcess | undefined;
  private pauseMs = FIRST_PAUSE_MS;
  private timer: NodeJS.Timeout | undefined;
  private isStopping = false;

  constructor(private readonly options: ChildOptions) {}

  get title(): string {
    return this.options.title;
  }

  get pid(): number | undefined {
    return this.process?.pid;
  }

  /** Resolves when the present process has ended, at once when there is none. */
  get ended(): Promise<unknown> {
    const child = this.process;
    return !child || hasExited(child) ? Promise.resolve() : once(child, 'exit');
  }

  /** Resolves once it is ready; rejects with its own reason when it fails. From then on crashes are followed by restarts. */
  async start(): Promise<ReadyEvent> {
    const ready = await this.launch();
    this.watch(this.process!, performance.now());
    return ready;
  }

  /** Asks it to end, and ends its whole group when it takes longer. Resolves once it has ended. */
  async stop(patienceMs: number): Promise<void> {
    this.isStopping = true;
    clearTimeout(this.timer);
    const child = this.process;
    if (!child || hasExited(child)) return this.killGroup();
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(() => this.kill(), patienceMs);
    await exit;
    clearTimeout(timer);
    // Workers that outlived it.
    this.killGroup();
  }

  /** Tells it that it will be stopped soon. */
  prepare(): void {
    if (this.process?.connected) this.process.send({ event: 'prepare' }, () => undefined);
  }

  /** At once, with everything in its group. */
  kill(): void {
    this.isStopping = true;
    clearTimeout(this.timer);
    this.killGroup();
  }

  private killGroup(): void {
    const pid = this.process?.pid;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // The group has ended.
    }
  }

  private async launch(): Promise<ReadyEvent> {
    const { script, configFile } = this.options;
    const output = await open(this.outputFile, 'a', 0o600);
    try {
      // Whoever has stopped it meanwhile looks for no process any more.
      if (this.isStopping) throw new Error('it is being stopped');
      // In a group of its own: Ctrl-C in the terminal reaches the supervisor alone, which stops everything in order.
      const child = spawn(process.execPath, [...NODE_FLAGS, script, '--config', configFile], {
        detached: true, stdio: ['ignore', output.fd, output.fd, 'ipc'],
      });
      this.process = child;
      return await this.readiness(child);
    } finally {
      await output.close();
    }
  }

  private readiness(child: ChildProcess): Promise<ReadyEvent> {
    return new Promise((resolve, reject) => {
      child.on('message', (message: ReadyEvent | { event: 'failed'; reason: string }) => {
        if (message.event === 'ready') resolve(message);
        if (message.event === 'failed') reject(new Error(message.reason));
      });
      child.once('error', reject);
      child.once('exit', (code, cause) => {
        // A message that was sent just before is still on its way when the exit is seen.
        setImmediate(() => void this.tail().then((tail) => reject(new Error(`it ended at its start (${cause ?? `exit code ${code}`})${tail}`))));
      });
    });
  }

  private watch(child: ChildProcess, startedMs: number): void {
    if (hasExited(child)) return this.crashed(child, startedMs);
    child.once('exit', () => this.crashed(child, startedMs));
  }

  private crashed(child: ChildProcess, startedMs: number): void {
    if (this.isStopping) return;
    this.killGroup();
    if (performance.now() - startedMs > SOUND_AFTER_MS) this.pauseMs = FIRST_PAUSE_MS;
    const cause = child.signalCode ?? `exit code ${child.exitCode}`;
    this.options.say(`${this.title} ended by itself (${cause}); starting it again in ${this.pauseMs} ms. Its log: ${dirname(this.outputFile)}`);
    this.restartLater();
  }

  private restartLater(): void {
    this.timer = setTimeout(() => void this.restart(), this.pauseMs);
    this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS);
  }

  private async restart(): Promise<void> {
    const startedMs = performance.now();
    try {
      await this.launch();
      this.options.say(`${this.title} is back`);
      this.watch(this.process!, startedMs);
    } catch (error) {
      if (this.isStopping) return;
      this.killGroup();
      this.options.say(`${this.title} did not start: ${(error as Error).message}; trying again in ${this.pauseMs} ms`);
      this.restartLater();
    }
  }

  private get outputFile(): string {
    return join(dirname(this.options.configFile), 'output.log');
  }

  private async tail(): Promise<string> {
    const text = await readFile(this.outputFile, 'utf8').catch(() => '');
    const lines = text.trim().split('\n').filter((line) => line !== '').slice(-TAIL_LINES);
    return lines.length > 0 ? `:\n  ${lines.join('\n  ')}` : '';
  }
}

function hasExited(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
