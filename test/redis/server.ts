/** A Redis of the test's own, found as a node finds one. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findServer } from '../../runtime/store/server/find.js';
import type { ServerBinary } from '../../runtime/store/server/binary.js';
import { superviseServer, type SupervisedServer, type SuperviseOptions } from '../../runtime/store/server/supervise.js';

/** @throws when there is none: these tests must not pass by not running. */
export async function requireServer(): Promise<ServerBinary> {
  const found = await findServer();
  if (!found.found) throw new Error(found.reason);
  return found.server;
}

export interface TestServer {
  server: SupervisedServer;
  stateDir: string;
  end(): Promise<void>;
}

export async function startServer(options: Partial<SuperviseOptions> = {}): Promise<TestServer> {
  const stateDir = options.stateDir ?? await mkdtemp(join(tmpdir(), 'redis-test-'));
  const server = await superviseServer({ stateDir, server: await requireServer(), ...options });
  const end = async () => {
    await server.stop();
    await rm(stateDir, { recursive: true, force: true, maxRetries: 10 });
  };
  return { server, stateDir, end };
}
