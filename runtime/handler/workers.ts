/** Makes the workers of a node: one for each deployed function, of the kind that its annotation asks for. */
import { availableParallelism } from 'node:os';
import type { Clock } from '../base/clock.js';
import type { Log } from '../base/log.js';
import { messageOf } from '../base/thrown.js';
import { ANNOTATIONS, type Deployment } from '../model/config.js';
import { Fault } from '../model/faults.js';
import { WORKER_MEMORY_MB } from '../model/limits.js';
import type { Worker } from '../session/call.js';
import { CommandHouse, CommandWorker } from './command/command.js';
import { DEFAULT_IMAGES, readImages, wordsOf } from './command/images.js';
import { ContainerHouse, type ContainerSettings } from './container/house.js';
import { loadInline } from './inline.js';
import { functionLogTo } from './log.js';
import { startProcess } from './process/host.js';
import { LoadRefused } from './process/member.js';
import type { Load } from './process/messages.js';
import { Pool } from './process/pool.js';
import { Team } from './process/team.js';
import { RemoteWorker } from './remote/remote.js';
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
  /** File that maps names of images to commands; without it the one that comes with the runtime. */
  imagesFile?: string;
  /** The engine for images that are neither bundles nor commands; missing: there is none. */
  containers?: ContainerSettings;
}

export interface Workers {
  /** `bundlePath` is a file ending in .mjs; undefined for an image that is no bundle. Rejects with DEPLOY_FAILED, whose reason says what is wrong with the code. */
  load(deployment: Deployment, bundlePath: string | undefined): Promise<Worker>;
  /** Ends every worker and its processes at once; calls in hand fail with WORKER_LOST. */
  close(): Promise<void>;
}

const SCALE_TYPE = 'com.openfaas.scale.type';

type Maker = (deployment: Deployment) => Promise<Worker>;

export function createWorkers(options: WorkersOptions): Workers {
  const { clock, spare = 1, perFunction = Math.max(2, availableParallelism()), memoryLimitMb = WORKER_MEMORY_MB, imagesFile = DEFAULT_IMAGES } = options;
  const log = functionLogTo(options.log);
  const processes = new Pool({ clock, log, host: startProcess, spare, memoryLimitMb });
  const threads = new Pool({ clock, log, host: startThread, spare, memoryLimitMb });
  const teams = new Set<Team>();
  const commands = new Set<CommandWorker>();
  const house = new CommandHouse();
  const containers = options.containers && new ContainerHouse(options.containers, { clock, log });
  const foreign: Record<string, Maker> = { command: loadCommand, container: loadContainer, remote: loadRemote };

  async function load(deployment: Deployment, bundlePath: string | undefined): Promise<Worker> {
    const { service, annotations = {} } = deployment;
    const asked = annotations[ANNOTATIONS.worker] ?? (bundlePath === undefined ? await usualOf(deployment) : 'process');
    const makers = bundlePath === undefined ? foreign : ofBundle(bundlePath);
    const make = Object.hasOwn(makers, asked) ? makers[asked] : undefined;
    if (make !== undefined) return make(deployment);
    const what = bundlePath === undefined ? `image ${deployment.image}, which is no bundle` : 'a bundle';
    throw new Fault('DEPLOY_FAILED', { function: service, reason: `the annotation worker is ${asked}; for ${what}, it may be ${Object.keys(makers).join(', ')}` });
  }

  function ofBundle(path: string): Record<string, Maker> {
    return {
      process: ({ service, envVars: env = {} }) => loadTeam(processes, { service, path, env }),
      thread: ({ service, envVars: env = {} }) => loadTeam(threads, { service, path, env }),
      inline: ({ service, envVars: env = {} }) => loadInline({ service, bundlePath: path, env, clock, log }),
    };
  }

  /** An upstream says that it is remote; a command is cheaper than a container. */
  async function usualOf({ image, annotations = {} }: Deployment): Promise<string> {
    if (annotations[ANNOTATIONS.upstream] !== undefined) return 'remote';
    const isCommand = (await readImages(imagesFile)).find(image) !== undefined;
    return !isCommand && await containers?.isThere() ? 'container' : 'command';
  }

  async function loadRemote({ service, annotations = {} }: Deployment): Promise<Worker> {
    return new RemoteWorker({ service, url: annotations[ANNOTATIONS.upstream] ?? '', clock });
  }

  async function loadContainer(deployment: Deployment): Promise<Worker> {
    if (containers !== undefined && await containers.isThere()) return containers.load(deployment);
    throw new Fault('DEPLOY_FAILED', { function: deployment.service, reason: `there is no container engine${options.containers ? ` at ${options.containers.socket}` : ''} to run image ${deployment.image}` });
  }

  async function loadCommand({ service, image, envVars: env = {}, envProcess, labels = {} }: Deployment): Promise<Worker> {
    const found = (await readImages(imagesFile)).find(image);
    if (found === undefined) {
      throw new Fault('DEPLOY_FAILED', { function: service, reason: `image ${image} is neither built here nor in the node's list of commands, and there is no container engine` });
    }
    // As in the command lines that people have: a secret is where OpenFaaS's containers have it.
    const secrets = env['secret_mount_path'];
    const line = wordsOf(envProcess ?? env['fprocess'] ?? '').map((word) => secrets === undefined ? word : word.replaceAll('/var/openfaas/secrets', secrets));
    const worker = new CommandWorker({
      service, image: line.length > 0 ? { ...found, command: line } : found, env, house, clock, log,
      isMeasured: labels[SCALE_TYPE] === 'cpu', closed: () => commands.delete(worker),
    });
    commands.add(worker);
    return worker;
  }

  async function loadTeam(pool: Pool, wanted: Load): Promise<Worker> {
    const loaded = await pool.inspect(wanted).catch((error: unknown) => {
      throw refusal(wanted.service, error);
    });
    const team = new Team({ clock, log, pool, most: perFunction, load: wanted, loaded });
    teams.add(team);
    return {
      kind: team.kind, streams: team.streams, sockets: team.sockets,
      get replicas() { return team.replicas; },
      scale: (replicas) => team.scale(replicas),
      run: (call) => team.run(call),
      runFor: (call, taker) => team.runFor(call, taker),
      processorMs: () => team.processorMs(),
      close: async () => {
        await team.close();
        teams.delete(team);
      },
    };
  }

  function refusal(service: string, error: unknown): Fault {
    const reason = messageOf(error);
    const details = { reason: error instanceof LoadRefused ? error.refused.stack : reason };
    log({ level: 'error', function: service, message: 'The function could not be loaded', details });
    return new Fault('DEPLOY_FAILED', { function: service, reason }, { cause: error });
  }

  async function close(): Promise<void> {
    for (const team of teams) team.abandon();
    for (const command of commands) void command.close();
    house.close();
    await Promise.all([processes.close(), threads.close(), containers?.close()]);
  }

  void containers?.sweep().catch(() => undefined);
  return { load, close };
}
