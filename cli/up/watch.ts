/**
 * Hot reload: whoever saves a file of a function has that function, and no other, running anew a moment later.
 * Its sessions are in the stores of the nodes, so they go on where they were.
 */
import { type FSWatcher, readdirSync, watch } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import type { Bundle } from '../../runtime/base/bundle.js';
import type { StackFunction } from './stack.js';

export interface WatchOptions {
  functions: StackFunction[];
  /** What runs now, in the same order. */
  bundles: Bundle[];
  bundle(given: StackFunction): Promise<Bundle>;
  /** Resolves once it runs everywhere. */
  deploy(given: StackFunction, bundle: Bundle): Promise<void>;
  say(line: string): void;
}

/** An editor writes a file in several steps. */
const SETTLE_MS = 50;

export function watchFunctions({ functions, bundles, ...options }: WatchOptions): { close(): void } {
  const watched = functions.map((given, index) => new WatchedFunction(given, bundles[index]!, options));
  return { close: () => watched.forEach((one) => one.close()) };
}

class WatchedFunction {
  readonly #watchers = new Map<string, FSWatcher>();
  #timer: NodeJS.Timeout | undefined;
  /** Its changes are taken over one after the other. */
  #turn: Promise<void> = Promise.resolve();
  #running: string;
  #isComplete = true;

  constructor(private readonly given: StackFunction, bundle: Bundle, private readonly options: Omit<WatchOptions, 'functions' | 'bundles'>) {
    this.#running = bundle.sha256;
    // The folder itself may be taken away and put back, as a change of branches does.
    this.#watch(`${dirname(given.folder)}${sep}`, (file) => file === basename(given.folder));
    this.#lookBelow(given.folder);
    this.#alsoLook(bundle);
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
  }

  /** Code of its own that it imports from elsewhere. */
  #alsoLook({ inputs }: Bundle): void {
    for (const folder of new Set(inputs.filter((file) => !file.includes(`${sep}node_modules${sep}`)).map((file) => dirname(file)))) {
      if (!isBelow(this.given.folder, folder)) this.#look(folder);
    }
  }

  /** Each folder by itself: watching files loses those that are put in another's place. */
  #lookBelow(folder: string): void {
    this.#look(folder);
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory() && isCode(entry.name)) this.#lookBelow(join(folder, entry.name));
    }
  }

  #look(folder: string): void {
    this.#watch(folder, (file) => {
      // So the end of the folder itself is told; another one of that name is not watched yet.
      if (file === basename(folder)) this.#forget(folder);
      return isCode(file);
    });
  }

  /** @param key the folder, once for each way to look at it */
  #watch(key: string, isWanted: (file: string) => boolean): void {
    if (this.#watchers.has(key)) return;
    const watcher = this.#watcherOf(key, (file) => {
      if (file === null || isWanted(file)) this.#changed();
    });
    watcher?.on('error', () => this.#forget(key));
    if (watcher) this.#watchers.set(key, watcher);
  }

  /** Undefined when the system has no watch left: the function then runs on, and what is saved there is not noticed. */
  #watcherOf(folder: string, changed: (file: string | null) => void): FSWatcher | undefined {
    try {
      return watch(folder, (_, file) => changed(file));
    } catch (error) {
      if (!['ENOSPC', 'EMFILE'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
      if (this.#isComplete) this.options.say(`function ${this.given.name} is not watched whole: ${(error as Error).message}`);
      this.#isComplete = false;
      return undefined;
    }
  }

  #forget(key: string): void {
    this.#watchers.get(key)?.close();
    this.#watchers.delete(key);
  }

  #changed(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => { this.#turn = this.#turn.then(() => this.#reload()); }, SETTLE_MS);
  }

  /** Code that is wrong changes nothing: what runs, runs on. */
  async #reload(): Promise<void> {
    const { bundle, deploy, say } = this.options;
    const { name, folder } = this.given;
    try {
      this.#lookBelow(folder);
      const fresh = await bundle(this.given);
      this.#alsoLook(fresh);
      if (fresh.sha256 === this.#running) return;
      await deploy(this.given, fresh);
      this.#running = fresh.sha256;
      say(`function ${name} runs anew`);
    } catch (error) {
      say(`function ${name} runs on as it was: ${(error as Error).message}`);
    }
  }
}

/** Neither installed packages nor what editors leave about. */
function isCode(file: string): boolean {
  const parts = file.split(sep);
  return !parts.includes('node_modules') && !parts.some((part) => part.startsWith('.') || part.endsWith('~')) && !/\.test\.[cm]?[jt]s$/.test(file);
}

function isBelow(folder: string, other: string): boolean {
  const path = relative(folder, other);
  return path === '' || !path.startsWith('..');
}
