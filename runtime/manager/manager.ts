/**
 * The session protocol as a function of a real OpenFaaS: what a node does for its sessions, without the node. The functions run in
 * containers of their own on the same Redis; this one moves their sessions, answers the commands, and knows the tree.
 */
import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Agent } from '../agent.js';
import { systemClock } from '../base/clock.js';
import { readSecret } from '../base/credentials.js';
import { createPeerClient } from '../base/http-client.js';
import { systemIds } from '../base/ids.js';
import { createLog, type Log } from '../base/log.js';
import { gatewayUrl, managerUrl } from '../base/manager-url.js';
import { createPeerSigner, createPeerVerifier } from '../base/peer-signature.js';
import { repeat } from '../base/repeat.js';
import { createAccess } from '../gateway/access.js';
import { createSendOn } from '../gateway/send-on.js';
import type { NodeConfig } from '../model/config.js';
import { MAX_WAITING_PER_SESSION, MAX_WAIT_MS, SWEEP_EVERY_MS } from '../model/limits.js';
import { createCommands } from '../offload/commands.js';
import { createNeighbourhood } from '../offload/neighbourhood.js';
import { Offload } from '../offload/offload.js';
import { createPeerRoutes } from '../offload/peer-routes.js';
import { Peers } from '../offload/peers.js';
import { StatusFile } from '../offload/status.js';
import { createTransport } from '../offload/transport.js';
import { Changes } from '../session/changes.js';
import { WaitingLine } from '../session/line.js';
import { type OpenedStore, openStore } from '../store/open.js';
import { besideRoutes, Containers } from './containers.js';
import { createManagerServer } from './server.js';

export interface RunningManager {
  port: number;
  /** Ends everything in order: requests, moves, the store. */
  close(): Promise<void>;
}

/** @param config as a node's; `url` and `parentUrl` are the gateways of OpenFaaS. Throws when the store or the key cannot be had. */
export async function startManager(config: NodeConfig & { url: string }): Promise<RunningManager> {
  await mkdir(config.stateDir, { recursive: true, mode: 0o700 });
  const log = createLog(config.log ?? 'info', { fields: { node: config.name } });
  // Without the file of an admin's password only nodes of the domain may call.
  const [password, key] = await Promise.all([readSecret(config.adminPasswordFile).catch(() => randomUUID()), readSecret(config.peerKeyFile)]);
  const opened = await openStore(config, { clock: systemClock, log });
  try {
    return await startOver(opened, { config, log, password, key });
  } catch (error) {
    await opened.close().catch(() => undefined);
    throw error;
  }
}

interface Parts {
  config: NodeConfig & { url: string };
  log: Log;
  password: string;
  key: string;
}

async function startOver(opened: OpenedStore, { config, log, password, key }: Parts): Promise<RunningManager> {
  const { name, level, stateDir, url } = config;
  const { store } = opened;
  const [clock, ids] = [systemClock, systemIds];
  const peers = createPeerClient({ signer: createPeerSigner({ node: name, key, clock, ids }) });
  const agent = new Agent({
    self: { name, url: managerUrl(url), level, accepting: true, sinceMs: clock.now() }, boot: ids.uuid(), stateDir, peers, clock, log,
    ...(config.parentUrl !== undefined && { parentUrl: managerUrl(config.parentUrl) }), ...(config.oracleUrl !== undefined && { oracleUrl: config.oracleUrl }),
    describe: () => ({ labels: config.labels, store: store.kind, functions: containers.names() }),
  });
  const { directory } = agent;
  const carrier = createSendOn(async (node) => node === name ? url : gatewayUrl(await neighbourhood.urlOf(node)));
  const containers = new Containers({ node: name, key, sendOn: carrier.sendOn, clock, ids });
  const offload = new Offload({
    node: name, store, peers: new Peers(createTransport(peers, directory)), directory, status: new StatusFile(join(stateDir, 'offload-status')),
    line: new WaitingLine({ clock, maxWaiting: MAX_WAITING_PER_SESSION, maxWaitMs: MAX_WAIT_MS }), changes: new Changes(clock),
    clock, ids, log, random: Math.random, functions: containers,
  });
  // Requests of clients reach the containers, never this process: nothing is ever to be carried on from here.
  const neighbourhood = createNeighbourhood(offload, () => Promise.reject(new Error('a manager has no requests of clients')));
  const besides = { ...neighbourhood, urlOf: async (node: string) => gatewayUrl(await neighbourhood.urlOf(node)) };
  const access = createAccess({ user: config.adminUser, password }, createPeerVerifier({ key, clock }));
  const server = createManagerServer({
    node: name, commands: createCommands(offload), access, clock, ids, log, ready: () => store.ping(),
    routes: [...createPeerRoutes(offload), ...agent.routes(), ...besideRoutes(name, containers, offload, besides)],
  });

  await agent.restore();
  await offload.resume();
  await server.listen(config.port, config.host);
  const sweeping = repeat(() => offload.sweep(), { clock, log, everyMs: SWEEP_EVERY_MS });
  await agent.start();
  const { port } = server.http.address() as AddressInfo;
  log.info({ url, port, store: opened.url }, 'the manager is ready');
  return {
    port,
    async close() {
      sweeping.end();
      agent.close();
      await server.close();
      offload.close();
      await Promise.all([carrier.close(), peers.close()]);
      await opened.close();
    },
  };
}
