import { Fault } from '../../runtime/model/faults.js';
import type { SessionStore } from '../../runtime/store/store.js';
import { type Life, never } from './life.js';
import type { Luck } from './network.js';
import type { Processes } from './processes.js';

/** What becomes of a call of a node on its store. */
export type StoreWeather = (call: { node: string; method: string }) => Luck;

/** What of a world its stores are subject to. */
export interface StoreSurroundings {
  readonly processes: Processes;
  storeWeather: StoreWeather;
  /** Called after every command of a node's store, with the session it was about. */
  stored: (node: string, session: string) => void | Promise<void>;
  /** Lets the time pass that a call takes there. */
  pass(site: string): Promise<void>;
}

/** A store as its node sees it: answers take time, and none comes after the node's end. */
export function mortalStore(world: StoreSurroundings, node: string, store: SessionStore, life: Life): SessionStore {
  const delayed = async <T>(method: string, session: string, work: () => Promise<T>): Promise<T> => {
    const luck = world.storeWeather({ node, method });
    const down = () => new Fault('STORE_UNAVAILABLE', { node, store: 'test' });
    const site = `${node}.${method}`;
    await world.processes.awake(node);
    await world.pass(site);
    if (luck === 'lost') return life.while(() => Promise.reject(down()));
    return life.while(work).then(async (result) => {
      await world.stored(node, session);
      await world.pass(site);
      await world.processes.awake(node);
      if (life.isOver) return never<T>();
      if (luck === 'answer-lost') throw down();
      return result;
    });
  };
  return new Proxy(store, {
    get: (target, name) => {
      const value = Reflect.get(target, name) as unknown;
      return typeof value === 'function' ? (...args: unknown[]) => delayed(String(name), sessionIn(args[0]), () => value.apply(target, args) as Promise<unknown>) : value;
    },
  });
}

/** The session that a call of a store is about: its first argument is the id, or a command that names it. */
function sessionIn(argument: unknown): string {
  if (typeof argument === 'string') return argument;
  const { session, passport } = (argument ?? {}) as { session?: string; passport?: { session: string } };
  return session ?? passport?.session ?? '';
}
