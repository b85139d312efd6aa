/** An inventory behind a real port, in a folder of its own. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInventory, type CreateInventoryParts, type RunningInventory } from '../../oracle/inventory/create-inventory.js';
import { basicHeader } from '../../runtime/base/credentials.js';
import { systemClock } from '../../runtime/base/clock.js';
import { systemIds } from '../../runtime/base/ids.js';
import { silentLog } from '../../runtime/base/log.js';

export const ADMIN = { user: 'admin', password: 'a-password-of-the-tests' };

export interface TestInventory {
  url: string;
  folder: string;
  running: RunningInventory;
  /** JSON in and out, as the admin unless other headers are given. */
  call<T = any>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<TestAnswer<T>>;
  /** Ends it as a crash does, without a last snapshot, and starts another on the same folder. */
  crash(parts?: Partial<CreateInventoryParts>): Promise<void>;
  /** Ends it in order and starts another on the same folder. */
  restart(parts?: Partial<CreateInventoryParts>): Promise<void>;
  close(): Promise<void>;
}

export interface TestAnswer<T> {
  status: number;
  headers: Headers;
  body: T;
  text: string;
}

export async function startInventory(given: Partial<CreateInventoryParts> = {}): Promise<TestInventory> {
  const folder = given.folder ?? await mkdtemp(join(tmpdir(), 'inventory-'));
  const open = async (parts: Partial<CreateInventoryParts>) => {
    const opened = await createInventory({ folder, settings: {}, credentials: ADMIN, clock: systemClock, ids: systemIds, log: silentLog, ...given, ...parts });
    await opened.whole();
    return opened;
  };
  let running = await open({});
  const server = createServer((request, response) => running.serve(request, response));
  // Who asks again just when an idle connection is closed gets no answer: here only the client closes them.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url, folder,
    get running() {
      return running;
    },
    async call(method, path, body, headers = { authorization: basicHeader(ADMIN) }) {
      const response = await fetch(url + path, {
        method, headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, body: (/json/.test(response.headers.get('content-type') ?? '') && text ? JSON.parse(text) : undefined), text };
    },
    async crash(parts = {}) {
      await running.keeping.end();
      running = await open(parts);
    },
    async restart(parts = {}) {
      await running.close();
      running = await open(parts);
    },
    async close() {
      await closed(server);
      await running.keeping.end();
      await rm(folder, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** A node of a cabinet: four to a BMC, thirty-two slots to a chassis. */
export function nodeAt(index: number): Record<string, unknown> {
  const hex = (value: number) => (value & 255).toString(16).padStart(2, '0');
  return {
    hostname: `nid${String(index).padStart(6, '0')}`, architecture: index % 3 === 0 ? 'aarch64' : 'x86_64',
    xname: `x${1000 + (index >> 10)}c${(index >> 7) & 7}s${(index >> 2) & 31}b0n${index & 3}`,
    boot_mac: `02:00:${hex(index >> 24)}:${hex(index >> 16)}:${hex(index >> 8)}:${hex(index)}`,
    ...(index % 2 === 0 && { boot_ipv4_address: `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}` }),
  };
}
