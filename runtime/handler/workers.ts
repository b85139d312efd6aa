/** Makes the workers of a node: one for each deployed function, of the kind that its annotation asks for. */
import type { Clock } from '../base/clock.js';
import { Fault } from '../model/faults.js';
import { ANNOTATIONS, type Deployment } from '../model/config.js';
import type { Worker } from '../session/call.js';
import { loadInline } from './inline.js';
import type { FunctionLog } from './log.js';

export interface WorkersOptions {
  clock: Clock;
  log: FunctionLog;
}

export interface Workers {
  /** `bundlePath` is a file ending in .mjs. Rejects with DEPLOY_FAILED, whose reason says what is wrong with the code. */
  load(deployment: Deployment, bundlePath: string): Promise<Worker>;
  /** Ends every worker and its processes. */
  close(): Promise<void>;
}

export function createWorkers(options: WorkersOptions): Workers {
  const { clock, log } = options;

  async function load(deployment: Deployment, bundlePath: string): Promise<Worker> {
    const { service, envVars: env = {} } = deployment;
    const asked = deployment.annotations?.[ANNOTATIONS.worker] ?? 'process';
    if (asked === 'inline') return loadInline({ service, bundlePath, env, clock, log });
    throw new Fault('DEPLOY_FAILED', { function: service, reason: `the annotation worker is ${asked}; it may be inline or process` });
  }

  return { load, close: async () => {} };
}
