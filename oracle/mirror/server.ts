/**
 * A Redis of the mirror's own, for a domain that has none to spare: loopback only, no password (tools of
 * EDGELESS send none), nothing on disk. Started again when it dies; ended with the oracle.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Clock, Timer } from '../../runtime/base/clock.js';
import type { Log } from '../../runtime/base/log.js';
import type { ServerBinary } from '../../runtime/model/config.js';

export interface MirrorServerParts {
  server: ServerBinary;
  /** Of the loopback. */
  port: number;
  folder: string;
  clock: Clock;
  log: Log;
}

export interface MirrorServer {
  url: string;
  /** Another process may have taken the port while the server was away. */
  isOwn(pid: number): boolean;
  close(): Promise<void>;
}

const HOST = '127.0.0.1';
const RESTART_MS = 500;
const STOP_MS = 300;

/** Rejects with a sentence when the port is taken. */
export async function startMirrorServer({ server, port, folder, clock, log }: MirrorServerParts): Promise<MirrorServer> {
  if (await isTaken(port)) throw new Error(`port ${port} on ${HOST}, which the mirror's Redis needs, is in use`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  let child: ChildProcess;
  let timer: Timer;
  let closed = false;
  const launch = () => {
    child = spawn(server.binary, [
      // By its pid file whoever cleans up after a killed oracle knows it.
      '--port', String(port), '--bind', HOST, '--dir', folder, '--pidfile', join(folder, 'store.pid'), '--save', '', '--appendonly', 'no',
      '--logfile', join(folder, 'mirror.log'), '--maxmemory', '256mb', '--maxmemory-policy', 'volatile-lru',
    ], { env: { ...process.env, ...server.env }, stdio: 'ignore', detached: true });
    child.once('error', (error) => log.warn({ reason: error.message }, 'the mirror\'s Redis could not be started'));
    child.once('exit', () => {
      if (!closed) timer = clock.setTimeout(launch, RESTART_MS);
    });
  };
  launch();
  return {
    url: `redis://${HOST}:${port}`,
    isOwn: (pid) => pid === child.pid,
    async close() {
      closed = true;
      clock.clearTimeout(timer);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      const force = clock.setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await exited;
      clock.clearTimeout(force);
    },
  };
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, HOST);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
