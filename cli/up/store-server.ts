/** One search for a store server before any node starts; it may have to download packages, and says so. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FoundServer } from '../../runtime/model/config.js';
import { FIND_SERVER_MS } from '../../runtime/model/limits.js';
import { CliFailure } from '../failure.js';

const SCRIPT = fileURLToPath(new URL('../../runtime/store/server/main.js', import.meta.url));
/** The search keeps its own time; this is for one that hangs. */
const MARGIN_MS = 5_000;

export interface StoreSearch {
  /** The stores that the nodes were told to use. */
  stores: string[];
  say(line: string): void;
  signal: AbortSignal;
  /** Tests search elsewhere. */
  script?: string;
}

/** Undefined when no node wants a server. Throws when a node must have one and there is none. */
export async function findStoreServer({ stores, say, signal, script = SCRIPT }: StoreSearch): Promise<FoundServer | undefined> {
  if (!stores.some((store) => store === 'auto' || store === 'redis')) return undefined;
  const found = await search(script, signal, () => say(`no store server is installed; fetching one from the system's packages (at most ${FIND_SERVER_MS / 1000} s, only this once)`));
  if (found.found || signal.aborted) return found;
  if (stores.includes('redis')) throw new CliFailure(`store: redis cannot be had. ${found.reason}`);
  say(`stores are embedded. ${found.reason}`);
  // Said once; each node repeats only this much.
  return { found: false, reason: 'no store server can be had' };
}

function search(script: string, signal: AbortSignal, onFetch: () => void): Promise<FoundServer> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [script], { timeout: FIND_SERVER_MS + MARGIN_MS, signal }, (error, stdout) => {
      if (error) resolve({ found: false, reason: `the search for a store server failed: ${error.message.split('\n')[0]}` });
      else resolve(JSON.parse(stdout.trim().split('\n').at(-1)!) as FoundServer);
    });
    child.stdout!.on('data', (text: string) => /^fetching$/m.test(text) && onFetch());
  });
}
