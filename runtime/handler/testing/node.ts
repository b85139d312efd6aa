/** One node of a domain in memory: the real session and offload layers over a memory store; calls between nodes are function calls. */
import type { Clock } from '../../base/clock.js';
import { directoryWithin, type Subtree } from '../../base/directory.js';
import { systemIds } from '../../base/ids.js';
import { silentLog } from '../../base/log.js';
import type { Reply } from '../../base/reply.js';
import { Fault } from '../../model/faults.js';
import { HANDLER_TIMEOUT_MS, MAX_WAITING_PER_SESSION, MAX_WAIT_MS } from '../../model/limits.js';
import { createCommands } from '../../offload/commands.js';
import { createNeighbourhood } from '../../offload/neighbourhood.js';
import { Offload } from '../../offload/offload.js';
import { createPeerCalls } from '../../offload/peer-routes.js';
import { Peers, type Transport } from '../../offload/peers.js';
import type { LocalCall, LocalFunctions } from '../../offload/receive.js';
import type { StatusFile } from '../../offload/status.js';
import type { Worker } from '../../session/call.js';
import { Changes } from '../../session/changes.js';
import { createSessions, type Served, type Sessions } from '../../session/invoke.js';
import { WaitingLine } from '../../session/line.js';
import { createMemoryStore } from '../../store/memory.js';
import type { SessionStore } from '../../store/store.js';

export interface TestNode {
  name: string;
  store: SessionStore;
  offload: Offload;
  sessions: Sessions;
  workers: Map<string, Worker>;
  /** What a call of a peer comes to; `body` is the callee's own. */
  answer(path: string, body: unknown, from: string): Promise<Pick<Reply, 'json' | 'stream' | 'bytes'>>;
}

export interface TestNodeOptions {
  name: string;
  tree: Subtree;
  workers: Map<string, Worker>;
  clock: Clock;
  peer(name: string): TestNode;
}

/** A function that the test does not have takes everything that is sent to it. */
const ANYTHING: Worker = {
  kind: 'stateless',
  run: async () => ({ response: { status: 204, headers: {}, body: Buffer.alloc(0) }, writes: [], effects: [], telemetry: [] }),
  close: async () => undefined,
};

export function createTestNode({ name, tree, workers, clock, peer }: TestNodeOptions): TestNode {
  const store = createMemoryStore({ node: name, clock });
  const line = new WaitingLine({ clock, maxWaiting: MAX_WAITING_PER_SESSION, maxWaitMs: MAX_WAIT_MS });
  const changes = new Changes(clock);
  const common = { node: name, store, line, changes, clock, ids: systemIds };
  const offload: Offload = new Offload({
    ...common, peers: new Peers(transportOf(name, peer)), directory: directoryWithin(tree, name), status: alwaysAccepting, log: silentLog,
    random: () => 0, functions: functionsOf(name, workers, (call) => sessions.invoke(call)),
  });
  const sessions = createSessions({ ...common, boot: systemIds.uuid(), neighbourhood: createNeighbourhood(offload, () => Promise.reject(new Fault('MOVING'))) });
  const calls = createPeerCalls(offload);
  const commands = createCommands(offload);
  return {
    name, store, offload, sessions, workers,
    async answer(path, body, from) {
      const { pathname, searchParams } = new URL(path, 'http://node');
      const call = calls[pathname];
      if (call) return { json: await call(body, searchParams) };
      return commands.run(pathname.split('/').pop()!, searchParams, body, { method: 'POST', accept: '', caller: { peer: from } });
    },
  };
}

/** What is sent is copied, as a network does: nodes share no object. */
function transportOf(from: string, peer: TestNodeOptions['peer']): Transport {
  const send = (to: string, path: string, body: unknown) => peer(to).answer(path, copied(body), from);
  return {
    json: async (to, path, body) => copied((await send(to, path, body)).json),
    stream: async (to, path, body) => streamOf(await send(to, path, body)),
    whole: async (to, path, body) => {
      const parts: Uint8Array[] = [];
      for await (const part of streamOf(await send(to, path, body))) parts.push(part);
      return Buffer.concat(parts);
    },
  };
}

/** What a peer sends in one piece is read like what it streams. */
async function* streamOf({ stream, bytes }: Pick<Reply, 'stream' | 'bytes'>): AsyncGenerator<Uint8Array> {
  if (stream) yield* stream;
  else yield bytes!;
}

function copied(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value)) as unknown;
}

function functionsOf(node: string, workers: Map<string, Worker>, invoke: Sessions['invoke']): LocalFunctions {
  return {
    names: () => [...workers.keys()],
    find: (name) => ({ isStateful: (workers.get(name) ?? ANYTHING).kind !== 'stateless', receives: true }),
    async call({ id, ...asked }: LocalCall): Promise<Served> {
      const worker = workers.get(asked.function) ?? ANYTHING;
      const call = { ...asked, worker, callId: systemIds.uuid(), timeoutMs: HANDLER_TIMEOUT_MS, signal: new AbortController().signal };
      if (asked.session !== undefined && worker.kind !== 'stateless') return invoke({ ...call, session: asked.session, requestId: id, ttlMs: 0 });
      const { response } = await worker.run({ ...call, session: undefined });
      return { kind: 'answer', response, node, epoch: 0, version: 0, replayed: false };
    },
  };
}

/** The real one is a file; a test's node takes every session that is sent to it. */
const alwaysAccepting = { current: 'accept' } as unknown as StatusFile;
