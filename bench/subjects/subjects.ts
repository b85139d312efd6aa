/** Everything that is measured: what serves it, and which request it is sent. */
import { fileURLToPath } from 'node:url';
import { endChild, spawnModule } from '../harness/children.js';
import type { Job } from '../harness/load.js';
import { startStoreServer } from '../harness/store-server.js';
import { Tree } from '../harness/tree.js';

export interface Subject {
  name: string;
  port: number;
  request: Pick<Job, 'method' | 'path' | 'sessions' | 'requestIds'>;
}

export interface Subjects {
  list: Subject[];
  close(): Promise<void>;
}

export interface SubjectsOptions {
  /** Stores to measure the node on. */
  stores: string[];
  /** Arguments of node for the nodes, e.g. to profile them. */
  execArgv?: string[];
  /** Only subjects whose name matches. */
  only?: RegExp;
}

const HELLO = { method: 'GET', path: '/function/hello' };
const COUNTER = { method: 'POST', path: '/function/counter', sessions: 'slot' as const };
const SPREAD_SESSIONS = 1_000;

export const FUNCTIONS = (['hello', 'counter'] as const).flatMap((name) => (['inline', 'process'] as const).map((worker) => ({
  name: `${name}-${worker}`, folder: fileURLToPath(new URL(`../../../bench/functions/${name}`, import.meta.url)), annotations: { worker },
})));

const fileOf = (name: string) => fileURLToPath(new URL(`./${name}.js`, import.meta.url));

export async function startSubjects({ stores, execArgv, only }: SubjectsOptions): Promise<Subjects> {
  const ends: (() => Promise<unknown>)[] = [];
  const list: Subject[] = [];
  const close = async () => {
    for (const end of ends.toReversed()) await end();
  };
  const baseline = async (module: string, args: string[] = []): Promise<number> => {
    const { child, ready } = await spawnModule<{ port: number }>(fileOf(module), args);
    ends.push(() => endChild(child));
    return ready.port;
  };
  const wants = (name: string) => !only || only.test(name);
  const add = async (name: string, request: Subject['request'], start: () => Promise<number>) => {
    if (wants(name)) list.push({ name, request, port: await start() });
  };
  try {
    await add('node-http', HELLO, () => baseline('plain'));
    await add('express', HELLO, () => baseline('express-hello'));
    await add('express-preset', HELLO, () => baseline('express-hello', ['--preset']));
    await add('chain', HELLO, async () => {
      const handler = await baseline('express-hello');
      const watchdog = await baseline('hop', [`http://127.0.0.1:${handler}`]);
      return baseline('hop', [`http://127.0.0.1:${watchdog}`]);
    });
    const server = wants('express-redis') && stores.includes('redis') ? await startStoreServer() : undefined;
    if (server) {
      ends.push(() => server.stop());
      await add('express-redis', COUNTER, () => baseline('express-redis', [server.socket]));
    }
    for (const store of stores) {
      if (!FUNCTIONS.some(({ name }) => wants(`${name}-${store}`))) continue;
      const tree = new Tree({ plans: [{ name: 'cloud', level: 'cloud' }], store, functions: FUNCTIONS, execArgv });
      ends.push(() => tree.stop());
      await tree.start();
      for (const { name } of FUNCTIONS) {
        const isStateful = name.startsWith('counter');
        // Without a session the store does not matter.
        if (!isStateful && store !== stores[0]) continue;
        const request = isStateful ? { ...COUNTER, path: `/function/${name}`, requestIds: true } : { method: 'GET', path: `/function/${name}` };
        await add(isStateful ? `${name}-${store}` : name, request, async () => tree.all[0]!.port);
        if (isStateful) await add(`${name}-${store}-spread`, { ...request, sessions: SPREAD_SESSIONS }, async () => tree.all[0]!.port);
      }
    }
    return { list, close };
  } catch (error) {
    await close();
    throw error;
  }
}
