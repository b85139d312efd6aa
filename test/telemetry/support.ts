/** A node's telemetry behind its door, in this process: on a clock that tests set, in a folder of its own. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../runtime/base/clock.js';
import { staticDirectory } from '../../runtime/base/directory.js';
import { createPeerClient } from '../../runtime/base/http-client.js';
import { systemIds } from '../../runtime/base/ids.js';
import { silentLog } from '../../runtime/base/log.js';
import { createPeerSigner, createPeerVerifier } from '../../runtime/base/peer-signature.js';
import { createAccess } from '../../runtime/gateway/access.js';
import { createTelemetryDoor } from '../../runtime/gateway/telemetry-door.js';
import type { TelemetryConfig } from '../../runtime/model/config.js';
import type { Point } from '../../runtime/telemetry/read-put.js';
import { telemetrySettings } from '../../runtime/telemetry/settings.js';
import { createTelemetry, type Telemetry } from '../../runtime/telemetry/telemetry.js';

export const KEY = 'the key of the domain';
export const CREDENTIALS = { user: 'admin', password: 'sesame' };
/** 2026: later than every point of the seed, but for its `to`. */
export const NOW_MS = 1_770_000_000_000;

export interface TestTelemetry {
  telemetry: Telemetry;
  url: string;
  name: string;
  folder: string;
  nowMs: number;
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<{ status: number; json: any; text: string }>;
  /** Ends it and starts it again over the same folder. */
  restart(): Promise<void>;
  /** Starts it over the folder as it is. */
  open(): Promise<void>;
  close(): Promise<void>;
}

export interface TestOptions {
  name?: string;
  config?: TelemetryConfig;
  environment?: Record<string, string>;
  others?: { name: string; url: string }[];
  oracleUrl?: string;
  onPoints?(points: readonly Point[]): void;
}

export async function startTelemetry(options: TestOptions = {}): Promise<TestTelemetry> {
  const { name = 'ip1', config = { history: false }, environment = {}, others = [], oracleUrl, onPoints } = options;
  const folder = await mkdtemp(join(tmpdir(), 'telemetry-'));
  const own: TestTelemetry = { name, folder, nowMs: NOW_MS } as TestTelemetry;
  const clock: Clock = { now: () => own.nowMs, setTimeout: (task, ms) => setTimeout(task, ms).unref(), clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout) };
  const peerClock: Clock = { ...clock, now: () => Date.now() };
  const access = createAccess(CREDENTIALS, createPeerVerifier({ key: KEY, clock: peerClock }));
  const peers = createPeerClient({ signer: createPeerSigner({ node: name, key: KEY, clock: peerClock, ids: systemIds }) });
  let door: ReturnType<typeof createTelemetryDoor>;
  const server = createServer((request, response) => door.serve(request, response, false));
  // Who asks again just when an idle connection is closed gets no answer: here only the client closes them.
  server.keepAliveTimeout = 0;
  server.on('checkContinue', (request, response) => door.serve(request, response, true));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  own.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  own.open = async () => {
    const self = { name, url: own.url, level: 'edge', accepting: true };
    const elsewhere = others.map((other) => ({ node: { ...other, level: 'edge', accepting: true }, children: [] }));
    own.telemetry = createTelemetry({
      node: name, stateDir: folder, clock, log: silentLog, settings: telemetrySettings({ ownSamplesSeconds: 0, ...config }, environment, false),
      directory: staticDirectory({ node: self, children: elsewhere }), peers, oracleUrl, onPoints,
    });
    door = createTelemetryDoor({ routes: own.telemetry.routes, access, clock, ids: systemIds, log: silentLog });
    await own.telemetry.start();
  };
  await own.open();
  own.send = async (method, path, body, headers = {}) => {
    const sent = body === undefined ? undefined : typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const answer = await fetch(own.url + path, { method, body: sent as string, headers });
    const text = await answer.text();
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      json = undefined;
    }
    return { status: answer.status, json, text };
  };
  own.restart = async () => {
    await own.telemetry.close();
    await own.open();
  };
  own.close = async () => {
    server.close();
    server.closeAllConnections();
    await own.telemetry.close();
    await peers.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  };
  return own;
}
