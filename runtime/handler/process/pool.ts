/**
 * The worker processes of a node, or its worker threads. A spare one is kept started, because starting takes longer than any call;
 * whoever needs a process takes it and another is started in its place.
 */
import type { Clock, Timer } from '../../base/clock.js';
import type { FunctionLog } from '../log.js';
import type { StartHost } from './host.js';
import { Member } from './member.js';
import type { Line, Load, Loaded } from './messages.js';
import { createReaper, type Reaper } from './reaper.js';

export interface PoolOptions {
  clock: Clock;
  log: FunctionLog;
  host: StartHost;
  /** Processes kept warm. */
  spare: number;
  memoryLimitMb: number;
}

/** What its user wants to know of a process it took. */
export interface Tenant {
  /** Name of the function for the log. */
  service: string;
  died(member: Member, reason: string): void;
}

/** The place of a process that was taken is filled again when the call that took it has had its turn on the processor. */
const REFILL_AFTER_MS = 100;
/** Functions are inspected in a row; the process for it ends when none has come for so long. */
const INSPECTOR_IDLE_MS = 2_000;

export class Pool {
  readonly #members = new Set<Member>();
  readonly #tenants = new Map<Member, Tenant>();
  #spare: Member[] = [];
  #reaper: Reaper | undefined;
  #refill: Timer | undefined;
  #inspector: Member | undefined;
  #inspectorEnd: Timer | undefined;
  #inspections: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(private readonly options: PoolOptions) {}

  /** A process that nothing was loaded into yet. */
  take(tenant: Tenant): Member {
    const member = this.#spare.shift() ?? this.#start();
    this.#tenants.set(member, tenant);
    this.refill();
    return member;
  }

  /** Finds out a function's kind in a process that never runs calls. Rejects as `Member.inspect` does. */
  inspect(load: Load): Promise<Loaded> {
    const inspection = this.#inspections.then(() => this.#inspect(load));
    this.#inspections = inspection.catch(() => undefined);
    return inspection;
  }

  refill(): void {
    this.#refill ??= this.options.clock.setTimeout(() => {
      this.#refill = undefined;
      while (!this.#closed && this.#spare.length < this.options.spare) this.#spare.push(this.#start());
    }, REFILL_AFTER_MS);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.options.clock.clearTimeout(this.#refill);
    this.options.clock.clearTimeout(this.#inspectorEnd);
    const members = [...this.#members];
    for (const member of members) member.kill('the node is shutting down');
    await Promise.all(members.map((member) => member.gone()));
    this.#reaper?.close();
  }

  async #inspect(load: Load): Promise<Loaded> {
    const { clock } = this.options;
    clock.clearTimeout(this.#inspectorEnd);
    const tenant: Tenant = { service: load.service, died: (member) => this.#forgetInspector(member) };
    const inspector = this.#inspector ??= this.take(tenant);
    this.#tenants.set(inspector, tenant);
    try {
      return await inspector.inspect(load);
    } finally {
      this.#inspectorEnd = clock.setTimeout(() => {
        this.#forgetInspector(inspector);
        void inspector.retire();
      }, INSPECTOR_IDLE_MS);
    }
  }

  #forgetInspector(member: Member): void {
    if (this.#inspector === member) this.#inspector = undefined;
  }

  #start(): Member {
    const member = new Member({
      clock: this.options.clock, host: this.options.host, memoryLimitMb: this.options.memoryLimitMb,
      log: (line) => this.#log(member, line), died: (_, reason) => this.#died(member, reason),
    });
    this.#members.add(member);
    if (member.pid !== undefined) (this.#reaper ??= createReaper()).born(member.pid);
    return member;
  }

  #log(member: Member, line: Line): void {
    this.options.log({ ...line, function: this.#tenants.get(member)?.service ?? '-' });
  }

  #died(member: Member, reason: string): void {
    void member.gone().then(() => {
      this.#members.delete(member);
      if (member.pid !== undefined) this.#reaper?.died(member.pid);
    });
    const tenant = this.#tenants.get(member);
    this.#tenants.delete(member);
    if (tenant) return tenant.died(member, reason);
    this.#spare = this.#spare.filter((one) => one !== member);
    if (!this.#closed) this.refill();
  }
}
