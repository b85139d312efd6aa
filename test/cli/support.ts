/** Runs the command line as a user does: a process of its own, in a folder of its own. */
import { expect } from 'chai';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { DomainRecord } from '../../cli/state.js';

const MAIN = resolve('dist/cli/main.js');

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Started {
  child: ChildProcess;
  lines: string[];
  line(pattern: RegExp): Promise<string>;
}

export class Shell {
  private readonly running = new Set<ChildProcess>();

  private constructor(readonly folder: string) {}

  static async open(): Promise<Shell> {
    return new Shell(await realpath(await mkdtemp(join(tmpdir(), 'cli-'))));
  }

  /** Ends what still runs, and removes the folder. */
  async close(): Promise<void> {
    await Promise.all([...this.running].map(async (child) => {
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await exit;
    }));
    await rm(this.folder, { recursive: true, force: true, maxRetries: 10 });
  }

  /** @param files their texts by their paths in the folder */
  async write(files: Record<string, string>): Promise<void> {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(this.folder, path)), { recursive: true });
      await writeFile(join(this.folder, path), text);
    }
  }

  /** Starts the domain of the folder on free ports. */
  up(...more: string[]): Promise<Started> {
    return this.start(/^ready in/, 'domain', 'up', '--base-port', '0', '--oracle-port', '0', ...more);
  }

  /** What the running domain tells about itself. */
  async record(): Promise<DomainRecord> {
    return JSON.parse(await readFile(join(this.folder, '.state/domain.json'), 'utf8')) as DomainRecord;
  }

  async password(): Promise<string> {
    return (await readFile((await this.record()).passwordFile, 'utf8')).trim();
  }

  /** What a command that has to succeed prints. */
  async done(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    expect(code, stderr).to.equal(0);
    return stdout;
  }

  async run(...args: string[]): Promise<Finished> {
    const child = this.spawn(args);
    const output = Promise.all([textOf(child.stdout!), textOf(child.stderr!)]);
    const [code] = await once(child, 'exit') as [number | null];
    const [stdout, stderr] = await output;
    return { code, stdout, stderr };
  }

  /** Starts a command that stays; resolves once a line matches, and rejects with its output when it ends before. */
  async start(until: RegExp, ...args: string[]): Promise<Started> {
    const child = this.spawn(args);
    const lines: string[] = [];
    const waiting = new Set<() => void>();
    const hear = (line: string) => {
      lines.push(line);
      for (const look of waiting) look();
    };
    createInterface(child.stdout!).on('line', hear);
    createInterface(child.stderr!).on('line', hear);
    const line = (pattern: RegExp) => new Promise<string>((found, failed) => {
      const look = () => {
        const match = lines.find((each) => pattern.test(each));
        if (match === undefined) return;
        waiting.delete(look);
        found(match);
      };
      waiting.add(look);
      child.once('close', () => failed(new Error(`it ended before it said ${pattern}:\n${lines.join('\n')}`)));
      look();
    });
    await line(until);
    return { child, lines, line };
  }

  private spawn(args: string[]): ChildProcess {
    const child = spawn(process.execPath, [MAIN, ...args], { cwd: this.folder, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ADMIN_PASSWORD: '' } });
    this.running.add(child);
    child.once('exit', () => this.running.delete(child));
    return child;
  }
}

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}
