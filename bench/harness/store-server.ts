/** A store server for a baseline, started the way a node starts its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findServer } from '../../runtime/store/server/find.js';
import { superviseServer } from '../../runtime/store/server/supervise.js';

export interface StoreServer {
  /** Path of its unix socket. */
  socket: string;
  url: string;
  stop(): Promise<void>;
}

/** @returns undefined, with the reason printed, when no server can be had */
export async function startStoreServer(): Promise<StoreServer | undefined> {
  const found = await findServer();
  if (!found.found) {
    console.error(`Everything on Redis is left out. ${found.reason}`);
    return undefined;
  }
  const folder = await mkdtemp(join(tmpdir(), 'bench-store-'));
  const server = await superviseServer({ stateDir: folder, server: found.server });
  return {
    socket: server.socket, url: server.url,
    async stop() {
      await server.stop();
      await rm(folder, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}
