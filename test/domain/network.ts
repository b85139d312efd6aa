import type { Clock } from '../../runtime/base/clock.js';
import type { Commands, Reply } from '../../runtime/base/reply.js';
import { Fault } from '../../runtime/model/faults.js';
import type { PeerCalls } from '../../runtime/offload/peer-routes.js';
import type { Transport } from '../../runtime/offload/peers.js';
import { type Life, never } from './life.js';
import type { Processes } from './processes.js';

export type Link = { from: string; to: string; path: string };
/** What the network does to a call: passes it, loses it, loses its answer after it took effect, brings it when nobody waits any more, or brings it once more then. */
export type Luck = 'fine' | 'lost' | 'answer-lost' | 'late' | 'twice';
export type Weather = (link: Link) => Luck;

/** What of a world its network is made of. */
export interface NetworkSurroundings {
  readonly clock: Clock;
  readonly processes: Processes;
  weather: Weather;
  /** How late a late call is. */
  lateness: () => number;
  node(name: string): { peerCalls: PeerCalls; commands: Commands };
  /** Lets the time pass that a call takes there. */
  pass(site: string): Promise<void>;
}

/** How one node reaches the others. */
export function transportOf(world: NetworkSurroundings, from: string): Transport {
  const mine = world.processes.lifeOf(from)!;
  const carry = async <T>(to: string, path: string, answer: () => Promise<T>): Promise<T> => {
    const lost = (reason: string) => new Fault('PEER_UNREACHABLE', { node: to, url: to, reason });
    if (mine.isOver) return never();
    const weather = world.weather({ from, to, path });
    const site = `${from}>${to}`;
    await world.processes.awake(from);
    await world.pass(site);
    if (weather === 'late' || weather === 'twice') void world.clock.setTimeout(() => world.processes.lifeOf(to)!.isOver || void answer().catch(() => undefined), world.lateness());
    if (weather === 'lost' || weather === 'late') throw lost('the call was lost');
    const theirs = world.processes.lifeOf(to);
    if (!theirs || theirs.isOver) throw lost('nobody listens');
    await world.processes.awake(to);
    const value = await Promise.race([answer(), theirs.over.then(() => Promise.reject(lost('the connection broke')))]);
    await world.pass(site);
    await world.processes.awake(from);
    if (mine.isOver) return never();
    if (weather === 'answer-lost') throw lost('the answer was lost');
    return value;
  };
  const call = (to: string, path: string, body: unknown) => {
    const url = new URL(path, 'http://node');
    const copied = JSON.parse(JSON.stringify(body)) as unknown;
    const route = world.node(to).peerCalls[url.pathname];
    if (route) return route(copied, url.searchParams).then((json): Reply => ({ status: 200, json }));
    return world.node(to).commands.run(url.pathname.split('/').pop()!, url.searchParams, copied, { method: 'POST', accept: '', caller: { peer: from } });
  };
  return {
    json: (to, path, body) => carry(to, path, async () => JSON.parse(JSON.stringify((await call(to, path, body)).json)) as unknown),
    stream: (to, path, body) => carry(to, path, async () => brokenWith(world.processes.lifeOf(to)!, streamOf(await call(to, path, body)))),
    whole: (to, path, body) => carry(to, path, async () => all(streamOf(await call(to, path, body)))),
  };
}

/** What goes out in one piece arrives in two, so that its sender may end between them. */
async function* inHalves(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes.subarray(0, bytes.length / 2);
  yield bytes.subarray(bytes.length / 2);
}

function streamOf({ stream, bytes }: Reply): AsyncIterable<Buffer> {
  return stream ?? inHalves(bytes!);
}

async function all(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

/** A stream whose sender may end in the middle of it. */
async function* brokenWith(life: Life, stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const source = stream[Symbol.asyncIterator]();
  for (;;) {
    const next = await Promise.race([source.next(), life.over.then(() => Promise.reject(new Error('the connection broke')))]);
    if (next.done) return;
    yield next.value;
  }
}
