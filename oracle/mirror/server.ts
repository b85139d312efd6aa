/**
 * A Redis of the mirror's own, for a domain that has none to spare: loopback only, no password (tools of
 * EDGELESS send none), nothing on disk. Started again when it dies; ended with the oracle.
 */
import { spawn } from 'node:child_process';
import { mkdir, realpath } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Clock, Timer } from '../../runtime/base/clock.js';
import type { Log } from '../../runtime/base/log.js';
import { endProcess, isAlive, processesWith } from '../../runtime/base/process.js';
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
export async function startMirrorServer(parts: MirrorServerParts): Promise<MirrorServer> {
  const { port, folder } = parts;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const pidFile = join(await realpath(folder), 'store.pid');
  const left = await leftBehind(pidFile, port);
  if (left === undefined && await isTaken(port)) throw new Error(`port ${port} on ${HOST}, which the mirror's Redis needs, is in use`);
  const running = new OwnServer(parts, pidFile);
  if (left === undefined) running.launch();
  else running.adopt(left);
  return running;
}

/** The server of an oracle that was killed goes on, with the intents that wait in it; any other that it left is ended. */
async function leftBehind(pidFile: string, port: number): Promise<number | undefined> {
  const ours = await processesWith('--pidfile', pidFile);
  const there = await processesWith('--port', String(port));
  const left = ours.find((pid) => there.includes(pid));
  await Promise.all(ours.filter((pid) => pid !== left).map((pid) => endProcess(pid, STOP_MS)));
  return left;
}

class OwnServer implements MirrorServer {
  /** Undefined while there is none. */
  private pid: number | undefined;
  private timer: Timer;
  private closed = false;

  constructor(private readonly parts: MirrorServerParts, private readonly pidFile: string) {}

  get url(): string {
    return `redis://${HOST}:${this.parts.port}`;
  }

  isOwn(pid: number): boolean {
    return pid === this.pid;
  }

  launch(): void {
    const { server, port, folder, log } = this.parts;
    const child = spawn(server.binary, [
      '--port', String(port), '--bind', HOST, '--dir', folder, '--pidfile', this.pidFile, '--save', '', '--appendonly', 'no',
      '--logfile', join(folder, 'mirror.log'), '--maxmemory', '256mb', '--maxmemory-policy', 'volatile-lru',
      // The arguments stay visible in the process list: by its pid file whoever comes after a killed oracle knows it.
      '--set-proc-title', 'no',
    ], { env: { ...process.env, ...server.env }, stdio: 'ignore', detached: true });
    this.pid = child.pid;
    child.once('error', (error) => log.warn({ reason: error.message }, 'the mirror\'s Redis could not be started'));
    child.once('exit', () => this.ended());
  }

  adopt(pid: number): void {
    this.pid = pid;
    this.timer = this.parts.clock.setTimeout(() => void isAlive(pid).then((lives) => {
      if (this.closed) return;
      if (lives) this.adopt(pid);
      else this.ended();
    }), RESTART_MS);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.parts.clock.clearTimeout(this.timer);
    if (this.pid !== undefined) await endProcess(this.pid, STOP_MS);
  }

  private ended(): void {
    this.pid = undefined;
    if (!this.closed) this.timer = this.parts.clock.setTimeout(() => this.launch(), RESTART_MS);
  }
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
