/** Makes the workers of a node: one for each deployed function, of the kind that its annotation asks for. */
import { availableParallelism } from 'node:os';
import type { Clock } from '../base/clock.js';
import type { Log } from '../base/log.js';
import { ANNOTATIONS, type Deployment } from '../model/config.js';
import { Fault } from '../model/faults.js';
import { WORKER_MEMORY_MB } from '../model/limits.js';
import type { Worker } from '../session/call.js';
import { loadInline } from './inline.js';
import { functionLogTo } from './log.js';
import { startProcess } from './process/host.js';
import { LoadRefused } from './process/member.js';
import type { Load } from './process/messages.js';
import { Pool } from './process/pool.js';
import { Team } from './process/team.js';
import { startThread } from './thread/host.js';

export interface WorkersOptions {
  clock: Clock;
  log: Log;
  /** Worker processes kept warm, and as many threads once a function has asked for one. */
  spare?: number;
  /** Most worker processes, or threads, of one function. */
  perFunction?: number;
  /** Heap of one. */
  memoryLimitMb?: number;
}

export interface Workers {
  /** `bundlePath` is a file ending in .mjs. Rejects with DEPLOY_FAILED, whose reason says what is wrong with the code. */
  load(deployment: Deployment, bundlePath: string): Promise<Worker>;
  /** Ends every worker and its processes at once; calls in hand fail with WORKER_LOST. */
  close(): Promise<void>;
}

export function createWorkers(options: WorkersOptions): Workers {
  const { clock, spare = 1, perFunction = Math.max(2, availableParallelism()), memoryLimitMb = WORKER_MEMORY_MB } = options;
  const log = functionLogTo(options.log);
  const processes = new Pool({ clock, log, host: startProcess, spare, memoryLimitMb });
  const threads = new Pool({ clock, log, host: startThread, spare, memoryLimitMb });
  const teams = new Set<Team>();

  async function load(deployment: Deployment, bundlePath: string): Promise<Worker> {
    const { service, envVars: env = {} } = deployment;
    const asked = deployment.annotations?.[ANNOTATIONS.worker] ?? 'process';
    switch (asked) {
      case 'inline': return loadInline({ service, bundlePath, env, clock, log });
      case 'process': return loadTeam(processes, { service, path: bundlePath, env });
      case 'thread': return loadTeam(threads, { service, path: bundlePath, env });
      default: {
        const reason = `the annotation worker is ${asked}; it may be inline, thread or process`;
        throw new Fault('DEPLOY_FAILED', { function: service, reason });
      }
    }
  }

  async function loadTeam(pool: Pool, wanted: Load): Promise<Worker> {
    const loaded = await pool.inspect(wanted).catch((error: unknown) => {
      throw refusal(wanted.service, error);
    });
    const team = new Team({ clock, log, pool, most: perFunction, load: wanted, loaded });
    teams.add(team);
    return {
      kind: team.kind, streams: team.streams,
      run: (call) => team.run(call),
      close: async () => {
        await team.close();
        teams.delete(team);
      },
    };
  }

  function refusal(service: string, error: unknown): Fault {
    const reason = error instanceof Error ? error.message : String(error);
    const details = { reason: error instanceof LoadRefused ? error.refused.stack : reason };
    log({ level: 'error', function: service, message: 'The function could not be loaded', details });
    return new Fault('DEPLOY_FAILED', { function: service, reason }, { cause: error });
  }

  async function close(): Promise<void> {
    for (const team of teams) team.abandon();
    await Promise.all([processes.close(), threads.close()]);
  }

  return { load, close };
}
