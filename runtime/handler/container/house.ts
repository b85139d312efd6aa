/** All containers of a node's functions: what they have in common, and that none is left behind. */
import { access } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import type { Clock } from '../../base/clock.js';
import { systemIds } from '../../base/ids.js';
import type { Deployment } from '../../model/config.js';
import { asFault, Fault } from '../../model/faults.js';
import { MAX_CONTAINER_PROCESSES } from '../../model/limits.js';
import type { Worker } from '../../session/call.js';
import type { FunctionLog } from '../log.js';
import { Crew } from './crew.js';
import { type ContainerConfig, Engine } from './engine.js';
import { quantity } from './quantity.js';

export interface ContainerSettings {
  /** Unix socket of the engine. */
  socket: string;
  /** Network of the engine that the containers are in, and that this machine reaches: `bridge` unless given, or `host`. */
  network?: string;
  /** Whose containers they are: the same after a restart, and nobody else's. */
  owner: string;
}

const OWNER = 'functions.owner';
const FUNCTION = 'functions.name';
const HEALTH = 'com.openfaas.health.http.path';
/** Where OpenFaaS's functions look for their secrets. */
const SECRETS = '/var/openfaas/secrets';
const MOUNT_VARIABLE = 'secret_mount_path';

export class ContainerHouse {
  readonly #engine: Engine;
  readonly #crews = new Set<Crew>();
  readonly #owner: string;
  #swept: Promise<void> | undefined;

  constructor(private readonly settings: ContainerSettings, private readonly parts: { clock: Clock; log: FunctionLog }) {
    this.#engine = new Engine(settings.socket);
    this.#owner = createHash('sha256').update(settings.owner).digest('hex').slice(0, 16);
  }

  /** False where there is no socket of an engine. */
  isThere(): Promise<boolean> {
    return access(this.settings.socket).then(() => true, () => false);
  }

  /** Removes what a former life of this node has left; once. */
  async sweep(): Promise<void> {
    if (await this.isThere()) await (this.#swept ??= this.#removeAll());
  }

  /** Resolves when its first container is healthy. Rejects with DEPLOY_FAILED. */
  async load(deployment: Deployment): Promise<Worker> {
    const { service, image, annotations = {} } = deployment;
    const config = this.#configOf(deployment);
    const { clock, log } = this.parts;
    const crew = new Crew({
      service, engine: this.#engine, config, clock, log, healthPath: annotations[HEALTH] ?? '/_/health',
      prefix: `fn-${this.#owner.slice(0, 8)}-${service.replace(/[^\w.-]/g, '-')}`, uuid: () => systemIds.uuid(), closed: (one) => this.#crews.delete(one),
    });
    try {
      await this.sweep();
      await this.#engine.provide(image);
      this.#crews.add(crew);
      await crew.scale(1);
      return crew;
    } catch (error) {
      this.#crews.delete(crew);
      await crew.abandon();
      const { code, message } = asFault(error);
      throw code === 'DEPLOY_FAILED' ? error : new Fault('DEPLOY_FAILED', { function: service, reason: message }, { cause: error });
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#crews].map((crew) => crew.abandon()));
    await this.#engine.close();
  }

  async #removeAll(): Promise<void> {
    const left = await this.#engine.list({ [OWNER]: this.#owner });
    await Promise.all(left.map((id) => this.#engine.remove(id)));
  }

  #configOf({ service, image, envVars = {}, envProcess, labels = {}, limits = {}, readOnlyRootFilesystem = false }: Deployment): ContainerConfig {
    const { [MOUNT_VARIABLE]: secrets, ...env } = envVars;
    const memory = amount(service, 'memory', limits.memory);
    const cpu = amount(service, 'cpu', limits.cpu);
    const variables = { ...env, ...(envProcess !== undefined && { fprocess: envProcess }), ...(secrets !== undefined && { [MOUNT_VARIABLE]: SECRETS }) };
    return {
      Image: image, Env: Object.entries(variables).map(([name, value]) => `${name}=${value}`),
      Labels: { ...labels, [OWNER]: this.#owner, [FUNCTION]: service },
      HostConfig: {
        NetworkMode: this.settings.network ?? 'bridge', PidsLimit: MAX_CONTAINER_PROCESSES, ReadonlyRootfs: readOnlyRootFilesystem,
        ...(memory !== undefined && { Memory: Math.round(memory), MemorySwap: Math.round(memory) }),
        ...(cpu !== undefined && { NanoCpus: Math.round(cpu * 1e9) }),
        // OpenFaaS leaves /tmp writable.
        ...(readOnlyRootFilesystem && { Tmpfs: { '/tmp': '' } }),
        Binds: secrets === undefined ? [] : [`${secrets}:${SECRETS}:ro`], SecurityOpt: ['no-new-privileges'],
      },
    };
  }
}

function amount(service: string, name: string, text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const value = quantity(text);
  if (value === undefined) throw new Fault('DEPLOY_FAILED', { function: service, reason: `its limit of ${name} is ${text}; it is a quantity such as 128Mi or 500m` });
  return value;
}
