/** The head's part of telemetry: keeps the log of restarts and failures and the table of replicas, looks now and then who needs one, and tells every node. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '../runtime/base/atomic-file.js';
import type { Clock, Timer } from '../runtime/base/clock.js';
import { Fields } from '../runtime/base/fields.js';
import type { Log } from '../runtime/base/log.js';
import { Fault } from '../runtime/model/faults.js';
import { MAX_FALL_EVENTS, MAX_REGISTRATION_BYTES } from '../runtime/model/limits.js';
import { nodeUnknown } from '../runtime/model/unknown.js';
import { chooseReplicas, type FallEvent, MOVEMENT_DEFAULTS, type MovementConstants, type ReplicaEntry } from './movement.js';
import type { Registry } from './registry.js';

export interface MovementParts {
  stateDir: string;
  registry: Registry;
  clock: Clock;
  log: Log;
  /** PLACEMENT and PLACEMENT_INTERVAL. */
  environment: Record<string, string | undefined>;
  constants?: Partial<MovementConstants>;
}

export interface MovementCall {
  method: string;
  path: string;
  admit(limitBytes: number): Promise<{ caller: 'admin' | { peer: string }; body: unknown }>;
}

const PATH = '/api/v1/telemetry';
/** The original's. */
const DEFAULT_INTERVAL_S = 1_800;

export class Movement {
  private events: FallEvent[] = [];
  private replicas: ReplicaEntry[] = [];
  private timer: Timer;
  private saving: Promise<void> = Promise.resolve();
  private closed = false;
  private readonly constants: MovementConstants;

  constructor(private readonly parts: MovementParts) {
    this.constants = { ...MOVEMENT_DEFAULTS, ...parts.constants };
  }

  async start(): Promise<void> {
    const kept = await readFile(this.file, 'utf8').then((text) => JSON.parse(text) as { events: FallEvent[]; replicas: ReplicaEntry[] }, () => undefined);
    this.events = [...kept?.events ?? [], ...this.events];
    this.replicas = kept?.replicas ?? [];
    if (this.isOn) this.again();
  }

  async close(): Promise<void> {
    this.closed = true;
    this.parts.clock.clearTimeout(this.timer);
    await this.saving;
  }

  note(kind: FallEvent['kind'], node: string): void {
    this.events.push({ node, kind, atMs: this.parts.clock.now() });
    if (this.events.length > MAX_FALL_EVENTS) this.events.shift();
    this.save();
  }

  /** Undefined when the path is none of its own. */
  async answer({ method, path, admit }: MovementCall): Promise<unknown> {
    if (path === PATH && method === 'GET') return this.told();
    if (path === `${PATH}/replicas`) return this.change(method, await admit(MAX_REGISTRATION_BYTES));
    if (path === `${PATH}/state` && method === 'POST') return this.report(await admit(MAX_REGISTRATION_BYTES));
    return undefined;
  }

  /** Registers replicas for whoever needs one; the owner begins as soon as it hears of it. */
  look(): void {
    const alive = this.parts.registry.list().filter(({ state }) => state === 'alive').map(({ name }) => name);
    for (const { owner, replica } of chooseReplicas(this.events, alive, this.replicas, this.parts.clock.now(), this.constants)) this.register(owner, replica);
  }

  private get isOn(): boolean {
    return this.parts.environment['PLACEMENT']?.toLowerCase() !== 'false';
  }

  private get file(): string {
    return join(this.parts.stateDir, 'movement.json');
  }

  private told(): object {
    const nodes = this.parts.registry.list().map(({ name, url, parent, state }) => ({ name, url, isHead: parent === null, isAlive: state === 'alive' }));
    return { nodes, replicas: this.replicas, restarts: this.events };
  }

  private register(owner: string, replica: string): void {
    if (this.replicas.some((each) => each.owner === owner && each.replica === replica)) return;
    this.replicas.push({ owner, replica, state: 'registered', sinceMs: this.parts.clock.now() });
    this.parts.log.info({ owner, replica }, 'a replica was registered');
    this.save();
  }

  /** An operator's word, or another program's. */
  private change(method: string, { body }: { body: unknown }): object {
    const fields = new Fields(body);
    const owner = fields.text('owner');
    const replica = fields.text('replica');
    const known = this.parts.registry.list().map(({ name }) => name);
    for (const name of [owner, replica]) if (!known.includes(name)) throw nodeUnknown(name, known);
    if (owner === replica) throw new Fault('PARAMETER_INVALID', { name: 'replica', reason: 'it is another node than the owner' });
    if (method === 'POST') this.register(owner, replica);
    else if (method === 'DELETE') {
      this.replicas = this.replicas.filter((each) => each.owner !== owner || each.replica !== replica);
      this.save();
    } else throw new Fault('METHOD_NOT_ALLOWED', { allowed: 'POST or DELETE' });
    return { replicas: this.replicas };
  }

  /** Only an owner says how far its replicas are. */
  private report({ caller, body }: { caller: 'admin' | { peer: string }; body: unknown }): object {
    const fields = new Fields(body);
    if (caller === 'admin') throw new Fault('FORBIDDEN', { reason: 'only the owner says how far its replicas are' });
    const entry = this.replicas.find((each) => each.owner === caller.peer && each.replica === fields.text('replica'));
    if (entry) {
      entry.state = fields.text('state') === 'live' ? 'live' : 'registered';
      this.save();
    }
    return { replicas: this.replicas.filter(({ owner }) => owner === caller.peer) };
  }

  private again(): void {
    const seconds = Number(this.parts.environment['PLACEMENT_INTERVAL'] ?? DEFAULT_INTERVAL_S);
    this.timer = this.parts.clock.setTimeout(() => {
      this.look();
      if (!this.closed) this.again();
    }, (seconds > 0 ? seconds : DEFAULT_INTERVAL_S) * 1_000);
  }

  private save(): void {
    const text = () => JSON.stringify({ events: this.events, replicas: this.replicas });
    this.saving = this.saving.then(() => writeAtomically(this.file, text()))
      .catch((error: unknown) => this.parts.log.warn({ reason: (error as Error).message }, 'the table of replicas could not be kept'));
  }
}
